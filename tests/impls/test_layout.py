"""Every contender for layouts: worked examples, the contract, what is a view, what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from opbench.harness.declare import SAME_VALUES, board_of
from tests.impls.contenders import COMPILER, DTYPES, Kit, kinds_of_any_dtype, shares

KIT = Kit(
    "opbench.suites.layout",
    "opbench.impls.transposes",
    "opbench.impls.heads",
    "opbench.impls.tiling",
    "opbench.impls.flattening",
    "opbench.impls.pixels",
)
ALL = KIT.pairs()
GRADED = [(op, name) for op, name in ALL if KIT.catalog.ops[op].grad]
VIEWS = [
    (op, name)
    for op, name in ALL
    if board_of(KIT.catalog.ops[op], KIT.catalog.impls[op][name]) == "view"
]
COPIES = [pair for pair in ALL if pair not in VIEWS]
#: Enough for the streamed paths of the C++ kernels, ragged: more than 8 MiB of float32.
LARGE = {
    "batch_transpose": [(1, 3841, 608), (2, 1001, 1203)],
    "swap_height_width": [(40, 64, 29, 31), (1, 2, 1024, 1100)],
    "cyclic_permute": [(2, 41, 256, 112), (40, 64, 130, 7)],
    "split_heads": [(3, 1000, 8, 100)],
    "merge_heads": [(3, 1000, 8, 100)],
    "pixel_unshuffle": [(1, 3, 500, 400, 2), (2, 64, 30, 30, 5)],
    "pixel_shuffle": [(1, 3, 500, 400, 2), (7, 31, 50, 27, 3)],
}


def largest_error(op, name, inputs, dtype):
    """The largest error of a contender on its own board; 0 where it doesn't take the inputs."""
    if KIT.refuses(op, name, inputs):
        return 0.0
    run = KIT.function(op, name)
    return max(KIT.errors(op, inputs, run, dtype, gradients=dtype.is_floating_point))


def counting(*shape):
    """0, 1, 2, ... in that shape."""
    return torch.arange(float(torch.Size(shape).numel())).view(shape)


# --- worked examples -------------------------------------------------------------------------

EXAMPLES = {
    "batch_transpose": ((counting(1, 2, 3),), [[[0, 3], [1, 4], [2, 5]]]),
    "swap_height_width": ((counting(1, 1, 2, 3),), [[[[0, 3], [1, 4], [2, 5]]]]),
    "cyclic_permute": ((counting(1, 1, 2, 3),), [[[[0, 3]]], [[[1, 4]]], [[[2, 5]]]]),
    "split_heads": ((counting(1, 2, 4), 2), [[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]]),
    "merge_heads": ((counting(1, 2, 2, 2).transpose(1, 2),), [[[0, 1, 2, 3], [4, 5, 6, 7]]]),
    "tile": ((counting(1, 2), 3), [[[0, 1]], [[0, 1]], [[0, 1]]]),
    "stack_new_axis": (([counting(1, 2), -counting(1, 2)],), [[[0, 1]], [[0, -1]]]),
    "flatten_leading": ((counting(2, 2, 1, 2),), [[[0, 1]], [[2, 3]], [[4, 5]], [[6, 7]]]),
    "unflatten_leading": (
        (counting(4, 1, 1), (2, 2)),
        [[[[0]], [[1]]], [[[2]], [[3]]]],
    ),
    "pixel_unshuffle": ((counting(1, 1, 2, 4), 2), [[[[0, 2]], [[1, 3]], [[4, 6]], [[5, 7]]]]),
    "pixel_shuffle": ((counting(1, 4, 1, 2), 2), [[[[0, 2, 1, 3], [4, 6, 5, 7]]]]),
}


@pytest.mark.parametrize(("op", "name"), ALL)
def test_worked_example(op, name):
    args, expected = EXAMPLES[op]
    assert KIT.catalog.call(op, *args, impl=name).tolist() == expected


