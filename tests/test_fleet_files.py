"""The files of docs/fleet, by which others start the parts of a run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect
from tests.places import LOADED, ROOT

FILES = ROOT / "docs/fleet"
SLURM = FILES / "slurm.sh"


def tool(name):
    return Path(sys.executable).with_name(name)


def test_each_is_shown_and_no_other():
    page = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
    assert {path.name for path in FILES.iterdir()} == set(re.findall(r"\(fleet/([\w.]+)\)", page))


def test_the_slurm_script_passes_shellcheck():
    done = subprocess.run([tool("shellcheck"), SLURM], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_jobs_of_a_slurm_array_make_one_run(tmp_path):
    """As Slurm starts them: a shell each, with its number and how many there are."""
    store = f"file://{tmp_path}/store"
    words = ("row_sum", "--load", str(LOADED / "row_sum.py"), "--threads", "1", "--budget", "0.1")
    for number in ("1", "2"):
        array = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": "2"}
        path = f"{tool('opbench').parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", SLURM, *words],
            env={**os.environ, **array, "PATH": path, "STORE": store, "RUN": "nightly"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    (collected,) = collect(StoredRun(store, "nightly"))
    assert (collected.cases, collected.whole) == (2, True)


@pytest.mark.parametrize("missing", ["STORE", "RUN"])
def test_the_slurm_script_says_what_it_lacks(missing):
    given = {"STORE": "file:///x", "RUN": "n", "PATH": os.environ["PATH"]}
    given.pop(missing)
    done = subprocess.run(["bash", SLURM], env=given, capture_output=True, text=True)
    assert done.returncode != 0
    assert missing in done.stderr


def test_the_job_of_kubernetes_gives_every_pod_its_part():
    job = yaml.safe_load((FILES / "kubernetes.yaml").read_text(encoding="utf-8"))
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (script,) = container["args"]
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", spec["parallelism"])
    assert (spec["backoffLimitPerIndex"], spec["podReplacementPolicy"]) == (2, "Failed")
    # The restarts of an index are counted only where its pods are not restarted in place.
    assert pod["restartPolicy"] == "Never"
    assert container["command"] == ["sh", "-c"]
    parts = [
        subprocess.run(
            ["sh", "-c", script.replace("exec opbench", "echo")],
            env={"JOB_COMPLETION_INDEX": str(index), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[-1]
        for index in range(spec["completions"])
    ]
    assert parts == [f"{index}/{spec['completions']}" for index in range(1, len(parts) + 1)]


def test_the_workflow_of_github_has_no_finding():
    command = [tool("zizmor"), "--quiet", "--offline", FILES / "github.yml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    workflow = yaml.safe_load((FILES / "github.yml").read_text(encoding="utf-8"))
    race = workflow["jobs"]["race"]
    (part,) = [step for step in race["steps"] if "--part" in step.get("run", "")]
    many = len(race["strategy"]["matrix"]["part"])
    assert f'--part "$PART/{many}"' in part["run"]
    assert workflow["jobs"]["collect"]["needs"] == "race"
