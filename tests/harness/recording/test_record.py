"""Recording in this process: what is recognised, and that nothing changes by it."""

import json
import sys
import threading
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import softmax as held_softmax
from torch.overrides import TorchFunctionMode

import opbench
from opbench import Cost, Op, RecordingWarning, impl, record_shapes
from opbench.harness.recording import counting
from opbench.results.errors import RunFolderError
from tests.harness.choosing.test_dispatch import table


def _oracle(x, *, scale=1.0):
    """The scaled rows of x[N, M]."""
    return x * scale


scaled_rows = Op(
    name="scaled_rows",
    oracle=_oracle,
    axes={"N": "rows", "M": "columns"},
    inputs={"normal": lambda N, M, rng: {"x": torch.randn(N, M, generator=rng)}},
    quick={"small": {"N": 4, "M": 8}, "wide": {"N": 2, "M": 16}},
    cost=lambda N, M, e: Cost(N * M, 2 * e * N * M),
    grad=("x",),
    torch_functions={"mul": lambda input, other: {"x": input, "scale": other}},
)


@impl("scaled_rows")
def plain(x, *, scale=1.0):
    return inner(x, scale=scale)


@impl("scaled_rows")
def inner(x, *, scale=1.0):
    return x * scale


@pytest.fixture(scope="module")
def own():
    return opbench.load(sys.modules[__name__], entry_points=False)


@pytest.fixture(scope="module")
def scaled():
    """The catalogue of the tests of dispatchers."""
    from tests.harness.choosing import test_dispatch

    return opbench.load(test_dispatch, entry_points=False)


def counts(recorded):
    """By way, how often."""
    found = {}
    for shape in recorded.shapes:
        for via, count in shape.via.items():
            found[via] = found.get(via, 0) + count
    return found


def test_a_contender_is_counted_once_wherever_it_is_named(own):
    x = torch.randn(3, 5)
    with record_shapes(catalog=own) as recorded:
        plain(x)
        sys.modules[__name__].inner(x, scale=2.0)
        own.call("scaled_rows", x, impl="plain")
        torch.mul(x, 3.0)
        assert recorded.shapes == ()
    assert counts(recorded) == {"contender": 2, "catalog.call": 1, "mul": 1}
    assert {shape.op for shape in recorded.shapes} == {"scaled_rows"}
    assert all(shape.axes == {"N": 3, "M": 5} for shape in recorded.shapes)
    assert recorded.unread == ()
    plain(x)
    assert counts(recorded) == {"contender": 2, "catalog.call": 1, "mul": 1}


def test_dtypes_strides_gradients_and_options_are_kept_apart(own):
    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    with record_shapes(catalog=own) as recorded:
        inner(x)
        inner(x.t())
        inner(x, scale=2.0)
        with torch.no_grad():
            inner(x)
    found = {
        (*s.axes.values(), s.strides["x"], s.requires_grad, *s.options.items())
        for s in recorded.shapes
    }
    assert found == {
        (4, 6, (6, 1), True),
        (6, 4, (1, 6), True),
        (4, 6, (6, 1), True, ("scale", 2.0)),
        (4, 6, (6, 1), False),
    }
    assert {(s.dtype, s.device, s.count) for s in recorded.shapes} == {("float64", "cpu", 1)}


