"""Runs on a real Ray cluster: three nodes of two kinds, which lose workers, nodes and drivers."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import sysconfig
import venv

import fsspec
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from s3fs import S3FileSystem

from benchmarks.fleet_ray import killed
from benchmarks.ray_cluster import ENVIRONMENT, ray_cluster
from opbench.results.records import Record
from opbench.results.records.anchors import is_anchor
from opbench.results.store.attempts import StoredRun
from opbench.results.store.collecting import collect
from tests.behaviour.commands import run
from tests.harness.processes import PATIENCE, within
from tests.harness.runs import MINE
from tests.results.store.service import served

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'opbench[fleet]'"
)
SHAPES = [word for rows in range(1, 9) for word in ("--shape", f"N={rows},M=16")]
CASES = len(SHAPES) // 2
RACE = ("run", "row_sum", *MINE, "--budget", "0.2", "--threads", "1", "-q", "--json")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of another environment: it has a module more, and memory in one arena."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, symlinks=True)
    (packages,) = root.glob("lib/*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    (packages / "a_module_that_nobody_has.py").touch()
    return ["env", "MALLOC_ARENA_MAX=1", str(root / "bin" / "python")]


@pytest.fixture(scope="module")
def bucket():
    """A bucket of S3, which this process and all that it starts can find."""
    with (
        served(DomainDispatcherApplication(create_backend_app)) as variables,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in variables.items():
            patch.setenv(name, value)
        S3FileSystem.clear_instance_cache()
        fsspec.filesystem("s3").mkdir("bench")
        yield "s3://bench"
        S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def cluster(python, bucket):
    """A cluster of two nodes of one kind and one of another, which is another environment."""
    nodes = {"one": "plain", "two": "plain", "three": "other"}
    with ray_cluster(nodes, {"other": python}) as started:
        yield started


class Command:
    """`opbench WORDS` as a driver of the cluster, in a process of its own."""

    def __init__(self, folder, *words):
        command = [sys.executable, "-m", "opbench", *words]
        self.errors = (folder / "errors").open("a+")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={**os.environ, **ENVIRONMENT},
            cwd=folder,
        )

    def reaches(self, condition):
        """Whether a condition holds before it ends."""
        within(PATIENCE, lambda: condition() or self.process.poll() is not None)
        return self.process.poll() is None

    def kill(self):
        """Kill it, as where its machine is lost."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def end(self):
        """Its JSON, None where there is none, what it printed besides, and its exit code."""
        out, _ = self.process.communicate(timeout=PATIENCE)
        self.errors.seek(0)
        err = self.errors.read()
        self.errors.close()
        return json.loads(out) if out else None, err, self.process.returncode


@needs_ray
def test_kinds_are_run_whole_though_drivers_a_worker_and_a_node_are_lost(cluster, bucket, tmp_path):
    run_url, on = f"{bucket}/runs/n", ("--on", f"ray:{cluster.address}")
    kinds = (*on, "--kinds", "cpu:plain,cpu:other,gpu:h100")
    first = Command(tmp_path, *RACE, *SHAPES, "--store", bucket, "--id", "n", *kinds)
    is_interrupted(first, f"opbench run --resume {run_url} {' '.join(kinds)}`", bucket, cluster)
    resume = ("run", "-q", "--json", "--resume", run_url, *kinds)
    second, there = Command(tmp_path, *resume), files_of(bucket)
    assert second.reaches(lambda: done_in(bucket) > done_of(there))
    second.kill()
    assert within(PATIENCE, lambda: not cluster.racing())
    third, there = Command(tmp_path, *resume), files_of(bucket)
    assert third.reaches(lambda: cluster.kill_worker("two"))
    assert third.reaches(lambda: done_in(bucket) > done_of(there))
    cluster.kill_node("two")
    document, errors, code = third.end()

    assert code == 3, errors
    says_what_was_run(document, errors)
    found = collect(StoredRun(bucket, "n"))
    assert [(one.cases, one.whole, one.unusable) for one in found] == [(CASES, True, ())] * 2
    assert sum(one.repeated for one in found) <= 2
    assert there <= files_of(bucket)
    assert is_as_run_here(found, tmp_path)
    kinds_stand_side_by_side(run_url)


def is_interrupted(driver, hint, bucket, cluster):
    """That Ctrl-C ends a driver, with a hint how to go on, and leaves what is done."""
    # The anchors of two kinds are six, the rest are cases.
    assert driver.reaches(lambda: done_in(bucket) >= 8)
    driver.process.send_signal(signal.SIGINT)
    _, errors, code = driver.end()
    assert code == 130, errors
    assert hint in errors
    assert within(PATIENCE, lambda: not cluster.racing())
    assert not all(one.whole for one in collect(StoredRun(bucket, "n")))


def says_what_was_run(document, errors):
    """That the cases of each kind are counted, and the reason given where they aren't run."""
    why = f"gpu:h100: {CASES} cases, not run unless a node comes: no node has the label"
    assert why in errors
    assert {name: kind["done"] for name, kind in document["kinds"].items()} == {
        "cpu:plain": CASES,
        "cpu:other": CASES,
        "gpu:h100": 0,
    }
    assert "opbench-kind=h100" in document["kinds"]["gpu:h100"]["not run because"]
    assert document["repeated"] <= 2


