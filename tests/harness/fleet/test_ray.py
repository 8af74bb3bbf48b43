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
SHAPES = [word for rows in range(1, 6) for word in ("--shape", f"N={rows},M=16")]
MANY = [word for rows in range(1, 13) for word in ("--shape", f"N={rows},M=16")]
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


def cases_in(folder):
    """How many complete attempts a store has."""
    return len(list(folder.glob("store/runs/n/parts/*/*/*.done")))


@needs_ray
def test_kinds_are_run_whole_though_the_driver_a_worker_and_a_node_are_killed(cluster, tmp_path):
    store, on = f"file://{tmp_path}/store", ("--on", f"ray:{cluster.address}")
    kinds = (*on, "--kinds", "cpu:plain,cpu:other,gpu:h100")
    first = Command(tmp_path, *RACE, *SHAPES, "--store", store, "--id", "n", *kinds)
    # The anchors of two kinds are six, the rest are cases.
    assert first.reaches(lambda: cases_in(tmp_path) >= 8)
    first.kill()
    assert within(PATIENCE, lambda: not cluster.racing())
    there = set(tmp_path.glob("store/runs/n/parts/*/*/*.jsonl"))

    second = Command(tmp_path, "run", "-q", "--json", "--resume", f"{store}/runs/n", *kinds)
    assert second.reaches(lambda: cluster.kill_worker("two"))
    assert second.reaches(lambda: cases_in(tmp_path) > len(there))
    cluster.kill_node("two")
    document, errors, code = second.end()

    assert code == 3, errors
    assert "gpu:h100: 5 cases, not run unless a node comes: no node has the label" in errors
    assert {name: kind["done"] for name, kind in document["kinds"].items()} == {
        "cpu:plain": 5,
        "cpu:other": 5,
        "gpu:h100": 0,
    }
    assert "opbench-kind=h100" in document["kinds"]["gpu:h100"]["not run because"]
    assert document["repeated"] <= 2
    found = collect(StoredRun(store, "n"))
    assert [(one.cases, one.whole, one.unusable) for one in found] == [(5, True, ())] * 2
    assert sum(one.repeated for one in found) <= 2
    assert there <= set(tmp_path.glob("store/runs/n/parts/*/*/*.jsonl"))
    assert is_as_run_here(found, tmp_path)
    kinds_stand_side_by_side(f"{store}/runs/n")


@needs_ray
def test_ctrl_c_leaves_what_is_done_in_s3_and_says_how_to_go_on(cluster, bucket, tmp_path):
    on = ("--on", f"ray:{cluster.address}", "--kinds", "cpu:plain")
    first = Command(tmp_path, *RACE, *MANY, "--store", bucket, "--id", "n", *on)
    assert first.reaches(lambda: done_in(bucket) >= 5)
    first.process.send_signal(signal.SIGINT)
    _, errors, code = first.end()
    assert code == 130, errors
    assert f"opbench run --resume {bucket}/runs/n {' '.join(on)}`" in errors
    assert within(PATIENCE, lambda: not cluster.racing())
    left = collect(StoredRun(bucket, "n"))
    assert [one.whole for one in left] == [False]

    second = Command(tmp_path, "run", "-q", "--json", "--resume", f"{bucket}/runs/n", *on)
    _, errors, code = second.end()
    assert code in (0, 3), errors
    (found,) = collect(StoredRun(bucket, "n"))
    assert (found.whole, found.cases, found.unusable) == (True, len(MANY) // 2, ())


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
    raced = [r.case.key for r in stored.lines if not is_anchor(r)]
    assert len(raced) == len(set(raced)) == cases


def done_in(bucket):
    """How many complete attempts a bucket has."""
    files = fsspec.filesystem("s3")
    # Listings are remembered, and nodes write meanwhile.
    files.invalidate_cache()
    return len(files.glob(f"{bucket}/runs/n/parts/*/*/*.done"))


def is_as_run_here(found, folder):
    """Whether the records of all kinds are those of a run on this machine, but for the times."""
    here = run(*RACE, *SHAPES, "--store", f"file://{folder}/here", "--id", "n")
    assert here.code == 0, here.err
    (local,) = collect(StoredRun(f"file://{folder}/here", "n"))
    assert local.environment.key in {one.environment.key for one in found}
    return all(plain(one.lines) == plain(local.lines) for one in found)


def plain(records):
    """What records say but for times, environments, anchors, and who needs a module."""
    return sorted(
        (r.case.key, r.contender, type(r.outcome).__name__, r.fingerprint, r.caveats, r.compiled)
        for r in records
        if not is_anchor(r) and r.contender != "elsewhere"
    )


def kinds_stand_side_by_side(url):
    """That a run's matrix has both environments, each with winners of its own, and nothing else."""
    matrix = json.loads(run("matrix", url, "--json").out)
    kinds = [kind["label"] for kind in matrix["kinds"]]
    assert sorted(kinds) == ["cpu:other", "cpu:plain"]
    assert len({kind["machine"]["environment_key"] for kind in matrix["kinds"]}) == 2
    assert len(matrix["cases"]) == 5
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
