"""The real `opbench gate` on real repositories: what it finds, and every exit code.

A session takes long, since each of its processes imports torch: one shows several things.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import pytest

from opbench.harness.cli.exit_codes import Exit
from opbench.harness.execution.process import MARK
from opbench.results.records import Unit
from opbench.results.records.run_folder import open_run
from opbench.results.regression.report import report_of
from opbench.results.report.explanations import brief_of
from tests.harness import strangers
from tests.harness.processes import PATIENCE, environments, gone, within
from tests.harness.projects import (
    COMMAND,
    OPS,
    PATIENT,
    SHORT,
    commit,
    gate,
    git,
    repository,
    worktrees,
)
from tests.places import ROOT

ONE = ("--threads", "1")
LOAD = ("--load", "./ops.py", *ONE)
#: A torch option that makes who asks for memory and leaves it as it is a hundred times as slow.
OPTION = "\ntorch.use_deterministic_algorithms(True)\n"
#: A contender that is wrong where that option is set.
OPTIONED = """

@impl("row_sum")
def optioned(x):
    return x.sum(1) + torch.are_deterministic_algorithms_enabled()
"""


def edited(text, old, new):
    """The text with a change that is surely made."""
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.fixture
def project(tmp_path):
    """A repository of somebody's with ops in `ops.py`."""
    return repository(tmp_path / "theirs", {"ops.py": OPS, "sub/notes.txt": ""})