@pytest.mark.parametrize(("op", "name"), KIT.pairs("merge_heads", "pixel_shuffle"))
def test_back_and_forth(op, name):
    there, arguments = {
        "merge_heads": ("split_heads", (counting(2, 5, 6), 3)),
        "pixel_shuffle": ("pixel_unshuffle", (counting(2, 3, 6, 10), 2)),
    }[op]
    moved = KIT.function(there, "einops")(*arguments)
    again = (moved, 2) if op == "pixel_shuffle" else (moved,)
    assert torch.equal(KIT.function(op, name)(*again), arguments[0])


# --- what would be wrong ---------------------------------------------------------------------


def unshuffle_with_places_first(x, factor):
    """The other order that is about: all channels of a place, then those of the next."""
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // factor, factor, width // factor, factor)
    return blocks.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def shuffle_with_places_first(x, factor):
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, factor, factor, channels // factor**2, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)


KNOWN_WRONG = [
    ("pixel_unshuffle", unshuffle_with_places_first, {"B": 1, "C": 2, "H": 3, "W": 4, "s": 2}),
    ("pixel_shuffle", shuffle_with_places_first, {"B": 1, "C": 2, "H": 3, "W": 4, "s": 2}),
    (
        "split_heads",
        lambda x, heads: x.reshape(len(x), heads, x.shape[1], -1),
        {"B": 2, "N": 4, "h": 2, "d": 3},
    ),
    ("merge_heads", lambda x: x.reshape(len(x), x.shape[2], -1), {"B": 2, "N": 4, "h": 2, "d": 3}),
    ("cyclic_permute", lambda x: x.permute(1, 2, 3, 0), {"a": 3, "b": 3, "c": 3, "d": 3}),
    ("batch_transpose", lambda x: x.reshape(x.mT.shape), {"B": 2, "H": 3, "W": 4}),
    ("tile", lambda x, copies: x.repeat_interleave(copies, 0).view(copies, *x.shape),
     {"n": 3, "H": 2, "W": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "wrong", "axes"), KNOWN_WRONG)
def test_known_wrong_orders_fail(op, wrong, axes):
    inputs = KIT.make(op, "normal", axes)
    assert max(KIT.errors(op, inputs, wrong, torch.float32, gradients=False)) > 1


def test_a_place_is_counted_row_by_row_within_its_channel():
    x = counting(1, 2, 2, 2)
    found = KIT.catalog.call("pixel_unshuffle", x, 2, impl="permute")
    assert found.flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert unshuffle_with_places_first(x, 2).flatten().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


# --- the contract ----------------------------------------------------------------------------


@pytest.mark.parametrize(("op", "name"), ALL)
@settings(deadline=None, max_examples=10, derandomize=True)
@given(data=st.data())
def test_agrees_with_the_contract(op, name, data):
    declared = KIT.catalog.ops[op]
    least = {"h": 1, "s": 1, "n": 1 if op == "stack_new_axis" else 0}
    most = {"s": 4, "h": 4, "B": 3, "C": 3, "a": 5, "n": 4}
    axes = {
        axis: data.draw(st.integers(least.get(axis, 0), most.get(axis, 18)))
        for axis in declared.axes
    }
    inputs = KIT.make(
        op,
        data.draw(st.sampled_from(kinds_of_any_dtype(declared))),
        axes,
        dtype=(dtype := data.draw(st.sampled_from((*DTYPES, torch.int64)))),
        seed=data.draw(st.integers(0, 99)),
        layout=data.draw(st.sampled_from(SAME_VALUES)),
    )
    # What is moved is exact; only the copies of one element add up, in their gradient.
    assert largest_error(op, name, inputs, dtype) <= (op == "tile")


@pytest.mark.parametrize("shape", ["odd", "one", "one_block", "factor_one", "small", "one_head"])
@pytest.mark.parametrize(("op", "name"), COPIES)
def test_copies_have_contiguous_memory_of_their_own(op, name, shape):
    declared = KIT.catalog.ops[op]
    for kind in declared.inputs if shape in declared.edge else ():
        inputs = KIT.make(op, kind, declared.edge[shape])
        if KIT.refuses(op, name, inputs):
            continue
        found = KIT.function(op, name)(*inputs.args)
        assert found.is_contiguous()
        assert not any(shares(found, tensor) for tensor in inputs.tensors())


@pytest.mark.parametrize("layout", SAME_VALUES)
@pytest.mark.parametrize(("op", "name"), VIEWS)
def test_views_are_views_or_refuse_with_a_reason(op, name, layout):
    declared = KIT.catalog.ops[op]
    for kind in declared.inputs:
        inputs = KIT.make(op, kind, declared.edge["odd"], layout=layout)
        reason = KIT.refuses(op, name, inputs, "view")
        if reason is None:
            assert shares(KIT.function(op, name)(*inputs.args), inputs.args[0])
        else:
            assert "no view" in reason
            assert op in ("merge_heads", "flatten_leading")


def test_heads_merge_without_a_copy_only_as_split_heads_leaves_them():
    axes = {"B": 2, "N": 5, "h": 3, "d": 4}
    split, own = (KIT.make("merge_heads", kind, axes) for kind in ("split", "normal"))
    for name in ("view", "reshape", "flatten", "einops", "einsum"):
        for board in ("view", "materialise"):
            assert KIT.refuses("merge_heads", name, split, board) is None
            assert "side by side" in KIT.refuses("merge_heads", name, own, board)
        assert (KIT.refuses("merge_heads", name, own, "consume") is None) == (name != "view")


@pytest.mark.parametrize(("op", "name"), KIT.pairs("split_heads", "merge_heads"))
def test_heads_are_read_by_a_product(op, name):
    inputs = KIT.make(op, "normal", {"B": 2, "N": 5, "h": 3, "d": 4})
    if KIT.refuses(op, name, inputs, "consume"):
        return
    run = KIT.function(op, name, "consume")
    assert max(KIT.errors(op, inputs, run, torch.float32, board="consume")) <= 1
    heads = KIT.function(op, name)(*inputs.args)
    torch.testing.assert_close(run(*inputs.args), heads @ heads.mT)


# A list of tensors has a test of its own.
@pytest.mark.parametrize(("op", "name"), [p for p in GRADED if p[0] != "stack_new_axis"])
def test_gradient_by_differences(op, name):
    axes = {"B": 2, "N": 2, "h": 2, "d": 2, "H": 2, "W": 3, "C": 1, "s": 2, "n": 2}
    axes |= {"a": 2, "b": 2, "c": 1}
    declared = KIT.catalog.ops[op]
    kind = next(iter(declared.inputs))
    inputs = KIT.make(op, kind, {a: axes[a] for a in declared.axes}, dtype=torch.float64)
    leaf = inputs.args[0].requires_grad_()
    run = KIT.function(op, name)
    assert torch.autograd.gradcheck(lambda x: run(x, *inputs.args[1:]), (leaf,))


@pytest.mark.parametrize("name", KIT.names("stack_new_axis"))
def test_gradient_of_a_list(name):
    leaves = tuple(torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    run = KIT.function("stack_new_axis", name)
    assert torch.autograd.gradcheck(lambda *tensors: run(list(tensors)), leaves)


# --- the kernels -----------------------------------------------------------------------------


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("op", "sizes"), [(op, sizes) for op in LARGE for sizes in LARGE[op]])
def test_cpp_on_results_larger_than_the_caches(op, sizes, dtype):
    axes = dict(zip(KIT.catalog.ops[op].axes, sizes, strict=True))
    if dtype == torch.bfloat16:
        axes[next(iter(axes))] *= 2
    inputs = KIT.make(op, "normal", axes, dtype=dtype)
    want = KIT.function(op, "einops")(*inputs.args)
    assert want.numel() * want.element_size() > 8 << 20
    assert torch.equal(KIT.function(op, "cpp")(*inputs.args), want)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("op", [op for op, name in ALL if name == "cpp"])
def test_cpp_is_known_to_torch(op):
    from opbench.impls.kernels import transpose_cpp

    ops = transpose_cpp.load_ops(transpose_cpp.SOURCE)
    sample = {"split_heads": (2, 3, 4), "batch_transpose": (2, 3, 4)}.get(op, (2, 4, 2, 4))
    target = KIT.catalog.impls[op]["cpp"].target.partition(":")[2]
    extra = (2,) if op in ("split_heads", "pixel_shuffle", "pixel_unshuffle") else ()
    x = torch.randn(sample, requires_grad=True)
    torch.library.opcheck(getattr(ops, target), (x, *extra))


# --- bad input -------------------------------------------------------------------------------

BAD = [
    ("batch_transpose", (counting(2, 3),), ValueError, r"shape \[2, 3\], only \[B, H, W\]"),
    ("swap_height_width", (counting(2, 3),), ValueError, r"only \[B, C, H, W\] is allowed"),
    ("cyclic_permute", (counting(2),), ValueError, r"only \[a, b, c, d\] is allowed"),
    (
        "split_heads",
        (counting(1, 2, 5), 2),
        ValueError,
        "axis 2 has 5; only multiples of heads = 2",
    ),
    ("split_heads", (counting(1, 2, 4), 0), ValueError, "heads: 0, 1 and more"),
    ("split_heads", (counting(1, 2, 4), 2.0), TypeError, "heads: 2.0, an int"),
    ("merge_heads", (counting(2, 0, 3, 4),), ValueError, "one head and more"),
    ("merge_heads", (counting(2, 3, 4),), ValueError, r"only \[B, h, N, d\]"),
    ("tile", (counting(2, 2), -1), ValueError, "copies: -1, 0 and more"),
    ("tile", (counting(2, 2), True), TypeError, "copies: True, an int"),
    ("stack_new_axis", ([],), ValueError, "an empty list, one tensor and more"),
    (
        "stack_new_axis",
        ([counting(1, 2), counting(2, 1)],),
        ValueError,
        r"tensors\[1\]: shape \[2, 1\], only \[H, W\] as tensors\[0\], \[1, 2\]",
    ),
    (
        "stack_new_axis",
        ([counting(1, 2), counting(1, 2).half()],),
        TypeError,
        r"tensors\[1\]: torch.float16, only torch.float32",
    ),
    ("stack_new_axis", ([counting(2)],), ValueError, r"only \[H, W\] is allowed"),
    ("flatten_leading", (counting(2, 3),), ValueError, r"only \[a, b, c, d\]"),
    ("unflatten_leading", (counting(6, 1, 1), (2, 2)), ValueError, "make 4, only 6"),
    ("unflatten_leading", (counting(6, 1, 1), (2, -3)), ValueError, r"sizes\[1\]: -3, 0 and more"),
    ("unflatten_leading", (counting(6, 1, 1), (1, 2, 3)), ValueError, r"only \(a, b\)"),
    ("pixel_unshuffle", (counting(1, 1, 4, 3), 2), ValueError, "axis 3 has 3; only multiples of"),
    ("pixel_unshuffle", (counting(1, 1, 3, 4), 2), ValueError, "axis 2 has 3; only multiples of"),
    ("pixel_shuffle", (counting(1, 2, 1, 1), 2), ValueError, "multiples of factor squared = 4"),
    ("pixel_shuffle", (counting(1, 4, 1, 1), 0), ValueError, "factor: 0, 1 and more"),
]


@pytest.mark.parametrize(("op", "args", "error", "message"), BAD)
def test_bad_input_is_named(op, args, error, message):
    with pytest.raises(error, match=f"^{op}: .*{message}"):
        KIT.catalog.call(op, *args, impl=next(iter(KIT.catalog.impls[op])))
