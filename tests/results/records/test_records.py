"""Names of cases."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from tests.results.examples import case


def test_sizes_key_and_label():
    found = case(layout="transposed", device="cuda")

    assert found.sizes == "B=8 S=1024"
    assert found.label == "small normal float32 forward transposed cuda"
    assert found.key == (
        "patch_pooling/small(B=8,S=1024)/normal/transposed/float32/cuda/forward/warm/t1/s0"
    )


@given(
    st.sampled_from(["shape", "inputs", "layout", "dtype", "device", "direction", "cache"]),
    st.text(min_size=1),
)
def test_the_key_differs_with_each_field(name, value):
    changed = dataclasses.replace(case(), **{name: value})

    assert (changed.key == case().key) == (changed == case())
