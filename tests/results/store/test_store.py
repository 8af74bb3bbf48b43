"""Runs in a store: whatever becomes of an upload, no case is lost and none counts twice."""

from dataclasses import replace

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.results.errors import RunFolderError
from opbench.results.records import Ceilings, Environment, Record
from opbench.results.store import attempts, collecting
from opbench.results.store.attempts import Part, StoredRun, digest_of
from opbench.results.store.collecting import collect, done_by, write
from opbench.results.store.opening import ensure_local, open_run
from opbench.results.store.urls import filesystem, parse
from tests.results.examples import ENVIRONMENT, case, info, measured

OTHER = Environment("gpu-99", (("gpu", "Example GPU"), ("torch", "2.13.0")))
CASES = tuple(case(shape=f"s{size}", size=size) for size in (1, 2, 3, 4))


def record(of, *, seed=0, environment=ENVIRONMENT):
    """A record whose samples tell one attempt from another."""
    outcome = measured(rounds=range(3), seed=seed)
    return Record(
        contender="mine", case=of, outcome=outcome, fingerprint="f", environment_key=environment.key
    )


@pytest.fixture
def store(tmp_path):
    return f"file://{tmp_path}/store"


def objects(store, ending):
    """The files of a store."""
    return sorted(p for p in filesystem(store)[0].find(filesystem(store)[1]) if p.endswith(ending))


def collected_records(run, **which):
    (one,) = collect(run, **which)
    return {line.case.shape: line for line in one.lines if isinstance(line, Record)}


def test_a_run_of_parts_is_collected_whole(store, tmp_path):
    run = StoredRun(store, "nightly")
    for index in (1, 2):
        part = Part(index, 2)
        head = replace(info(f"local-{index}"), settings=(("part", f"[{index}, 2]"),))
        for of in part.share(CASES):
            run.put(head, of, [record(of)])
        run.finish(ENVIRONMENT.key, part)
    ceilings = Ceilings(
        environment_key=ENVIRONMENT.key,
        device="cpu",
        threads=1,
        memory=((8, 1e9),),
        matmul=(("float32", 1e9),),
        dispatch_s=1e-6,
    )
    run.put(head, None, [ceilings])
    (one,) = collect(run)
    assert (one.cases, one.whole, one.repeated, one.incomplete) == (4, True, 0, 0)
    (folder,) = write([one], tmp_path, "nightly")
    assert {r.case for r in folder.records()} == set(CASES)
    assert folder.ceilings() == (ceilings,)
    assert folder.info.id == "nightly"
    assert folder.info.settings == ()
    assert open_run(f"{store}/runs/nightly").records() == folder.records()


def test_parts_that_are_not_finished_are_named(store):
    run = StoredRun(store, "n")
    run.put(replace(info(), settings=(("part", "[2, 3]"),)), CASES[1], [record(CASES[1])])
    assert collect(run)[0].unfinished == (Part(1, 3), Part(2, 3), Part(3, 3))
    run.finish(ENVIRONMENT.key, Part(2, 3))
    run.finish(OTHER.key, Part(1, 3))
    assert collect(run)[0].unfinished == (Part(1, 3), Part(3, 3))


def test_what_others_say_of_parts_is_not_believed(store):
    run = StoredRun(store, "n")
    for text in ('"x"', "[1]", '[1, "2"]', "7"):
        head = replace(info(), settings=(("part", text), ("load", "null")))
        run.put(head, CASES[0], [record(CASES[0])])
    system, root = filesystem(store)
    for name in ("0-of-0", "3-of-2", "²-of-3", "1-of-99999999999", "x"):
        system.makedirs(f"{root}/runs/n/finished/{ENVIRONMENT.key}/{name}")
        system.pipe_file(f"{root}/runs/n/finished/{ENVIRONMENT.key}/{name}/a", b"")
    assert collect(run)[0].unfinished == (Part(1, 1),)


