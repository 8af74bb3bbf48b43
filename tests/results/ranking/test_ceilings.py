"""Ceilings: shares of them, and the cache that they are kept in."""

from __future__ import annotations

import dataclasses
import itertools
import math
import threading
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opbench.results.errors import OpbenchError
from opbench.results.ranking import ceilings as C
from opbench.results.records import Ceilings, codec
from opbench.results.records.machine import Machine
from opbench.results.records.machine_cache import CEILINGS as CACHE

MADE = Ceilings(
    environment_key="abc123",
    device="cpu",
    threads=2,
    memory=((1 << 12, 4e9), (1 << 20, 64e9), (1 << 30, 16e9)),
    matmul=(("bfloat16", 5e10), ("float16", 2e9), ("float32", 2e11), ("float64", 1e11)),
    dispatch_s=1e-6,
)
RATES = st.floats(1e6, 1e15)
TIMES = st.floats(1e-9, 1e3)
SIZES = st.integers(1, 1 << 40)
POINTS = st.dictionaries(SIZES, RATES, max_size=5).map(lambda d: tuple(sorted(d.items())))
DTYPES = st.sampled_from(["float16", "float32", "float64"])
PRODUCTS = st.dictionaries(DTYPES, RATES).map(lambda d: tuple(sorted(d.items())))
CEILINGS = st.builds(
    Ceilings,
    environment_key=st.just("key"),
    device=st.just("cpu"),
    threads=st.just(1),
    memory=POINTS,
    matmul=PRODUCTS,
    dispatch_s=st.floats(1e-9, 1e-3),
)


def share(time_s=1e-3, *, ceilings=MADE, **case):
    usual = {"flops": 0, "bytes": 0, "dtype": "float32", "cache": "warm"}
    return C.share(time_s, **(usual | case), ceilings=ceilings)


def changed(**fields):
    return dataclasses.replace(MADE, **fields)


# Shares


def test_memory_is_the_bound_of_much_traffic():
    found = share(2e-3, bytes=1 << 20, flops=1000)

    assert found == C.Share((1 << 20) / 64e9 / 2e-3, "memory")


def test_compute_is_the_bound_of_much_arithmetic():
    found = share(2.0, bytes=1 << 20, flops=2 * 10**11)

    assert found == C.Share(0.5, "compute")


def test_a_dispatch_is_the_bound_of_little_work():
    assert share(4e-6, bytes=64, flops=64) == C.Share(0.25, "dispatch")


def test_a_cold_cache_has_the_rate_of_main_memory():
    warm, cold = (share(bytes=1 << 20, cache=cache) for cache in ("warm", "cold"))

    assert cold.value == pytest.approx(4 * warm.value)
    assert share(bytes=1 << 30, cache="cold") == share(bytes=1 << 30)


@pytest.mark.parametrize(
    ("dtype", "rate"),
    [("float16", 2e11), ("bfloat16", 2e11), ("float32", 2e11), ("float64", 1e11)],
)
def test_half_precision_can_be_computed_in_single(dtype, rate):
    assert share(1.0, flops=10**11, dtype=dtype).value == pytest.approx(1e11 / rate)


def test_half_precision_has_its_own_rate_where_that_is_better():
    fast = changed(matmul=(("bfloat16", 8e11), ("float32", 2e11)))

    assert share(1.0, flops=10**11, dtype="bfloat16", ceilings=fast).value == 0.125


def test_where_the_rate_of_a_dtype_is_unknown_memory_is_left():
    assert share(flops=10**12, bytes=1 << 20, dtype="int64").bound == "memory"


@pytest.mark.parametrize(
    "case",
    [
        {"ceilings": None, "bytes": 1 << 20},
        {"bytes": 0, "flops": 0},
        {"bytes": 0, "flops": 10**9, "dtype": "int64"},
        {"bytes": 1 << 20, "ceilings": changed(memory=())},
        {"bytes": 1 << 20, "time_s": 0.0},
        {"bytes": 1 << 20, "time_s": math.nan},
    ],
)
def test_without_ceilings_or_work_there_is_no_share(case):
    assert share(**case) is None


