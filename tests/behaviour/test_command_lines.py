"""Generated command lines: whatever is asked, it is done or refused, and nothing else happens.

Never a traceback or the exit code of a bug, never a file outside of where output is asked for,
never an input that is changed. What would measure for long gets a word that is refused.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opbench.harness.cli.app import main
from opbench.harness.cli.exit_codes import Exit
from tests.places import LOADED

CODES = {int(code) for code in Exit}
#: Where the commands may write: what was asked for, what is kept of the machine, what is published.
PUBLISHED = ("runs/one/tensorboard", "runs/torn/tensorboard", "runs/history")
OUTPUTS = {"-o", "--output", "--markdown", "--plot", "--summary"}
WRITABLE = tuple(f"home/{name}" for name in ("out", "cache", *PUBLISHED))

#: Words that stand for a value, good and bad, of any option.
HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                " ",
                "-",
                "--",
                ",",
                ",,",
                "..",
                ".",
                "/",
                "~",
                "*",
                "%s",
                "{}",
                "%",
                "0",
                "-1",
                "1e9",
            ),
            *(
                "inf",
                "nan",
                "1e999",
                "9" * 30,
                "3s",
                "3%",
                "x" * 5000,
                "\n",
                "a\nb",
                "\t",
                "é",
                "名前",
            ),
            *(
                "\udcff",
                "\u202e",
                "'",
                '"',
                "a,b",
                "a,,b",
                "true",
                "null",
                "[]",
                "../../up",
                "out",
                "runs",
            ),
            *(
                "runs/one",
                "runs/one/run.json",
                "runs/torn",
                "folder",
                "text",
                "ops.py",
                "broken.py",
            ),
            *(
                "row_sum",
                "small",
                "not small",
                "and",
                "((",
                "not " * 400 + "x",
                "(" * 300 + "x" + ")" * 300,
            ),
        ]
    ),
    st.text(st.characters(exclude_characters="\0"), max_size=8),
)
VALID = {
    "-k": ["small", "small and normal", "not tall"],
    "--impl": ["summed", "summed,loop", "loop"],
    "--device": ["cpu"],
    "--dtype": ["float32", "float64"],
    "--pass": ["forward", "backward", "forward,backward", "both"],
    "--inputs": ["normal", "ones"],
    "--board": ["compute"],
    "--layout": ["contiguous", "sliced"],
    "--grid": ["quick"],
    "--cache": ["warm", "cold"],
    "--threads": ["1", "2"],
    "--seed": ["0", "7"],
    "--load": ["ops.py"],
    "--budget": ["1ms", "1s"],
    "--precision": ["50%"],
    "--tie": ["1%"],
    "--processes": ["1", "2"],
    "--resume": ["runs/one", "runs/torn"],
    "--timeout": ["5s", "5m"],
    "--memory-limit": ["2G", "1.5GiB"],
    "--jobs": ["1", "2"],
    "--base": ["main", "HEAD~1", "."],
    "--base-python": ["/nowhere/python"],
    "--base-run": ["runs/one"],
    "--head": [".", "HEAD"],
    "--method": ["auto", "twins", "pairs"],
    "--alpha": ["1%"],
    "--min-slowdown": ["3%"],
    "--accepted": ["text", "folder", "out/none.toml"],
    "--summary": ["out/summary.md"],
    "--run": ["runs/one"],
    "--top": ["3"],
    "--seconds": ["1s"],
    "--units": ["1"],
    "--pairs": ["1"],
    "--sessions": ["1"],
    "--slowdowns": ["1%,2%"],
    "--plot": ["out/plot.png"],
    "--host": ["localhost"],
    "--port": ["0", "6006"],
    "--format": ["csv", "json", "markdown", "pytest-benchmark", "winners"],
    "--by": ["job", "sample"],
    "-o": ["out/exported"],
    "--runs": ["runs", "folder"],
    "--min-change": ["5%"],
    "--contender": ["impl"],
    "--markdown": ["out/pages"],
    "--columns": ["contender", "op,time", "ratio,bar"],
}
FLAGS = [
    "--json",
    "--quiet",
    "--wide",
    "--in-process",
    "--pairs",
    "--fresh",
    "--all-environments",
    "--help",
]
#: What each verb is given by position, and its options.
SELECTION = ["-k", "--impl", "--dtype", "--pass", "--inputs", "--board", "--layout", "--threads"]
SELECTION += ["--grid", "--cache", "--seed", "--load", "--device"]
VERBS = {
    "list": (["ops", "impls", "cases", "suites", "row_sum"], [*SELECTION, "--markdown"]),
    "check": (["row_sum"], [*SELECTION, "--timeout", "--memory-limit", "--jobs"]),
    "run": (
        ["row_sum"],
        [*SELECTION, "--budget", "--precision", "--tie", "--processes", "--resume"],
    ),
    "profile": (["row_sum"], [*SELECTION, "--base", "--base-python", "--head", "--run", "--top"]),
    "calibrate": (["row_sum"], [*SELECTION, "--seconds", "--units", "--slowdowns", "--plot"]),
    "show": (["runs/one", "row_sum"], ["-k"]),
    "compare": (["runs/one", "runs/torn", "row_sum"], ["-k", "--impl", "--min-slowdown"]),
    "gate": (
        ["row_sum"],
        [*SELECTION, "--base", "--base-run", "--method", "--accepted", "--summary"],
    ),
    "history": (["row_sum"], ["-k", "--impl", "--runs", "--min-change"]),
    "publish": (["runs/one"], []),
    "dashboard": (["runs/one"], ["--host", "--port"]),
    "export": (["runs/one"], ["--format", "--by", "-o"]),
    "report": (["runs/one", "runs/torn"], ["-o"]),
    "import": (["benchmarks.json", "text"], ["--contender"]),
}
#: Verbs that would measure, or serve, for long; each gets a word that is refused before.
LONG = {"run", "check", "profile", "calibrate", "gate", "dashboard"}
REFUSED = ["--board=nosuch", "--pass=sideways"]
#: And those that do so in this process, where they may; others would wait for one that loads torch.
HERE = {"run", "check", "profile"}
#: Where runs go that are made; never elsewhere.
MAKING = {"run", "profile", "gate", "calibrate", "import"}


@st.composite
def option(draw, names):
    name = draw(st.sampled_from(names))
    value = draw(st.one_of(st.sampled_from(VALID[name]), HOSTILE))
    return draw(st.sampled_from([[name, value], [f"{name}={value}"], [name]]))


def refusal(verb, words):
    """What is refused late, but before anything is waited for."""
    if verb == "dashboard":
        return st.just("--host=nonsense.invalid")
    if any(word.startswith("--base-run") for word in words):
        return st.just("--threads=0")
    return st.sampled_from(REFUSED)


@st.composite
def command_line(draw):
    """The words of a command that takes no long time, as people and scripts may write them."""
    verb = draw(st.sampled_from(sorted(VERBS)))
    places, names = VERBS[verb]
    parts = draw(
        st.lists(
            st.one_of(
                st.sampled_from(places).map(lambda word: [word]),
                *([option(names)] * 5 if names else []),
                st.sampled_from(FLAGS).map(lambda word: [word]),
                HOSTILE.map(lambda word: [word]),
                option(sorted(VALID)),
            ),
            max_size=5,
        )
    )
    words = [verb, *(word for part in parts for word in part)]
    if verb in LONG:
        words[1:1] = ["--in-process"] * (verb in HERE)
        # Last, as another host would count instead of it.
        words.append(draw(refusal(verb, words)))
    if verb == "calibrate":
        words.insert(1, draw(st.sampled_from(["--gate", "--ceilings"])))
    if verb in MAKING:
        words.insert(1, "--out=out")
    return words


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with runs, files and folders, which nothing may change, and places for output."""
    root = tmp_path_factory.mktemp("world") / "home"
    root.mkdir()
    with contextlib.chdir(root), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        shutil.copy(LOADED / "row_sum.py", "ops.py")
        Path("broken.py").write_text("def (:\n")
        Path("text").write_text("mine\n")
        Path("benchmarks.json").write_text(json.dumps({"benchmarks": [], "version": "5.0.0"}))
        for folder in ("folder", "out", "cache"):
            Path(folder).mkdir()
        words = ["run", "row_sum", "-k", "small", "--load", "ops.py", "--in-process"]
        assert called([*words, "--threads", "1", "--budget", "50ms", "--id", "one"])[0] == Exit.OK
        shutil.copytree("runs/one", "runs/torn")
        records = Path("runs/torn/records.jsonl")
        records.write_text(records.read_text()[:-40])
        yield root