def test_an_environment_of_which_nothing_can_be_used_is_named(store, caplog):
    run = StoredRun(store, "n")
    run.put(info(), CASES[0], [record(CASES[0])])
    run.put(replace(info(), environment=OTHER), CASES[0], [record(CASES[0], environment=OTHER)])
    system, _ = filesystem(store)
    (mark,) = [path for path in objects(store, ".done") if OTHER.key in path]
    system.rm(mark)
    assert [one.environment for one in collect(run)] == [ENVIRONMENT]
    assert f"of the environment {OTHER.key} nothing can be used: no attempt" in caplog.text


@given(st.integers(1, 12), st.integers(0, 40))
def test_parts_share_out_every_case_once(many, cases):
    shares = [Part(index, many).share(range(cases)) for index in range(1, many + 1)]
    assert sorted(item for share in shares for item in share) == list(range(cases))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


#: What may become of an upload: its case, and how it ended.
FATES = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(("whole", "torn", "no mark", "only the mark"))),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(FATES)
def test_whatever_becomes_of_uploads_the_first_whole_attempt_counts(tmp_path_factory, fates):
    store = f"file://{tmp_path_factory.mktemp('store')}"
    run = StoredRun(store, "n")
    system, _ = filesystem(store)
    expected, torn, marks = {}, 0, 0
    for seed, (number, fate) in enumerate(fates):
        before = set(objects(store, ".jsonl"))
        run.put(info(), CASES[number], [record(CASES[number], seed=seed)])
        (path,) = set(objects(store, ".jsonl")) - before
        mark = path.replace(".jsonl", ".done")
        if fate == "whole":
            expected.setdefault(CASES[number].shape, record(CASES[number], seed=seed))
        elif fate == "torn":
            system.pipe_file(path, system.cat_file(path)[: 40 * seed])
            torn += CASES[number].shape not in expected
        elif fate == "no mark":
            system.rm(mark)
            marks += 1
        else:
            system.rm(path)
    if not expected:
        with pytest.raises(RunFolderError, match="no complete attempt"):
            collect(run)
        return
    (one,) = collect(run)
    assert {line.case.shape: line for line in one.lines} == expected
    assert len(one.lines) == len(expected)
    assert one.incomplete == marks
    assert len(one.unusable) >= torn


def test_environments_are_never_mixed(store, tmp_path):
    run = StoredRun(store, "n")
    for environment in (ENVIRONMENT, OTHER):
        head = replace(info(), environment=environment)
        run.put(head, CASES[0], [record(CASES[0], environment=environment)])
    folders = write(collect(run), tmp_path, "n")
    assert [folder.path.name for folder in folders] == ["n-cpu-1234", "n-gpu-99"]
    url = f"{store}/runs/n"
    with pytest.raises(RunFolderError, match=r"name one: .*#cpu-1234 \(Example.*#gpu-99 \(Example"):
        open_run(url)
    assert open_run(f"{url}#gpu").info.environment == OTHER
    with pytest.raises(RunFolderError, match="environment xpu"):
        open_run(f"{url}#xpu")


def test_an_attempt_in_the_folder_of_another_environment_does_not_count(store):
    run = StoredRun(store, "n")
    run.put(info(), CASES[0], [record(CASES[0])])
    system, root = filesystem(store)
    system.mv(f"{root}/runs/n/parts/cpu-1234", f"{root}/runs/n/parts/gpu-99", recursive=True)
    with pytest.raises(RunFolderError, match="no complete attempt"):
        collect(run)


@pytest.mark.parametrize(("name", "value"), [("budget", "{}"), ("commit", '"{}"')])
def test_what_was_made_with_other_options_is_another_run(store, caplog, name, value):
    run = StoredRun(store, "n")
    heads = [
        replace(
            info(), created=f"2026-01-0{day}T00:00:00+00:00", settings=((name, value.format(day)),)
        )
        for day in (1, 2)
    ]
    for head, of in zip(heads, CASES, strict=False):
        run.put(head, of, [record(of)])
    assert set(collected_records(run)) == {"s1"}
    assert "made with other options" in caplog.text
    with pytest.raises(RunFolderError, match=rf"other options \({name}\); give another --id"):
        done_by(run, run.survey(), heads[1], ())