DEPTHWISE = "(1, 128, 14, 14, 128, 3, 1, 1, 1, 128)"
#: Shapes on which what is planted takes a millisecond or two, for many rounds in little time.
SHAPES = (
    ("suites/convolution_shapes.py", ("(1, 64, 56, 56, 64, 3, 1, 1, 1, 1)", DEPTHWISE)),
    ("suites/arrays.py", ('{"M": 512, "N": 32000, "K": 1}', '{"M": 512, "N": 2000, "K": 1}')),
    ("suites/reductions.py", ('"llama2": {"B": 64,', '"llama2": {"B": 4,')),
)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A gate of a branch of opbench's own contenders, three of which have got slower in it.

    Each takes several times as long, which is more than it strays on a machine that others use.
    """
    root = tmp_path_factory.mktemp("gated") / "ours"
    lookups = (ROOT / "impls/lookups.py").read_text()
    kernel = (ROOT / "impls/kernels/reductions.cpp").read_text()
    convolution = (ROOT / "impls/conv2d.py").read_text()
    repository(root, {"pyproject.toml": (ROOT / "pyproject.toml").read_text()})
    for name in ("suites", "impls"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "opbench").mkdir()
    for name in ("suites", "impls"):
        (root / "opbench" / name).symlink_to(f"../{name}")
    commit(root, {file: edited((ROOT / file).read_text(), *change) for file, change in SHAPES})
    gathered = "return matrix.gather(1, indexes)"
    call = "return torch.nn.functional.conv2d(x, w, b, stride, padding, dilation, groups)"
    without = f"with torch.backends.mkldnn.flags(enabled=False):\n        {call}"
    changed = {
        "impls/lookups.py": edited(lookups, gathered, gathered.replace(".g", ".clone().g")),
        "impls/kernels/reductions.cpp": '#pragma GCC optimize("no-tree-vectorize")\n' + kernel,
        "impls/conv2d.py": edited(convolution, call, without),
    }
    commit(root, changed, branch="slow")
    ops = ("gather_2d", "batched_softmax", "batched_logsumexp", "conv2d")
    impls = ("--impl", "gather,index,cpp,torch")
    cases = (
        "labels and (gather or index) or batched_softmax and tiny and torch "
        "or llama2 and logsumexp and cpp or block_3x3 and torch"
    )
    words = ("--base", "main", *ops, *impls, "-k", cases, *ONE, *PATIENT)
    done = gate(root, *words, "--id", "one", "--summary", "summary.md")
    return root, done


def found(root):
    """The verdict on each op and contender of a gate that is shown again."""
    report = report_of(open_run(root / "runs" / "one"))
    return {(f.case.op, f.contender): f.verdict for f in report.findings}


def slower(verdicts):
    """Whom the verdicts call slower."""
    return {key for key, verdict in verdicts.items() if verdict == "slower"}


def test_three_regressions_are_found_and_nothing_else(three):
    root, done = three
    assert done.code == Exit.REGRESSION, done.out + done.error
    verdicts = found(root)
    assert verdicts.keys() - slower(verdicts) == {
        ("gather_2d", "index"),
        ("batched_softmax", "torch"),
    }
    assert slower(verdicts) == {
        ("gather_2d", "gather"),
        ("batched_logsumexp", "cpp"),
        ("conv2d", "torch"),
    }
    assert "3 slower" in done.out


def test_the_summary_names_the_regressions_and_the_run(three):
    text = (three[0] / "summary.md").read_text()
    assert text.startswith("## opbench gate")
    assert "| batched_logsumexp | llama2 normal float32 forward | cpp | slower |" in text
    assert "runs/one" in text


def test_nothing_is_left_of_the_worktrees(three):
    assert worktrees(three[0]) == 1
    assert git(three[0], "branch", "--show-current").strip() == "slow"


def test_wrong_uncommitted_changes_are_found_from_a_subfolder(project):
    wrong = edited(OPS, "return x.sum(1)\n\n\n@", "return x.sum(1) + 1\n\n\n@")
    (project / "ops.py").write_text(wrong)
    words = ("row_sum", "--impl", "summed", "--load", "../ops.py", *ONE, *SHORT, "--json")
    done = gate(project / "sub", "--base", "main", *words)
    assert done.code == Exit.WRONG, done.error
    assert done.uncompared == {"summed": "head"}
    assert done.reported["gate"]["head"]["commit"].endswith("+")
    assert worktrees(project) == 1


def test_a_crash_of_the_head_names_its_signal(project):
    crashing = edited(OPS, "return x @ torch", "import os\n    os.abort()\n    return x @ torch")
    commit(project, {"ops.py": crashing})
    words = ("row_sum", "--impl", "multiplied", *LOAD, *SHORT, "--json")
    done = gate(project, "--base", "HEAD~1", *words)
    assert done.code == Exit.FAILED, done.error
    (item,) = done.reported["uncompared"]
    assert (item["contender"], item["status"]) == ("multiplied", "head")
    assert "SIGABRT" in item["outcome"]["head"]["reason"]


def test_vanished_contenders_do_not_pass_and_load_fails_none(project):
    """The uncommitted change isn't part of a head that is named."""
    renamed = edited(OPS, "def multiplied(", "def product(")
    commit(project, {"ops.py": renamed}, branch="renaming")
    (project / "ops.py").write_text("raise ValueError('not finished')\n")
    with loaded():
        words = ("--base", "main", "--head", "renaming", "row_sum")
        done = gate(project, *words, *LOAD, *SHORT, "--id", "one")
    assert done.code == Exit.INCONCLUSIVE, done.error
    verdicts = found(project)
    assert verdicts.keys() == {("row_sum", "summed"), ("row_sum", "with_scratch")}
    assert not slower(verdicts)
    assert not report_of(open_run(project / "runs" / "one")).is_void
    lines = [line for line in done.out.splitlines() if "no such contender" in line]
    assert any("product" in line and "new" in line for line in lines)
    assert any("multiplied" in line and "vanished" in line for line in lines)


def test_a_process_wide_option_is_found_and_can_be_accepted(project):
    accepted = (
        '[[accepted]]\nop = "row_sum"\nreason = "deterministic until #7"\nby = "ada"\n'
        "until = 2999-12-31\n"
    )
    commit(project, {"ops.py": OPS + OPTION, "opbench-accepted.toml": accepted})
    words = ("--base", "HEAD~1", "row_sum", "--impl", "with_scratch", *LOAD, *PATIENT)
    done = gate(project, *words, "--id", "one")
    assert done.code == Exit.OK, done.out + done.error
    assert found(project) == {("row_sum", "with_scratch"): "slower"}
    assert "as pairs (not twins" in done.out
    assert "accepted until 2999-12-31: row_sum with_scratch" in done.out
    assert "deterministic until #7 (ada)" in done.out


