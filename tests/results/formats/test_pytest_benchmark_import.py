"""pytest-benchmark's JSON: written so that it and others read it, and read back."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from opbench.dashboards.publish import publish
from opbench.results.errors import RunFolderError
from opbench.results.formats import FORMATS
from opbench.results.formats.pytest_benchmark_import import read_benchmarks
from opbench.results.ranking.leaderboard import boards_of
from opbench.results.records import SCHEMA, Ceilings, Measured, run_folder
from opbench.results.report import frames
from tests.results.benchmark_files import document, entry, import_run, read
from tests.results.examples import case, info, make_run, measured, record, records

export = FORMATS["pytest-benchmark"]
#: A project that knows nothing of opbench.
PROJECT = """
import pytest

@pytest.mark.parametrize("n", [10, 100])
@pytest.mark.parametrize("way", [sorted, list], ids=["sorted", "list"])
def test_sort(benchmark, way, n):
    benchmark(way, range(n))

def test_alone(benchmark):
    benchmark(sum, range(9))

@pytest.mark.parametrize("n", [3])
@pytest.mark.benchmark(group="texts")
def test_upper(benchmark, n):
    benchmark("text".upper)

@pytest.mark.benchmark(group="texts")
def test_title(benchmark):
    benchmark("text".title)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with every kind of outcome, ceilings, and what only some records have."""
    folder = make_run(tmp_path_factory.mktemp("runs"))
    folder.append(
        Ceilings(
            environment_key="cpu-1234",
            device="cpu",
            threads=1,
            memory=((1024, 1e9),),
            matmul=(("float32", 1e10),),
            dispatch_s=1e-6,
        )
    )
    units = measured(1e-4, range(4), units=(0, 0, 1, 1), device_s=(1e-5, 2e-5, 3e-5, 4e-5))
    folder.append(record("units", units, case(shape="units"), output="it said this"))
    return folder


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """The run as JSON."""
    target = tmp_path_factory.mktemp("exported") / "run.json"
    export(run.path, target)
    return target


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """What pytest-benchmark writes of somebody else's project: with the samples, and without."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "test_speed.py").write_text(PROJECT)
    words = ["-q", "--benchmark-max-time=0.005", "--benchmark-min-rounds=3", "test_speed.py"]
    words += ["--benchmark-json=full.json", "--benchmark-save=s", "--benchmark-storage=saved"]
    subprocess.run([sys.executable, "-m", "pytest", *words], cwd=folder, check=True)
    (brief,) = folder.glob("saved/*/*.json")
    return folder / "full.json", brief


def test_a_run_comes_back_as_it_was(run, exported, tmp_path):
    found = import_run(exported, tmp_path, run_id="again")

    assert set(found.records()) == set(run.records())
    assert found.ceilings() == run.ceilings()
    assert found.info == replace(run.info, id="again")
    assert set(boards_of(found)) == set(boards_of(run))


def test_the_statistics_are_pytest_benchmarks(run, exported):
    document = json.loads(exported.read_text("utf-8"), parse_constant=pytest.fail)

    timed = [r for r in run.records() if isinstance(r.outcome, Measured)]
    assert len(document["benchmarks"]) == len(timed)
    for found, item in zip(document["benchmarks"], timed, strict=True):
        samples = pd.Series(item.outcome.samples_s)
        stats = found["stats"]
        assert stats["data"] == list(samples)
        assert stats["rounds"] == len(samples)
        assert stats["median"] == samples.median()
        assert math.isclose(stats["mean"], samples.mean())
        assert math.isclose(stats["stddev"], samples.std())
        assert stats["iterations"] == item.outcome.calls
    assert len({found["fullname"] for found in document["benchmarks"]}) == len(timed)
    assert document["machine_info"]["cpu"]["brand_raw"] == "Example | 2 cores"


