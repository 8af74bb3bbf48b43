"""The layout races: the same elements in another order of axes, or with axes split and merged."""

from __future__ import annotations

from collections.abc import Mapping

from opbench import Op, Shape
from opbench.suites import layout_contracts as contracts
from opbench.suites import layout_inputs as given
from opbench.suites import long_sums, torch_functions


def _shapes(axes: Mapping[str, str], **sizes: tuple[int, ...]) -> dict[str, Shape]:
    """Named shapes, from sizes in the order of the axes."""
    return {name: dict(zip(axes, values, strict=True)) for name, values in sizes.items()}


_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64")
_MATRICES = {"B": "matrices", "H": "rows", "W": "columns"}
_IMAGES = {"B": "images", "C": "channels", "H": "height", "W": "width"}
_FOUR = {"a": "first axis", "b": "second axis", "c": "third axis", "d": "last axis"}
_HEADS = {"B": "sequences", "N": "tokens", "h": "heads", "d": "width of a head"}
_COPIES = {"n": "copies, or tensors", "H": "rows", "W": "columns"}
_BLOCKS = {
    "B": "images",
    "C": "channels of the image with blocks",
    "H": "rows of blocks",
    "W": "blocks in a row",
    "s": "height and width of a block",
}

batch_transpose = Op(
    name="batch_transpose",
    exact=True,
    oracle=contracts.batch_transpose,
    axes=_MATRICES,
    inputs=given.kinds(given.matrices),
    quick=_shapes(_MATRICES, tiny=(2, 16, 24), vision=(8, 256, 56 * 56)),
    full=_shapes(_MATRICES, tokens=(8, 4096, 1024), cuda_vision=(64, 256, 56 * 56)),
    edge=_shapes(
        _MATRICES,
        odd=(3, 37, 53),
        one=(1, 1, 1),
        row=(2, 1, 19),
        no_matrix=(0, 3, 5),
        no_row=(2, 0, 5),
        no_column=(2, 3, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("batch_transpose", "B, H, W"),
    grad=("x",),
    boards=("view", "materialise"),
)

swap_height_width = Op(
    name="swap_height_width",
    exact=True,
    oracle=contracts.swap_height_width,
    axes=_IMAGES,
    inputs=given.image_kinds(given.images),
    quick=_shapes(_IMAGES, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56), last=(32, 2048, 7, 7)),
    full=_shapes(_IMAGES, input=(10, 3, 224, 224), cuda_stage=(64, 256, 56, 56)),
    edge=_shapes(
        _IMAGES,
        odd=(2, 3, 37, 21),
        one=(1, 1, 1, 1),
        small=(5, 3, 7, 3),
        no_image=(0, 2, 3, 5),
        no_channel=(2, 0, 3, 5),
        no_height=(2, 3, 0, 5),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("swap_height_width", "B, C, H, W"),
    grad=("x",),
    boards=("view", "materialise"),
)

cyclic_permute = Op(
    name="cyclic_permute",
    exact=True,
    oracle=contracts.cyclic_permute,
    axes=_FOUR,
    inputs=given.image_kinds(given.four_axes),
    quick=_shapes(_FOUR, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56), last=(32, 2048, 7, 7)),
    full=_shapes(_FOUR, channels_last=(8, 56, 56, 256), cuda_stage=(64, 256, 56, 56)),
    edge=_shapes(
        _FOUR,
        odd=(2, 3, 13, 37),
        one=(1, 1, 1, 1),
        small=(3, 3, 3, 3),
        no_first=(0, 2, 3, 5),
        no_last=(2, 3, 5, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("cyclic_permute", "a, b, c, d"),
    grad=("x",),
    boards=("view", "materialise"),
)

split_heads = Op(
    name="split_heads",
    exact=True,
    oracle=contracts.split_heads,
    axes=_HEADS,
    inputs=given.nan_kinds(given.tokens),
    quick=_shapes(_HEADS, tiny=(2, 16, 4, 8), gpt2=(2, 1024, 12, 64)),
    full=_shapes(_HEADS, cuda_llama=(4, 4096, 32, 128)),
    edge=_shapes(
        _HEADS,
        odd=(2, 19, 3, 7),
        one=(1, 1, 1, 1),
        one_head=(2, 5, 1, 6),
        no_sequence=(0, 5, 2, 3),
        no_token=(2, 0, 2, 3),
        no_width=(2, 5, 2, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost_split,
    validate=given.validate_split_heads,
    grad=("x",),
    boards=("view", "materialise", "consume"),
    consumer=contracts.scores,
)

merge_heads = Op(
    name="merge_heads",
    exact=True,
    oracle=contracts.merge_heads,
    axes=_HEADS,
    inputs={"split": given.heads, **given.nan_kinds(given.own_heads)},
    quick=split_heads.quick,
    full=split_heads.full,
    edge=split_heads.edge,
    timed=("split", "normal"),
    dtypes=_DTYPES,
    cost=given.cost_merge,
    validate=given.validate_merge_heads,
    grad=("x",),
    boards=("view", "materialise", "consume"),
    consumer=contracts.scores,
)

tile = Op(
    name="tile",
    exact=True,
    oracle=contracts.tile,
    axes=_COPIES,
    inputs={**given.kinds(given.one_matrix), **long_sums.COPIES},
    long_sums=tuple(long_sums.COPIES),
    quick=_shapes(_COPIES, tiny=(4, 16, 16), base=(64, 224, 224)),
    full=_shapes(_COPIES, cuda=(256, 1024, 1024)),
    edge=_shapes(
        _COPIES,
        odd=(5, 7, 19),
        one=(1, 1, 1),
        one_copy=(1, 5, 3),
        no_copy=(0, 3, 5),
        no_row=(3, 0, 5),
        no_column=(3, 5, 0),
    ),
    dtypes=_DTYPES,
    cost=given.cost_tile,
    validate=given.validate_tile,
    grad=("x",),
    boards=("view", "materialise"),
)

stack_new_axis = Op(
    name="stack_new_axis",
    exact=True,
    oracle=contracts.stack_new_axis,
    axes=_COPIES,
    inputs={"normal": given.matrix_list},
    quick=tile.quick,
    full=tile.full,
    edge={name: shape for name, shape in tile.edge.items() if shape["n"]},
    dtypes=_DTYPES,
    cost=given.cost_stack,
    validate=given.validate_stack,
    grad=("tensors",),
    boards=("materialise",),
)

flatten_leading = Op(
    name="flatten_leading",
    exact=True,
    oracle=contracts.flatten_leading,
    axes=_FOUR,
    inputs=given.image_kinds(given.four_axes),
    quick=_shapes(_FOUR, tiny=(2, 3, 8, 8), stage=(8, 256, 56, 56)),
    full=_shapes(_FOUR, cuda_stage=(64, 256, 56, 56)),
    edge=cyclic_permute.edge,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.only_axes("flatten_leading", "a, b, c, d"),
    grad=("x",),
    boards=("view", "materialise"),
)

unflatten_leading = Op(
    name="unflatten_leading",
    exact=True,
    oracle=contracts.unflatten_leading,
    axes=_FOUR,
    inputs=given.kinds(given.merged_axes),
    quick=flatten_leading.quick,
    full=flatten_leading.full,
    edge=flatten_leading.edge,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_unflatten,
    grad=("x",),
    boards=("view", "materialise"),
)

_BLOCK_EDGES = _shapes(
    _BLOCKS,
    odd=(2, 3, 5, 37, 3),
    one=(1, 1, 1, 1, 1),
    factor_one=(2, 3, 5, 7, 1),
    one_block=(1, 1, 1, 1, 2),
    factor_two=(1, 2, 3, 18, 2),
    no_image=(0, 2, 3, 5, 2),
    no_channel=(2, 0, 3, 5, 2),
    no_height=(2, 3, 0, 5, 2),
)

pixel_unshuffle = Op(
    name="pixel_unshuffle",
    exact=True,
    oracle=contracts.pixel_unshuffle,
    axes=_BLOCKS,
    inputs=given.image_kinds(given.blocks),
    quick=_shapes(
        _BLOCKS, tiny=(1, 3, 8, 8, 2), photo=(10, 3, 112, 112, 2), stage=(8, 256, 28, 28, 2)
    ),
    full=_shapes(_BLOCKS, cuda=(8, 256, 64, 64, 2), cuda_photo=(64, 3, 112, 112, 2)),
    edge=_BLOCK_EDGES,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_pixel_unshuffle,
    grad=("x",),
    torch_functions=torch_functions.PIXEL_UNSHUFFLE,
    boards=("materialise",),
)

pixel_shuffle = Op(
    name="pixel_shuffle",
    exact=True,
    oracle=contracts.pixel_shuffle,
    axes=_BLOCKS,
    inputs=given.image_kinds(given.channels),
    quick=pixel_unshuffle.quick,
    full=pixel_unshuffle.full,
    edge=_BLOCK_EDGES,
    dtypes=_DTYPES,
    cost=given.cost,
    validate=given.validate_pixel_shuffle,
    grad=("x",),
    torch_functions=torch_functions.PIXEL_SHUFFLE,
    boards=("materialise",),
)