def test_what_is_slower_is_explained(project):
    many = "return sum(x.clone()[:, :1].sum(1) * 0 for _ in range(99)) + x.sum(1)"
    commit(project, {"ops.py": OPS.replace("return x.sum(1)", many, 1)})
    words = ("--base", "HEAD~1", "row_sum", "--impl", "summed", *LOAD, *PATIENT)
    done = gate(project, *words, "--explain", "--id", "one", "--summary", "summary.md")
    assert done.code == Exit.REGRESSION, done.out + done.error
    run = open_run(project / "runs" / "one")
    (explained,) = run.explanations()
    assert (explained.slower.side, explained.faster.side) == ("head", "base")
    assert explained.difference == "slower"
    for text in (done.out, (project / "summary.md").read_text()):
        assert brief_of(explained) in " ".join(text.split())


def test_another_environment_is_compared_and_named(project, tmp_path):
    """What is wrong there alone is nothing that the gate has to time."""
    commit(project, {"ops.py": OPS + OPTIONED})
    python = strangers.environment(tmp_path)
    site = next((tmp_path / "env").glob("lib/python*/site-packages"))
    (site / "other_torch.py").write_text("import torch" + OPTION)
    (site / "outer_option.pth").write_text("import other_torch\n")
    words = ("row_sum", "--impl", "optioned", *LOAD, *SHORT, "--json")
    done = gate(project, "--base-python", sys.executable, *words, python=str(python))
    assert done.code == Exit.WRONG, done.error
    assert done.uncompared == {"optioned": "head"}
    gated = done.reported["gate"]
    assert gated["method"] == "pairs"
    assert (gated["base"]["python"], gated["head"]["python"]) == (sys.executable, str(python))


@pytest.mark.parametrize(
    ("base", "words", "expected"),
    [
        ({"ops.py": "import a_module_that_nobody_has\n"}, (), "main does not load"),
        ({"ops.py": OPS}, ("--build", "echo no luck; exit 7"), "main does not build"),
        ({"ops.py": OPS.replace("row_sum", "column_sum")}, (), "no such contender"),
    ],
)
def test_a_base_without_the_contender_never_passes(tmp_path, base, words, expected):
    root = repository(tmp_path / "theirs", base)
    commit(root, {"ops.py": OPS, "head": ""}, branch="later")
    done = gate(root, "--base", "main", "row_sum", *LOAD, *words)
    assert done.code == Exit.NOTHING, done.out + done.error
    assert expected in done.out + done.error
    assert worktrees(root) == 1


def test_a_worker_that_does_not_start_exits_with_6(project):
    done = gate(project, "--base-python", "/bin/true", "row_sum", *LOAD)
    assert done.code == Exit.NOTHING
    assert "did not start: exited with code 0" in done.error


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--base", "main", "row_sun"), Exit.USAGE, "row_sum"),
        (("--base", "main", "row_sum", "-k", "huge"), Exit.USAGE, "the selection is empty"),
        (("--base", "main", "--base-python", "python3"), Exit.USAGE, "not allowed with"),
        (("--base", "nope", "row_sum"), Exit.USAGE, "no version 'nope'; give a commit"),
        (("--base-python", "/nowhere/python", "row_sum"), Exit.USAGE, "/nowhere/python"),
        (("row_sum",), Exit.USAGE, "--base"),
    ],
)
def test_wrong_arguments_are_refused_before_measuring(project, words, code, expected):
    done = gate(project, *words, *LOAD)
    assert done.code == code, done.error
    assert expected in done.error
    assert "Traceback" not in done.error
    assert not (project / "runs").exists()
    assert worktrees(project) == 1