def test_pytest_benchmark_reads_it(exported):
    """Its own command, grouping as it always does and by what a parameter is called."""
    words = ["-m", "pytest_benchmark", "compare", str(exported), "--sort=name", "--columns=median"]
    for more in ([], ["--group-by=param:contender"]):
        done = subprocess.run(
            [sys.executable, *words, *more], capture_output=True, text=True, check=True
        )
        assert "patch_pooling-large-normal-float32-backward-index_add" in done.stdout
    assert "benchmark 'contender=segment_reduce': 8 tests" in done.stdout


def test_items_that_saved_no_samples_have_their_median(exported, tmp_path):
    """--benchmark-save without --benchmark-save-data."""
    document = json.loads(exported.read_text("utf-8"))
    for item in document["benchmarks"]:
        del item["stats"]["data"]
    exported = tmp_path / "brief.json"
    exported.write_text(json.dumps(document))

    found = import_run(exported, tmp_path, run_id="brief").records()

    (one,) = [r for r in found if r.contender == "units"]
    assert one.outcome.samples_s == (document["benchmarks"][-1]["stats"]["median"],)
    assert (one.outcome.rounds, one.outcome.units, one.outcome.device_s) == ((), (), ())
    assert one.outcome.stopped == "only the median of 4 rounds was saved"


def test_a_foreign_suite(foreign, tmp_path):
    """Groups and functions are ops; what tells the benchmarks of one apart is the contender."""
    found = import_run(foreign[0], tmp_path, run_id="foreign")

    items = {i["fullname"]: i for i in json.loads(foreign[0].read_text())["benchmarks"]}
    names = {(r.case.op, r.contender) for r in found.records()}
    assert names == {
        ("test_speed.py::test_sort", "sorted-10"),
        ("test_speed.py::test_sort", "sorted-100"),
        ("test_speed.py::test_sort", "list-10"),
        ("test_speed.py::test_sort", "list-100"),
        ("test_speed.py::test_alone", "test_alone"),
        ("texts", "test_upper[3]"),
        ("texts", "test_title"),
    }
    (alone,) = [r for r in found.records() if r.contender == "test_alone"]
    stats = items["test_speed.py::test_alone"]["stats"]
    assert list(alone.outcome.samples_s) == stats["data"]
    assert alone.outcome.calls == stats["iterations"]
    assert alone.environment_key == found.info.environment.key
    assert dict(found.info.environment.stable)["python_implementation"] == "CPython"
    assert {row.verdict for board in boards_of(found) for row in board.rows} <= {
        "best",
        "undecided",
    }


def test_a_parameter_may_name_the_contender(foreign, tmp_path):
    found = import_run(foreign[0], tmp_path, run_id="by parameter", contender="way")

    sizes = {b.case.axes: b for b in boards_of(found) if b.case.op.endswith("test_sort")}
    assert set(sizes) == {(("n", 10),), (("n", 100),)}
    for board in sizes.values():
        assert {row.contender for row in board.rows} == {"sorted", "list"}
    assert sizes[("n", 100),].case.label == "100"
    with pytest.raises(RunFolderError, match=r"no .* parameter 'weight'.*; parameters: n, way"):
        import_run(foreign[0], tmp_path, run_id="none", contender="weight")


def test_a_foreign_suite_without_samples(foreign, tmp_path):
    found = import_run(foreign[1], tmp_path, run_id="brief")

    items = json.loads(foreign[1].read_text())["benchmarks"]
    medians = {(r.outcome.samples_s, r.outcome.calls) for r in found.records()}
    assert medians == {((i["stats"]["median"],), i["stats"]["iterations"]) for i in items}