def test_the_same_file_may_lie_elsewhere(store):
    run = StoredRun(store, "n")
    for place, of in zip(("/a/ops.py", "/b/ops.py"), CASES, strict=False):
        run.put(replace(info(), settings=(("load", f'["{place}"]'),)), of, [record(of)])
    assert set(collected_records(run)) == {"s1", "s2"}


class Shaky(LocalFileSystem):
    """A store whose every operation fails a number of times."""

    protocol = "shaky"
    cachable = False
    failures = 0
    error = TimeoutError("the store didn't answer")

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("shaky://"))

    def _stumble(self):
        if Shaky.failures:
            Shaky.failures -= 1
            raise Shaky.error

    def pipe_file(self, path, value, **options):
        if Shaky.failures:
            super().pipe_file(path, value[: len(value) // 2])
        self._stumble()
        super().pipe_file(path, value, **options)

    def cat_file(self, path, **options):
        self._stumble()
        return super().cat_file(path, **options)

    def find(self, path, **options):
        self._stumble()
        return super().find(path, **options)


@pytest.fixture
def shaky(tmp_path, monkeypatch):
    # Of the URL of a scheme that it does not know, its base class makes a relative path.
    monkeypatch.chdir(tmp_path)
    fsspec.register_implementation("shaky", Shaky, clobber=True)
    monkeypatch.setattr(attempts, "_WAITS_S", (0.0, 0.0))
    Shaky.failures, Shaky.error = 0, TimeoutError("the store didn't answer")
    return f"shaky://{tmp_path}"


@pytest.mark.parametrize("failures", [1, 2])
def test_an_operation_that_fails_is_tried_again(shaky, failures):
    run = StoredRun(shaky, "n")
    Shaky.failures = failures
    run.put(info(), CASES[0], [record(CASES[0])])
    Shaky.failures = failures
    assert collected_records(run) == {"s1": record(CASES[0])}


def test_what_a_store_never_takes_is_an_error_and_does_not_count(shaky):
    run = StoredRun(shaky, "n")
    Shaky.failures = 99
    with pytest.raises(RunFolderError, match=r"runs/n cannot be read or written: the store didn't"):
        run.put(info(), CASES[0], [record(CASES[0])])
    Shaky.failures = 0
    with pytest.raises(RunFolderError, match="no complete attempt"):
        collect(run)


def test_what_is_forbidden_is_not_tried_again(shaky):
    Shaky.failures, Shaky.error = 1, PermissionError("not for you")
    with pytest.raises(RunFolderError, match="not for you"):
        StoredRun(shaky, "n").put(info(), CASES[0], [record(CASES[0])])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket/bench", "names no run of a store"),
        ("file:///x/runs/", "names no run of a store"),
        ("file:///x/runs/.hidden", "is no name for a run"),
        ("file:///x/runs/a/b", "is no name for a run"),
    ],
)
def test_a_url_that_names_no_run(url, reason):
    with pytest.raises(RunFolderError, match=reason):
        parse(url)


@pytest.mark.parametrize("url", ["nosuch://x", "/just/a/path", "://", ""])
def test_a_url_that_is_no_store(url):
    with pytest.raises(RunFolderError, match=r"is no store: .*give a URL as"):
        filesystem(url)


def test_a_url_is_read_back():
    for text in ("s3://b/x/runs/n#12", "file:///a/runs/b/runs/c", "memory://runs/n/runs/n"):
        assert str(parse(text)) == text


def test_what_writes_into_a_run_takes_no_url():
    ensure_local("runs/x", verb="publish")
    with pytest.raises(RunFolderError, match="make a folder of it with `opbench collect`"):
        ensure_local("s3://b/runs/x", verb="publish")


def test_memory_is_a_store_too():
    run = StoredRun("memory://bench", "n")
    run.put(info(), CASES[0], [record(CASES[0])])
    digest = digest_of(CASES[0])
    assert done_by(run, run.survey(), info(), {digest}) == {digest: (record(CASES[0]),)}
    assert done_by(run, run.survey(), info(), ()) == {}
    assert collecting.described(ENVIRONMENT) == "Example | 2 cores, torch 2.13.0"
