"""Whatever a module does while it is imported is reported of that module, and ends nothing else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import opbench
from opbench.harness.declaration.origins import name_of_file
from opbench.results.errors import DeclarationError
from tests.harness.projects import COMMAND, OPS

#: What a file may do instead of declaring, and what is reported of it.
ENDINGS = {
    "import sys\nsys.exit(0)": r"cannot be loaded: SystemExit: 0 \(line 2\)",
    "raise SystemExit": r"cannot be loaded: SystemExit: no message \(line 1\)",
    "exit(3)": "cannot be loaded: SystemExit: 3",
    "import os\nos._exit(0)": r"cannot be loaded: SystemExit: 0 \(line 2\)",
    "raise KeyboardInterrupt('stop')": "cannot be loaded: KeyboardInterrupt: stop",
    "raise GeneratorExit": "cannot be loaded: GeneratorExit",
    "class Own(BaseException): pass\nraise Own('x')": r"cannot be loaded: Own: x \(line 2\)",
    "def f(): f()\nf()": "cannot be loaded: RecursionError: maximum",
    "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('old')": "UserWarning: old",
    "class Own(Exception):\n    def __str__(self): 1/0\nraise Own": "Own: no message",
    "raise ValueError('two lines:\\n  the second\\nthird')": "ValueError: two lines: the second",
    "x = 1": "declares nothing: no Op has a name in it",
    "from opbench import impl\n@impl\ndef mine(x): ...": (
        r"\.py:2: @impl above 'mine' lacks the name of an op: write @impl\(\"patch_pooling\"\)"
    ),
    "from opbench import impl\n\n@impl(3)\ndef mine(x): ...": r"\.py:3: @impl: op is 3",
    "from opbench import Op\nOp(name='x')": r"TypeError: .*'oracle'.* \(line 2\)",
}


@pytest.mark.parametrize(("text", "message"), ENDINGS.items(), ids=range(len(ENDINGS)))
def test_file_that_raises_or_exits_is_named_with_its_line(tmp_path, recwarn, text, message):
    path, out, leave = tmp_path / "mine.py", sys.stdout, os._exit
    path.write_text(text)
    with pytest.raises(DeclarationError, match=message) as caught:
        opbench.load(path, entry_points=False)
    assert str(path) in str(caught.value)
    assert (sys.stdout, os._exit) == (out, leave)
    assert (name_of_file(path) in sys.modules) == (text == "x = 1")


def test_ctrl_c_while_a_file_is_loaded_interrupts(tmp_path):
    path = tmp_path / "waits.py"
    path.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor i in range(9): i")
    with pytest.raises(KeyboardInterrupt):
        opbench.load(path, entry_points=False)


@pytest.mark.parametrize("verb", ["list", "check", "run", "profile"])
def test_file_that_exits_ends_the_command_with_code_2(tmp_path, verb):
    (tmp_path / "e.py").write_text("import os\nos._exit(0)")
    quiet = () if verb == "list" else ("--quiet",)
    command = (*COMMAND, verb, "--load", "./e.py", *quiet)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    reported = f"opbench {verb}: ./e.py cannot be loaded: SystemExit: 0 (line 2)\n"
    assert (done.stdout, done.stderr) == ("", reported)
    assert os.listdir(tmp_path) == ["e.py"]  # noqa: PTH208


def test_output_of_a_loaded_file_is_not_in_the_json(tmp_path):
    noise = "print('by print')\nimport os\nos.write(1, b'by write\\n')\nos.system('echo by echo')\n"
    (tmp_path / "ops.py").write_text(OPS + noise)
    command = (*COMMAND, "list", "impls", "row_sum", "--load", "./ops.py", "--json")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (first, *_) = json.loads(done.stdout)
    assert first["declared in"] == "./ops.py"
    for how in ("print", "write", "echo"):
        assert f"by {how}" in done.stderr


def test_handlers_of_signals_of_a_file_last_while_it_is_loaded(tmp_path):
    path = tmp_path / "mine.py"
    lines = (f"signal.signal(signal.{name}, signal.SIG_IGN)" for name in ("SIGINT", "SIGTERM"))
    path.write_text("\n".join((OPS, "import signal", *lines)))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    opbench.load(path, entry_points=False)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(
    "lines",
    [
        "import builtins; builtins.print = None",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import os; os.close(2)",
        "import sys; sys.stderr = sys.exit = None; sys.argv.clear()",
        "import signal; signal.alarm(1)",
        "import atexit, os; atexit.register(lambda: os._exit(0))",
        "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
        "import os; os.fork()",
    ],
)
def test_the_command_stays_its_own_whatever_a_file_sets(tmp_path, lines):
    (tmp_path / "ops.py").write_text(OPS + lines)
    command = (*COMMAND, "list", "impls", "row_sum", "--impl", "nobody", "--load", "./ops.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "there is no contender of row_sum named 'nobody'" in line


def test_a_name_with_a_line_break_is_on_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeclarationError) as caught:
        opbench.load("./no\nsuch.py", entry_points=False)
    assert str(caught.value) == "./no\\nsuch.py: there is no file no\\nsuch.py"


def test_outputs_go_where_the_command_is_called(tmp_path):
    (tmp_path / "away").mkdir()
    (tmp_path / "ops.py").write_text("import os\nos.chdir('away')\n" + OPS)
    brief = ("--threads", "1", "--budget", "10ms", "--in-process", "--quiet", "--id", "one")
    command = (*COMMAND, "run", "row_sum", "--load", "ops.py", *brief)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "runs" / "one" / "run.json").is_file()


def test_a_file_that_crashes_is_named_with_its_line(tmp_path):
    (tmp_path / "ops.py").write_text("import ctypes\nctypes.string_at(0)\n")
    command = (*COMMAND, "list", "ops", "--load", "./ops.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == -signal.SIGSEGV
    assert 'ops.py", line 2 in <module>' in done.stderr


def test_files_load_without_standard_streams(tmp_path):
    (tmp_path / "ops.py").write_text(OPS)
    code = "import opbench; assert opbench.load('ops.py').ops"
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f'"{sys.executable}" -c "{code}" {closed}'
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)


def test_file_given_by_several_names_is_loaded_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "one_of_several_names.py"
    path.write_text(OPS)
    (tmp_path / "link.py").symlink_to(path)
    names = (path, f"./{path.name}", path.name, "link.py", path.stem)
    for first in names:
        catalog = opbench.load(first, *names, entry_points=False)
        assert len(catalog.impls["row_sum"]) == 3
    del sys.modules[path.stem]


def test_messages_name_files_by_their_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.py").write_text(OPS)
    Path("other.py").write_text(OPS)
    with pytest.raises(DeclarationError, match=r"twice: in \./one\.py and in \./other\.py; rename"):
        opbench.load("one.py", "other.py", entry_points=False)
    Path("more.py").write_text(
        "from opbench import impl\n\n\n@impl('row_sum')\ndef summed(x): ...\n"
    )
    with pytest.raises(DeclarationError, match=r"as \./one\.py:18 and as \./more\.py:4"):
        opbench.load("one.py", "more.py", entry_points=False)
    assert opbench.load("one.py", entry_points=False).suites == {"one": ("row_sum",)}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.py", r"there is no file nowhere\.py"),
        ("no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("mine", r"there is no such module; did you mean \./mine\.py\?"),
        ("", "names no module"),
        ("json", "json declares nothing"),
        (Path("text.txt"), "is not a Python file"),
    ],
)
def test_name_of_no_module_raises(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OPS)
    Path("text.txt").write_text("text")
    with pytest.raises(DeclarationError, match=message):
        opbench.load(name, entry_points=False)