@pytest.mark.parametrize("contender", ["", "way"])
def test_an_imported_run_can_be_published_and_exported(foreign, tmp_path, contender):
    found = import_run(foreign[0], tmp_path, run_id="one", contender=contender)

    publish(found)
    for name, write in FORMATS.items():
        write(found.path, tmp_path / name, by="job")
    frame = frames.read(found.path, by="sample")
    assert frame["round"].isna().all()
    again = import_run(tmp_path / "pytest-benchmark", tmp_path, run_id="two")
    # NaN, of what pytest-benchmark doesn't measure, is no equal of itself.
    assert list(map(repr, again.records())) == list(map(repr, found.records()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON .*give a file that --benchmark-json"),
        ("[1]", "is not pytest-benchmark's"),
        ({"benchmarks": []}, "is not pytest-benchmark's"),
        (document(), "holds no benchmarks; nothing was timed"),
        (document(entry(), version="6.0.0"), "by pytest-benchmark 6.0.0; this opbench reads up to"),
        ({"benchmarks": [{"name": "BM_sort/8", "real_time": 3.0}]}, "is not pytest-benchmark's"),
        ({"benchmarks": {}, "version": "5.0.0"}, "is not pytest-benchmark's: it has no list"),
        ("[" * 100_000, "is not JSON"),
        (document({"name": "x"}), "holds no benchmark that can be read: x has no stat"),
        (document(entry(stats={"data": [0.0]})), "t.py::test_a has a sample .* no time: 0.0"),
        (document(*[7] * 9), r"can be read: benchmark 1 .*; benchmark 5 is no .*; and 4 more"),
        (document(entry(), version="9" * 5000), "install a newer opbench"),
        (
            document(entry(extra_info={"opbench": {"schema": SCHEMA + 1}})),
            "written with schema .*: install a newer opbench",
        ),
        (
            document(opbench={"schema": SCHEMA, "run": {"type": "Nothing"}}),
            "not a record of opbench",
        ),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))

    with pytest.raises(RunFolderError, match=message) as caught:
        import_run(path, tmp_path, run_id="bad")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "bad").exists()


def test_a_record_that_was_changed_by_hand(exported, tmp_path):
    changed = json.loads(exported.read_text("utf-8"))
    changed["benchmarks"][0]["stats"]["data"].pop()
    (tmp_path / "x.json").write_text(json.dumps(changed))

    found = read_benchmarks(tmp_path / "x.json")
    (reported,) = found.left_out
    assert changed["benchmarks"][0]["fullname"] in reported
    assert "was changed: its record and samples don't fit" in reported
    whole = read_benchmarks(exported)
    assert len(found.lines) == len(whole.lines) - 1


def test_damaged_parts_of_an_export_are_named_and_the_rest_is_read(exported, tmp_path):
    changed = json.loads(exported.read_text("utf-8"))
    changed["benchmarks"][0]["extra_info"]["opbench"]["record"]["contender"] = 7
    del changed["benchmarks"][1]["extra_info"]["opbench"]["record"]
    changed["opbench"]["lines"] += [{"type": "Case"}, 7]
    (tmp_path / "x.json").write_text(json.dumps(changed))

    found = read_benchmarks(tmp_path / "x.json")
    assert len(found.left_out) == 4
    assert len(found.lines) == len(read_benchmarks(exported).lines) - 2
    assert found.info == read_benchmarks(exported).info


@pytest.mark.parametrize("own", [7, "mine", {"note": 1}, {"run": "mine"}, {"run": None}, []])
def test_a_key_called_opbench_may_be_somebody_elses(tmp_path, own):
    found = read(tmp_path, entry(extra_info={"opbench": "0.3.1"}), opbench=own)

    assert [line.contender for line in found.lines] == ["test_a"]
    assert found.info.command[:2] == ("opbench", "import")


@pytest.mark.parametrize("own", [{"schema": "draft-07", "title": "time"}, {"schema": None}])
def test_a_schema_that_is_no_number_is_somebody_elses(tmp_path, own):
    found = read(tmp_path, entry(extra_info={"opbench": own}))

    assert [line.contender for line in found.lines] == ["test_a"]
    assert found.left_out == ()