@pytest.mark.parametrize(
    "words", [(), ("--head", "main"), ("--head", "HEAD", "--build", "sleep 600")]
)
def test_a_tree_is_not_compared_with_itself(project, words):
    """Of a wrong base nobody would ever hear otherwise. Its own runs are no change."""
    (project / "runs").mkdir()
    for _ in range(2):
        done = gate(project, "--base", "main", *LOAD, *words, "--summary", "new.md")
        assert done.code == Exit.NOTHING, done.error
        assert "main and " in done.error
        assert "are the same tree" in done.error
    assert list((project / "runs").iterdir()) == []


def test_a_gate_outside_of_a_repository_is_refused(tmp_path):
    (tmp_path / "ops.py").write_text(OPS)
    done = gate(tmp_path, "--base", "main", *LOAD, GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.code == Exit.NOTHING
    assert f"{tmp_path} is in no git repository" in done.error


def test_an_expired_entry_is_refused_before_measuring(project):
    entry = '[[accepted]]\nop = "row_sum"\nreason = "#1"\nby = "ada"\nuntil = 2020-01-31\n'
    (project / "opbench-accepted.toml").write_text(entry)
    done = gate(project, "--base", "main", "row_sum", *LOAD)
    assert done.code == Exit.USAGE
    assert "expired" in done.error
    assert "until 2020-01-31 by ada: #1" in done.error
    assert not (project / "runs").exists()


def has_measured(project):
    """Whether a gate that was begun has measured something: its folder holds a unit."""
    folder = project / "runs" / "one"
    if not (folder / "records.jsonl").is_file():
        return False
    return any(isinstance(line, Unit) for line in open_run(folder).lines())


def has_started(project):
    """Whether it has started a process in which both versions are to be loaded."""
    return any(MARK in variables for variables in environments(str(project.parent)))


ENDINGS = {
    "Ctrl-C": (has_measured, [signal.SIGINT]),
    "signalled to end": (has_started, [signal.SIGTERM]),
    "terminal closed": (has_started, [signal.SIGHUP]),
    "impatient": (has_started, [signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP]),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_gate_leaves_no_worktree_and_no_process(project, tmp_path, ending):
    moment, numbers = ENDINGS[ending]
    with begun(project, tmp_path, moment) as process:
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.01)
        _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "opbench gate: interrupted" in error
    assert "Traceback" not in error
    assert worktrees(project) == 1
    assert list((tmp_path / "temporary").iterdir()) == []
    assert gone(str(tmp_path))


def test_leftovers_of_a_killed_gate_are_removed_by_a_profile(project, tmp_path):
    """Its processes end by themselves."""
    with begun(project, tmp_path, has_measured) as process:
        process.kill()
        process.wait()
    assert worktrees(project) == 2
    assert gone(str(tmp_path))
    words = ("profile", "--base", "main", "--load", "nowhere.py")
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run((*COMMAND, *words), cwd=project, capture_output=True, env=environment)
    assert done.returncode == Exit.USAGE
    assert worktrees(project) == 1
    assert list((tmp_path / "temporary").iterdir()) == []


@contextmanager
def begun(project, tmp_path, moment):
    """A gate that has come to the moment; its temporary files are in a folder of their own."""
    (project / "sub" / "notes.txt").write_text("changed")
    (tmp_path / "temporary").mkdir()
    words = ("gate", "--base", "main", "row_sum", *LOAD, "--id", "one")
    process = subprocess.Popen(
        (*COMMAND, *words),
        cwd=project,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TOKEN": str(tmp_path), "TMPDIR": str(tmp_path / "temporary")},
    )
    with process:
        try:
            assert within(PATIENCE, lambda: moment(project))
            assert worktrees(project) == 2
            yield process
        finally:
            process.kill()


@contextmanager
def loaded():
    """Another process works all the while, and at most for two minutes."""
    program = "import time; end = time.time() + 120\nwhile time.time() < end: pass"
    with tempfile.TemporaryFile() as nowhere:
        process = subprocess.Popen((sys.executable, "-c", program), stdout=nowhere)
        try:
            yield
        finally:
            process.kill()
            process.wait()