def called(words):
    """The exit code, and what was printed, of a command line in this process."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            code = main(words)
        except SystemExit as stopped:
            code = stopped.code
    return code, out.getvalue(), error.getvalue()


def contents(root):
    """Every file and folder that is not for output, with what would change if it did."""
    return {
        str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns)
        if path.is_file()
        else None
        for path in root.rglob("*")
        if not str(path.relative_to(root)).startswith(WRITABLE) and path.name != "__pycache__"
    }


def outputs(words):
    """What a command line names as its outputs, from the folder above; no file of a run."""
    for word, following in pairwise([*words, ""]):
        name, _, value = word.partition("=")
        if name in OUTPUTS:
            path = os.path.normpath(Path("home", value or following))
            if not f"{path}/".startswith("home/runs/"):
                yield path


def judge(words, code, error, before, after):
    assert code in CODES, (words, code, error)
    assert "Traceback" not in error, (words, error)
    changed = {path for path in {*before, *after} if before.get(path, 0) != after.get(path, 0)}
    for output in outputs(words):
        # Folders that it lies in may have been made for it.
        changed = {
            path
            for path in changed
            if not f"{output}/".startswith(f"{path}/") and not path.startswith(f"{output}/")
        }
    assert changed == set(), words


@settings(
    max_examples=500, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
@given(words=command_line())
def test_every_request_is_done_or_refused(home, words):
    before = contents(home.parent)
    code, _, error = called(words)
    judge(words, code, error, before, contents(home.parent))


@settings(max_examples=12, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=command_line())
def test_a_process_of_its_own_is_no_different(home, words):
    before = contents(home.parent)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "opbench", *words],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    judge(words, done.returncode, done.stderr, before, contents(home.parent))


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--budget", "1ms", "--json"],
        ["run", "--pass", "both", "--cache", "cold", "--budget", "1ms", "--tie", "50%"],
        ["check", "--pairs", "--json", "--dtype", "float32"],
        ["profile", "--top", "1", "-q"],
    ],
)
def test_what_measures_writes_only_into_its_output(home, words):
    before = contents(home.parent)
    usual = ["row_sum", "--load", "ops.py", "--in-process", "--threads", "1"]
    more = [] if words[0] == "check" else ["-k", "small", "--out", "out"]
    code, _, error = called([*words, *usual, *more])
    judge(words, code, error, before, contents(home.parent))
    assert code == Exit.OK