def test_names_that_no_other_run_has_are_warned_of(tmp_path):
    names = [f"t.py::test_a[<Way object at 0x7f00000{n}000>]" for n in (1, 2)]

    (remark,) = read(tmp_path, *map(entry, names)).remarks
    assert f"(2, first {names[0]}): give their parameters ids" in remark
    # Alone it is known by what comes before the address.
    assert read(tmp_path, entry(names[0])).remarks == ()


def test_a_pipe_is_read_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(RunFolderError, match="is not JSON"):
        read_benchmarks(pipe)

    descriptor = os.open(pipe, os.O_RDWR)
    os.write(descriptor, json.dumps(document(entry())).encode())
    closing = threading.Timer(0.1, os.close, [descriptor])
    closing.start()
    assert len(read_benchmarks(pipe).lines) == 1


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_file(device):
    with pytest.raises(RunFolderError, match=f"{device} cannot be read: it is a device"):
        read_benchmarks(Path(device))


@pytest.mark.parametrize(
    "machine",
    [..., None, [], "a laptop", {"cpu": "Some CPU"}, {"cpu": None}, {"cpu": {"brand": "Some CPU"}}],
)
def test_a_machine_in_another_form_or_none(tmp_path, machine):
    found = read(tmp_path, entry(), machine_info=machine)

    assert len(found.lines) == 1
    known = dict(found.info.environment.stable)
    assert (
        "Some CPU" in str(machine) <= str(known)
        or not known
        or known == {"machine_info": "a laptop"}
    )
    assert bool(found.remarks) == (not known)


def test_facts_of_a_hook_are_the_environment_where_there_are_no_others(tmp_path):
    """Two machines must not be taken for one."""
    keys = {
        read(tmp_path, entry(), machine_info={"host": host}).info.environment.key
        for host in ("one", "two")
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("reported", "created"),
    [
        ("2015-08-11T01:03:46.600839", "2015-08-11T01:03:46.600839"),
        (1735787045, "2025-01-02T03:04:05+00:00"),
        *[(bad, "") for bad in (..., None, "", "yesterday", 1e300, -1e300, [], {}, math.nan)],
    ],
)
def test_the_date(tmp_path, reported, created):
    found = read(tmp_path, entry(), datetime=reported)

    assert found.info.created == created
    assert any("no date" in remark for remark in found.remarks) == (not created)


@pytest.mark.parametrize("version", ["2.5.0", "3.4.1", "4.0.0", "5.2.3", "dev", "", None, 5, ...])
def test_versions(tmp_path, version):
    assert len(read(tmp_path, entry(), version=version).lines) == 1


def test_of_two_alike_the_first_counts(tmp_path):
    found = read(tmp_path, entry(), entry(stats={"median": 7.0}), entry("t.py::test_b"))

    assert [(r.contender, len(r.outcome.samples_s)) for r in found.lines] == [
        ("test_a", 3),
        ("test_b", 3),
    ]
    (reported,) = found.left_out
    assert "'test_a' of 't.py::test_a'" in reported
    assert "more than once: the first counts" in reported


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark(tmp_path, encoding):
    (tmp_path / "x.json").write_text(json.dumps(document(entry())), encoding=encoding)

    assert len(read_benchmarks(tmp_path / "x.json").lines) == 1


def test_a_missing_file_and_a_run_that_is_there(exported, tmp_path):
    with pytest.raises(RunFolderError, match=r"nowhere\.json cannot be read: No such file"):
        import_run(tmp_path / "nowhere.json", tmp_path, run_id="x")
    run_folder.create(tmp_path, info("x"))
    with pytest.raises(RunFolderError, match="exists already; give another --id"):
        import_run(exported, tmp_path, run_id="x")


def test_contenders_that_were_not_measured_come_back_too(tmp_path):
    folder = run_folder.create(tmp_path, info("wrong"))
    wrong = [r for r in records() if not isinstance(r.outcome, Measured)]
    for item in wrong:
        folder.append(item)
    export(folder.path, tmp_path / "wrong.json")

    assert import_run(tmp_path / "wrong.json", tmp_path, run_id="x").records() == tuple(wrong)
