"""The pytest plugin in projects of other people: what it collects, and that it stays aside."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.harness.strangers import install
from tests.places import LOADED

BRIEF = ["-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.01", "--benchmark-min-rounds=2"]
COLLECT = [*BRIEF, "--collect-only"]
TEST = "def test_mine():\n    assert True\n"
#: What pytest imports of opbench unasked.
HOOKS = ("harness", "harness.pytest_plugin", "harness.pytest_plugin.hooks")


@pytest.fixture
def project(tmp_path):
    """A project with tests, an op with its contenders, and a contender of the op elsewhere."""
    shutil.copy(LOADED / "row_sum.py", tmp_path / "ops.py")
    with (tmp_path / "ops.py").open("a") as file:
        file.write("\n\n" + TEST)
    (tmp_path / "mine.py").write_text(
        'from opbench import impl\n\n\n@impl("patch_pooling")\n'
        "def mine(tokens, lengths, *, fill=-1.0):\n    raise RuntimeError('never called')\n"
    )
    (tmp_path / "test_mine.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return tmp_path


def run_pytest(folder, *words, python=sys.executable):
    command = [python, "-m", "pytest", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def collected(folder, *words, **where):
    done = run_pytest(folder, *COLLECT, *words, **where)
    assert done.returncode == 0, done.stdout
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_nothing_is_collected_or_imported_without_an_option(project):
    found = collected(project, "ops.py", "test_mine.py")
    assert found == ["ops.py::test_mine", "test_mine.py::test_mine"]
    code = (
        "import sys, pytest; pytest.main(sys.argv[1:]); print([m for m in sys.modules if "
        "m.split('.')[0] in ('torch', 'numpy', 'opbench')])"
    )
    command = [sys.executable, "-c", code, *COLLECT, "test_mine.py"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert str(["opbench", *(f"opbench.{name}" for name in HOOKS)]) in done.stdout


def test_pytest_may_be_called_after_opbench_was_imported(project):
    """Of a plugin's packages it warns where it comes too late to rewrite their asserts."""
    code = (
        "import sys, pytest, opbench.harness.planning.cases, opbench.results.report.table; "
        "import opbench.dashboards, opbench.impls, opbench.suites; "
        "sys.exit(pytest.main(['-q', '-W', 'error', 'test_mine.py']))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, check=True)


def test_a_file_that_is_named_gives_its_ops_and_contenders(project):
    found = collected(project, "--opbench", "ops.py", "mine.py")
    assert "ops.py::test_mine" in found
    assert "ops.py::row_sum-tall-normal-float32-forward-summed" in found
    theirs = [line for line in found if line.startswith("mine.py")]
    assert theirs
    assert all(line.endswith("-mine") and "patch_pooling" in line for line in theirs)


def test_without_a_path_the_catalogue_is_collected_alone(project):
    found = collected(
        project, "--opbench", "--opbench-load=ops.py", "-k", "row_sum or mine or view"
    )
    assert all(line.startswith("opbench::") for line in found)
    assert "opbench::row_sum-tall-normal-float32-forward-loop" in found
    # An op with several boards has an item on each.
    assert any("-view-" in line for line in found)
    assert not any("test_mine" in line for line in found)


def test_files_of_a_project(project):
    (project / "pytest.ini").write_text("[pytest]\nopbench_files = op*.py\n")
    found = collected(project, ".")
    assert "ops.py::row_sum-small-normal-float32-forward-summed" in found
    assert "test_mine.py::test_mine" in found
    one = "ops.py::row_sum-small-normal-float32-forward-summed"
    assert collected(project, one) == [one]


def test_an_installed_suite_in_an_environment_of_its_own(project):
    python = install(project, (LOADED / "row_sum.py").read_text())
    report = project / "out.json"
    words = [*BRIEF, "--opbench", "-k", "row_sum-small", f"--benchmark-json={report}"]
    done = run_pytest(project, *words, python=python)
    assert done.returncode == 0, done.stdout
    assert "3 passed, 1 skipped" in done.stdout
    document = json.loads(report.read_text())
    head, items = document["opbench"]["run"], document["benchmarks"]
    assert (head["id"], head["command"][0]) == ("pytest", "pytest")
    assert {item["extra_info"]["contender"] for item in items} == {
        "summed",
        "loop",
        "without_gradient",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--opbench-grid=fine"], "--opbench-grid=fine is not one of quick, full"),
        (["--opbench-pass=back"], "--opbench-pass=back is not one of forward, backward, both"),
        (["--opbench-dtype=float3"], "float3"),
        (["-p", "no:benchmark"], "timed by pytest-benchmark, which is switched off here"),
    ],
)
def test_uncollectable_items_have_a_reason(project, words, message):
    brief = ["-q", "--collect-only"]
    done = run_pytest(project, *brief, "--opbench", *words)
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert message in done.stdout
