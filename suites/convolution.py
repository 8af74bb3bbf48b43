"""The races of convolution and pooling by windows, forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opbench import Op, Samples
from opbench.suites import convolution_contracts as contracts
from opbench.suites import convolution_inputs as given
from opbench.suites import convolution_limits as limits
from opbench.suites import convolution_shapes as shapes
from opbench.suites import long_sums, torch_functions

if TYPE_CHECKING:
    pass

# --- the races -------------------------------------------------------------------------------

_DTYPES = ("float32", "float64", "float16", "bfloat16")
_SOURCE = "convolution and pooling by unfolding, as courses on deep learning build them by hand"

conv2d = Op(
    name="conv2d",
    oracle=contracts.conv2d,
    axes=shapes.CONVOLUTION,
    inputs={
        "normal": given.convolution(),
        "no_bias": given.convolution(bias=False),
        "pairs": given.unlike_convolution,
        "channels_last": given.convolution(given.channels_last),
        "nonfinite": given.convolution(given.nonfinite),
        "scales": given.convolution(given.scales),
        "deep_sum": given.deep_sum,
    },
    quick=shapes.CONVOLUTIONS["quick"],
    full=shapes.CONVOLUTIONS["full"],
    edge=shapes.CONVOLUTIONS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_conv2d,
    validate=limits.validate_conv2d,
    grad=("x", "w", "b"),
    samples=Samples("nn.functional.conv2d"),
    torch_functions=torch_functions.CONV2D,
    source=_SOURCE,
)

conv2d_backward = Op(
    name="conv2d_backward",
    oracle=contracts.conv2d_backward,
    axes=shapes.CONVOLUTION,
    inputs={
        "normal": given.convolution_gradient(given.convolution()),
        "pairs": given.convolution_gradient(given.unlike_convolution),
        "channels_last": given.convolution_gradient(given.convolution(given.channels_last)),
        "nonfinite": given.convolution_gradient(given.convolution(given.nonfinite)),
        "long_sum": given.convolution_gradient(given.convolution(), ones=True),
    },
    quick=shapes.CONVOLUTIONS["quick"],
    full=shapes.CONVOLUTIONS["full"],
    edge=shapes.CONVOLUTIONS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_conv2d_backward,
    validate=limits.validate_conv2d_backward,
    source=_SOURCE,
)

max_pool2d = Op(
    name="max_pool2d",
    oracle=contracts.max_pool2d,
    axes=shapes.POOLING,
    inputs={
        "distinct": given.images(given.distinct),
        "ties": given.images(given.tied),
        "negative": given.images(given.negative),
        "masked": given.images(given.masked),
        "pairs": given.unlike_images(given.distinct),
        "channels_last": given.images(given.distinct_channels_last),
        "nonfinite": given.images(given.distinct_nonfinite),
    },
    quick=shapes.POOLINGS["quick"],
    full=shapes.POOLINGS["full"],
    edge=shapes.POOLINGS["edge"],
    dtypes=_DTYPES,
    magnitude=contracts.sum_of_windows,
    cost=limits.cost_max_pool2d,
    validate=limits.validate_max_pool2d,
    grad=("x",),
    # torch's own gives the gradient of a window to its last NaN; what is written by hand, often
    # to its first.
    ungraded=("nonfinite",),
    torch_functions=torch_functions.MAX_POOL2D,
    source=_SOURCE,
)

max_pool2d_backward = Op(
    name="max_pool2d_backward",
    oracle=contracts.max_pool2d_backward,
    axes=shapes.POOLING,
    inputs={
        "distinct": given.pooling_gradient(given.images(given.distinct)),
        "ties": given.pooling_gradient(given.images(given.tied)),
        "negative": given.pooling_gradient(given.images(given.negative)),
        "masked": given.pooling_gradient(given.images(given.masked)),
        "pairs": given.pooling_gradient(given.unlike_images(given.distinct)),
        "channels_last": given.pooling_gradient(given.images(given.distinct_channels_last)),
        "nonfinite": given.pooling_gradient(given.images(given.distinct_nonfinite)),
        "peaks": given.pooling_gradient(given.peaks, positive=True),
    },
    quick=shapes.POOLINGS["quick"],
    full=shapes.POOLINGS["full"],
    edge=shapes.POOLINGS["edge"],
    dtypes=_DTYPES,
    magnitude=contracts.sum_of_gradients,
    cost=limits.cost_max_pool2d_backward,
    validate=limits.validate_max_pool2d_backward,
    source=_SOURCE,
)

im2col = Op(
    name="im2col",
    exact=True,
    oracle=contracts.im2col,
    axes=shapes.POOLING,
    inputs={
        "normal": given.images(given.normal),
        "pairs": given.unlike_images(given.normal),
        "channels_last": given.images(given.distinct_channels_last),
        "nonfinite": given.images(given.distinct_nonfinite),
        **long_sums.COLUMNS,
    },
    long_sums=tuple(long_sums.COLUMNS),
    quick=shapes.POOLINGS["quick"],
    full=shapes.POOLINGS["full"],
    edge=shapes.POOLINGS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_im2col,
    validate=limits.validate_im2col,
    grad=("x",),
    torch_functions=torch_functions.UNFOLD,
    source=_SOURCE,
)

col2im = Op(
    name="col2im",
    oracle=contracts.col2im,
    axes=shapes.POOLING,
    inputs={
        "normal": given.columns(given.images(given.normal)),
        "pairs": given.columns(given.unlike_images(given.normal)),
        "nonfinite": given.columns(given.images(given.normal), given.nonfinite),
        "peaks": given.columns(given.peaks, positive=True),
    },
    quick=shapes.POOLINGS["quick"],
    full=shapes.POOLINGS["full"],
    edge=shapes.POOLINGS["edge"],
    dtypes=_DTYPES,
    cost=limits.cost_col2im,
    validate=limits.validate_col2im,
    grad=("columns",),
    torch_functions=torch_functions.FOLD,
    source=_SOURCE,
)