@given(TIMES, st.floats(1e-3, 1e3), st.integers(1, 1 << 34), st.integers(0, 10**13))
def test_a_share_is_inverse_to_the_time(time_s, factor, size, flops):
    one = share(time_s, bytes=size, flops=flops)
    other = share(time_s * factor, bytes=size, flops=flops)

    assert other.bound == one.bound
    assert other.value * factor == pytest.approx(one.value)


@given(st.integers(1, 1 << 34), st.integers(0, 10**13), st.sampled_from(["warm", "cold"]))
def test_no_ceiling_is_below_the_binding_one(size, flops, cache):
    whole = share(bytes=size, flops=flops, cache=cache).value * 1e-3

    assert whole >= MADE.dispatch_s * (1 - 1e-12)
    assert whole >= flops / 2e11 * (1 - 1e-12)
    assert whole >= size / 64e9 * (1 - 1e-12)


@pytest.mark.parametrize(("value", "wrong"), [(1.06, True), (1.05, False), (0.2, False)])
def test_faster_than_can_be_suspicious(value, wrong):
    assert C.is_suspicious(C.Share(value, "memory")) is wrong


# Interpolation


@given(POINTS.filter(len))
def test_measured_sizes_have_the_measured_rates(points):
    for size, rate in points:
        assert C.rate_at(points, size) == pytest.approx(rate)


@given(POINTS.filter(lambda points: len(points) > 1), st.data())
def test_between_two_points_the_rate_goes_one_way(points, data):
    place = data.draw(st.integers(0, len(points) - 2))
    (small, low), (large, high) = points[place : place + 2]
    sizes = sorted(data.draw(st.lists(st.floats(small, large), min_size=2, max_size=5)))
    sign = 1 if high >= low else -1
    rates = [sign * C.rate_at(points, size) for size in (small, *sizes, large)]

    for before, after in itertools.pairwise(rates):
        assert after >= before - 1e-9 * abs(before)


@given(POINTS.filter(len), SIZES)
def test_beyond_the_ends_the_rate_stays(points, size):
    assume(not points[0][0] < size < points[-1][0])

    assert C.rate_at(points, size) == points[0 if size <= points[0][0] else -1][1]


def test_half_way_is_the_geometric_mean_of_the_sizes():
    assert C.rate_at(((1, 10.0), (10_000, 30.0)), 100) == pytest.approx(20.0)


# The better of two


@given(CEILINGS, CEILINGS)
def test_the_better_of_two_is_the_same_either_way(one, other):
    both = C.better_of(one, other)

    assert both == C.better_of(other, one)
    assert C.better_of(both, one) == both


@given(CEILINGS)
def test_nothing_is_better_than_itself(one):
    assert C.better_of(one, one) == one


@given(CEILINGS, CEILINGS)
def test_the_better_of_two_holds_the_best_of_every_point(one, other):
    both = C.better_of(one, other)

    for name in ("memory", "matmul"):
        pairs = [*getattr(one, name), *getattr(other, name)]
        merged = dict(getattr(both, name))
        assert merged.keys() == {key for key, _ in pairs}
        assert all(
            merged[key] == max(rate for other_key, rate in pairs if other_key == key)
            for key in merged
        )
        assert list(merged) == sorted(merged)
    assert both.dispatch_s == min(one.dispatch_s, other.dispatch_s)


@pytest.mark.parametrize(
    "field", [{"environment_key": "other"}, {"device": "cuda"}, {"threads": 1}]
)
def test_two_machines_have_no_better(field):
    with pytest.raises(ValueError, match="not the same machine"):
        C.better_of(MADE, changed(**field))


# The cache


def find(root, key=MADE.environment_key, device=MADE.device, threads=MADE.threads):
    return CACHE.find(Machine(key, device, threads), root=root)


def test_saved_ceilings_are_found(tmp_path):
    assert find(tmp_path) is None
    assert C.save(MADE, root=tmp_path / "new" / "folder") == MADE
    assert find(tmp_path / "new" / "folder") == MADE
    assert find(str(tmp_path / "new" / "folder")) == MADE


@given(made=CEILINGS)
def test_any_saved_ceilings_are_found(tmp_path_factory, made):
    root = tmp_path_factory.mktemp("ceilings")
    C.save(made, root=root)

    assert CACHE.find(Machine("key", "cpu", 1), root=root) == made