def test_dispatchers_are_counted_that_were_made_before_and_meanwhile(scaled):
    made = table(scaled)
    x, y = torch.randn(3, 5), torch.randn(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", opbench.DispatchWarning)
        before = opbench.dispatch("scaled", made, catalog=scaled)
        contender = before.__globals__["contender_0"]
        with record_shapes(catalog=scaled) as recorded:
            meanwhile = opbench.dispatch("scaled", made, catalog=scaled)
            assert torch.equal(before(x, y), meanwhile(x, y))
            before(x.double(), y)
        meanwhile(x, y)
    assert counts(recorded) == {"dispatch": 3}
    assert before.__globals__["contender_0"] is contender
    assert meanwhile.__globals__["contender_0"] is contender


def test_names_are_put_back_and_what_others_put_there_stays(own, monkeypatch):
    before = {name: getattr(F, name) for name in ("softmax", "conv2d", "max_pool2d")}
    method, tagged = torch.Tensor.softmax, plain
    meta_path = list(sys.meta_path)
    with record_shapes():
        assert F.softmax is held_softmax is not before["softmax"]
        assert "softmax" in vars(torch.Tensor)
        monkeypatch.setattr(torch, "logsumexp", "another's")
    with pytest.raises(ZeroDivisionError), record_shapes(catalog=own):
        raise ZeroDivisionError
    assert {name: getattr(F, name) for name in before} == before
    assert held_softmax is before["softmax"]
    assert torch.Tensor.softmax is method
    assert "softmax" not in vars(torch.Tensor)
    assert (plain, torch.logsumexp, sys.meta_path) == (tagged, "another's", meta_path)


class SaysItIsAModule:
    """As the libraries of cffi, which lie among the modules and are none."""

    __class__ = type(sys)


def test_what_only_says_that_it_is_a_module_is_left_alone(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "lib_of_somebody", SaysItIsAModule())
    with record_shapes(catalog=own) as recorded:
        plain(torch.ones(4, 8))
    assert [shape.op for shape in recorded.shapes] == ["scaled_rows"]


def test_what_is_tagged_or_imported_meanwhile_is_counted(own, tmp_path, monkeypatch):
    (tmp_path / "later_target.py").write_text("def runs(x, *, scale=1.0):\n    return x * scale\n")
    monkeypatch.syspath_prepend(tmp_path)

    @impl("scaled_rows", target="later_target:runs")
    def declared(x, *, scale=1.0):
        raise NotImplementedError

    module = type(sys)("declares")
    module.op, module.declared = scaled_rows, declared
    catalog = opbench.load(module, entry_points=False)
    with record_shapes(catalog=catalog) as recorded:

        @impl("scaled_rows")
        @impl("scaled_rows", name="another")
        def tagged(x):
            return x

        import later_target

        tagged(torch.ones(1, 2))
        later_target.runs(torch.ones(1, 3))
    assert [shape.axes["M"] for shape in recorded.shapes] == [2, 3]
    tags = tagged.__dict__["__opbench__"]
    assert [tag.function.__closure__ for tag in tags] == [None, None]
    sys.modules.pop("later_target")


def test_threads_lose_no_count(own):
    x = torch.ones(2, 2)

    def work():
        for _ in range(500):
            inner(x)

    threads = [threading.Thread(target=work) for _ in range(6)]
    with record_shapes(catalog=own) as recorded:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [shape.count for shape in recorded.shapes] == [3000]


class Strange(torch.Tensor):
    """Refuses to be looked at."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise ArithmeticError(f"looked at by {func}")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_cant_be_read_is_counted_with_its_reason(own, monkeypatch):
    strange = torch.ones(2, 2).as_subclass(Strange)
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    monkeypatch.setattr(counting, "MOST", 3)
    with record_shapes(catalog=own) as recorded:
        with pytest.raises(ArithmeticError, match=r"looked at by .*mul"):
            inner(strange)
        assert inner(nested).is_nested
        assert inner("ab", scale=2) == "abab"
        for size in range(5):
            inner(torch.ones(1, size))
    (counted,) = recorded.shapes
    assert (counted.axes, counted.count) == ({"N": 1, "M": 0}, 1)
    nesting, text, others = recorded.unread
    assert (nesting.what, nesting.count) == ("scaled_rows", 1)
    assert nesting.reason.startswith("RuntimeError: ")
    assert text.reason == "N, M of scaled_rows can't be read off it"
    assert (others.reason, others.count) == ("more than 3 different calls", 4)


class Log(TorchFunctionMode):
    """Keeps the names of all functions that are called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def test_a_mode_of_torchs_functions_sees_nothing_of_it(own):
    x = torch.ones(2, 2)
    with Log() as alone:
        inner(x)
    with record_shapes(catalog=own) as recorded, Log() as watched:
        inner(x)
    assert watched.names == alone.names
    assert [(item.what, item.count) for item in recorded.unread] == [("scaled_rows", 1)]


def test_what_is_compiled_or_scripted_is_what_it_was():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Softmax(1)).eval()
    x = torch.randn(1, 3, 8, 8)
    due = net(x)
    torch._dynamo.reset()
    counter = CompileCounter()
    with record_shapes() as recorded:
        compiled = torch.compile(net, fullgraph=True, backend=counter)
        for _ in range(3):
            torch.testing.assert_close(compiled(x), due)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.testing.assert_close(torch.jit.script(net)(x), due)
        assert torch.equal(net(x), due)
    assert counter.frame_count == 1
    assert recorded.recording.compiled >= 1
    eager = {shape.op: shape.count for shape in recorded.shapes}
    assert eager["conv2d"] >= 1


DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def _outcome(call, x):
    """The result and the gradient of a call, or what it raises, to the last bit."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    try:
        result = call(x)
    except (IndexError, RuntimeError, ValueError) as error:
        return type(error), str(error)
    result.float().sum().backward()
    return result.dtype, result.shape, result.stride(), result.tolist(), x.grad.tolist()


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    dim=st.integers(-4, 4),
    dtype=st.sampled_from(DTYPES),
    flipped=st.booleans(),
    call=st.sampled_from(
        [
            lambda x, dim: F.softmax(x, dim=dim),
            lambda x, dim: x.log_softmax(dim),
            lambda x, dim: torch.logsumexp(x, dim, keepdim=True),
            lambda x, dim: F.max_pool2d(x, 2, 1, 1),
            lambda x, dim: F.conv2d(x, torch.ones(2, x.shape[1], 1, 1, dtype=x.dtype)),
            lambda x, dim: F.cross_entropy(x, torch.zeros(x.shape[0], dtype=torch.int64)),
            lambda x, dim: plain(x, scale=dim),
        ]
    ),
)
def test_no_result_changes(own, shape, dim, dtype, flipped, call):
    x = torch.randn(*shape, dtype=torch.float64).to(dtype)
    x = x.transpose(0, -1) if flipped else x
    alone = _outcome(lambda x: call(x, dim), x)
    with record_shapes(catalog=own):
        assert repr(_outcome(lambda x: call(x, dim), x)) == repr(alone)


def test_a_file_that_cant_be_written_is_refused_at_the_beginning(own, tmp_path):
    with pytest.raises(RunFolderError, match="there is no folder"):
        with record_shapes(tmp_path / "no" / "shapes.jsonl", catalog=own):
            raise AssertionError
    folder = tmp_path / "gone"
    folder.mkdir()
    with pytest.warns(RecordingWarning, match="nothing was recorded: there is no folder"):
        with record_shapes(folder / "shapes.jsonl", catalog=own):
            folder.rmdir()


def test_the_file_has_a_line_for_each(own, tmp_path):
    path = tmp_path / "shapes.jsonl"
    with record_shapes(path, catalog=own):
        for size in (2, 3, 3):
            inner(torch.ones(size, 4))
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["axes"], line["count"]) for line in found] == [
        ({"N": 3, "M": 4}, 2),
        ({"N": 2, "M": 4}, 1),
    ]
    assert all(line["dtype"] == "float32" and line["strides"] == {"x": [4, 1]} for line in found)