@needs_ray
def test_twenty_random_kills_lose_no_case_and_double_none(cluster, tmp_path):
    # More cases than are done until the last kill, however quick the machine is.
    kills, cases = 20, 120
    found = killed(cluster, tmp_path, kills, cases, seed=0)
    assert min(found["killed"]["worker"], found["killed"]["node"]) >= 1
    assert sum(found["killed"].values()) >= kills
    assert found["done again"] <= sum(found["killed"].values())
    (stored,) = collect(StoredRun(f"file://{tmp_path}/store", "n"))
    assert (stored.cases, stored.whole, stored.unusable) == (cases, True, ())
    raced = [r.case.key for r in records_of(stored)]
    assert len(raced) == len(set(raced)) == cases


def records_of(collected):
    """The records of a collected run, without those of anchors and the machine's ceilings."""
    return [r for r in collected.lines if isinstance(r, Record) and not is_anchor(r)]


def files_of(bucket):
    """The attempts that a bucket has, and their marks."""
    files = fsspec.filesystem("s3")
    # Listings are remembered, and nodes write meanwhile.
    files.invalidate_cache()
    return set(files.glob(f"{bucket}/runs/n/parts/*/*/*"))


def done_of(files):
    """How many of some files are marks of complete attempts."""
    return sum(file.endswith(".done") for file in files)


def done_in(bucket):
    """How many complete attempts a bucket has."""
    return done_of(files_of(bucket))


def is_as_run_here(found, folder):
    """Whether the records of all kinds are those of a run on this machine, but for the times."""
    here = run(*RACE, *SHAPES, "--store", f"file://{folder}/here", "--id", "n")
    assert here.code == 0, here.err
    (local,) = collect(StoredRun(f"file://{folder}/here", "n"))
    assert local.environment.key in {one.environment.key for one in found}
    return all(plain(one) == plain(local) for one in found)


def plain(collected):
    """What records say but for times, environments, anchors, and who needs a module."""
    return sorted(
        (r.case.key, r.contender, type(r.outcome).__name__, r.fingerprint, r.caveats, r.compiled)
        for r in records_of(collected)
        if r.contender != "elsewhere"
    )


def kinds_stand_side_by_side(url):
    """That a run's matrix has both environments, each with winners of its own, and nothing else."""
    matrix = json.loads(run("matrix", url, "--json").out)
    kinds = [kind["label"] for kind in matrix["kinds"]]
    assert sorted(kinds) == ["cpu:other", "cpu:plain"]
    assert len({kind["machine"]["environment_key"] for kind in matrix["kinds"]}) == 2
    assert len(matrix["cases"]) == CASES
    for case in matrix["cases"]:
        for kind, standings in zip(kinds, case["standings"], strict=True):
            cells = {cell["contender"]: cell for cell in standings["cells"]}
            # Only the other environment has the module that it needs.
            assert (cells["elsewhere"]["time_s"] is not None) == (kind == "cpu:other")
            (best,) = [cell for cell in cells.values() if cell["verdict"] == "best"]
            assert best["ratio"] in (None, 1.0)
    refused = run("show", url)
    assert (refused.code, "#" in refused.err) == (2, True), refused.err


def test_without_ray_the_message_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['ray'] = None; from opbench.harness.cli.app import command"
    words = [*RACE, "--store", f"file://{tmp_path}/store", "--id", "n", "--on", "ray"]
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.argv = {['opbench', *words]!r}; command()"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "pip install 'opbench[fleet]', here and on every node" in done.stderr
    assert not (tmp_path / "store").exists()


def test_ray_is_not_imported_without_being_asked_for(tmp_path):
    code = "import sys; from opbench.harness.cli.app import main; code = main(sys.argv[1:])"
    check = f"{code}; sys.exit(code or 'ray' in sys.modules)"
    words = ["run", "row_sum", *MINE, "--budget", "0.05", "--impl", "summed", "-q", "--in-process"]
    subprocess.run([sys.executable, "-c", check, *words], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--on", "slurm"), "--on 'slurm': the engine is ray, ray:auto or ray:HOST:PORT"),
        (("--on", "ray"), "--on takes --store and --id: what nodes do goes into a store"),
        (("--on", "ray", "--part", "1/2"), "--part would say nothing to --on: leave it out"),
        (("--kinds", "cpu:a"), "--kinds are of a cluster's nodes: give --on as well"),
        (
            ("--on", "ray", "--store", "file:///x", "--id", "n", "--kinds", "tpu:4"),
            "--kinds: 'tpu:4' begins with no device",
        ),
        (
            ("--on", "ray", "--resume", "file:///x/runs/n"),
            "a run goes on as it was begun: leave --budget, --load, --threads, OP out",
        ),
    ],
)
def test_what_cannot_be_run_on_a_cluster_is_said(words, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*RACE, *words)
    assert (done.code, reason in done.err) == (2, True), done.err