@pytest.mark.parametrize("field", [{"key": "other"}, {"device": "cuda:0"}, {"threads": 1}])
def test_ceilings_of_other_machines_are_not_found(tmp_path, field):
    C.save(MADE, root=tmp_path)

    assert find(tmp_path, **field) is None


def test_names_that_make_one_file_do_not_mix(tmp_path):
    C.save(changed(device="cuda:0"), root=tmp_path)

    assert find(tmp_path, device="cuda:0") is not None
    assert find(tmp_path, device="cuda-0") is None


def test_no_name_leaves_the_folder(tmp_path):
    path = CACHE.path_of(Machine("../../etc", "cuda:0", 1), root=tmp_path)

    assert path.parent == tmp_path


def test_saving_keeps_the_best_of_both(tmp_path):
    slow = changed(memory=((1 << 12, 1e9), (1 << 21, 5e9)), matmul=(), dispatch_s=2e-6)
    C.save(MADE, root=tmp_path)

    kept = C.save(slow, root=tmp_path)

    assert kept == C.better_of(MADE, slow)
    assert find(tmp_path) == kept
    assert dict(kept.memory)[1 << 12] == 4e9


def test_saving_afresh_forgets(tmp_path):
    slow = changed(dispatch_s=2e-6)
    C.save(MADE, root=tmp_path)

    assert C.save(slow, root=tmp_path, fresh=True) == slow
    assert find(tmp_path) == slow


def spoilt():
    text = codec.dumps(MADE)
    memory = text[text.index('"memory":') : text.index(',"matmul"')]
    yield from (text[:length] for length in range(0, len(text), 7))
    yield "\udcff"
    yield '{"type":["Ceilings"]}'
    yield '{"type":"Right","error":0.5}'
    for points in ("5", "[1]", '[["a",1.0]]', "[[8,1.0],[4,1.0]]", "[[4,1.0],[4,1.0]]"):
        yield text.replace(memory, f'"memory":{points}')
    for rate in ("0.0", "-1.0", '"nan"', '"inf"', '"fast"', "null"):
        yield text.replace("4000000000.0", rate)
        yield text.replace("1e-06", rate)


@pytest.mark.parametrize("content", list(spoilt()))
def test_a_spoilt_file_is_as_if_it_were_not_there(tmp_path, content):
    path = CACHE.path_of(MADE.machine, root=tmp_path)
    path.write_bytes(content.encode(errors="surrogateescape"))

    assert find(tmp_path) is None
    assert C.save(MADE, root=tmp_path) == MADE
    assert find(tmp_path) == MADE


def test_a_cache_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OpbenchError, match=r"cannot be kept in .*set XDG_CACHE_HOME"):
        C.save(MADE, root=tmp_path / "file")
    assert find(tmp_path / "file") is None


def test_writers_at_once_leave_a_whole_file(tmp_path):
    """Readers beside them never see a part of one."""
    many = tuple((8 * size, 1e9) for size in range(1, 500))
    writers = [changed(memory=many, dispatch_s=1e-6 / number) for number in range(1, 9)]
    C.save(writers[0], root=tmp_path)
    seen, failed = [], []

    def write(made):
        try:
            for _ in range(5):
                C.save(made, root=tmp_path)
                seen.append(find(tmp_path))
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(made,)) for made in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failed
    assert None not in seen
    assert len(seen) == 40
    assert find(tmp_path) in writers
    assert len(list(tmp_path.iterdir())) == 1


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    C.save(MADE, root=tmp_path)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OpbenchError, match="No space left"):
        C.save(changed(dispatch_s=1e-7), root=tmp_path)
    assert find(tmp_path) == MADE
    assert len(list(tmp_path.iterdir())) == 1


def test_the_cache_is_where_caches_are(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    C.save(MADE)

    assert find(None) == MADE
    path = CACHE.path_of(Machine("abc123", "cpu", 2))
    assert path.is_file()
    assert path.parent == tmp_path / "opbench" / "ceilings"


def test_without_a_setting_the_cache_is_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert CACHE.path_of(MADE.machine).parent == tmp_path / ".cache" / "opbench" / "ceilings"
