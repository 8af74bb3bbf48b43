"""How sizes are read off a call: what the catalogue's ops say, and axes that nothing follows."""

import dataclasses

import pytest
import torch

from opbench import Cost, Op
from opbench.harness.choosing.call_axes import call_axes


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("inverse_cdf", {"K": "probs.shape[0]", "N": "u.shape[0]"}),
        ("split_heads", {"h": "heads", "d": "x.shape[2] // heads"}),
        ("col2im", {"C": "columns.shape[1] // kernel_size // kernel_size", "stride": "stride"}),
        ("stack_new_axis", {"n": "len(tensors)", "W": "tensors[0].shape[1]"}),
        ("unflatten_leading", {"a": "sizes[0]", "c": "x.shape[1]"}),
        ("temperatures_average", {"W": "temps.shape[0] // 7"}),
    ],
)
def test_the_catalogues_ops(catalog, name, reads):
    found = call_axes(catalog.op(name))
    assert {axis: found.reads[axis] for axis in reads} == reads
    assert found.hidden == ()


def test_what_is_in_the_values_is_hidden(catalog):
    found = call_axes(catalog.op("moe_combine_sorted"))
    assert found.hidden == ("E",)
    assert found.tensor == "y"


def squared(n, **fields) -> Op:
    values = {
        "name": "squared",
        "oracle": lambda x: x * x,
        "axes": {"N": "rows", "M": "columns"},
        "inputs": {"normal": n},
        "quick": {"square": {"N": 4, "M": 4}, "more": {"N": 8, "M": 8}},
        "cost": lambda N: Cost(N, N),
    }
    return Op(**values | fields)


def test_axes_that_are_alike_in_all_declared_shapes_are_kept_apart():
    op = squared(lambda N, M: {"x": torch.ones(M, N)})
    assert call_axes(op).reads == {"N": "x.shape[1]", "M": "x.shape[0]"}


def test_an_axis_that_changes_nothing_is_hidden():
    op = squared(lambda N, M: {"x": torch.ones(N)})
    assert call_axes(op).hidden == ("M",)


def test_an_op_that_takes_none_of_its_own_shapes_has_no_axes():
    def refuse(N, M):
        raise ValueError("no")

    found = call_axes(squared(refuse))
    assert (found.reads, found.hidden, found.tensor) == ({}, ("N", "M"), "")
    without = dataclasses.replace(squared(lambda N, M: {"x": 3}))
    assert call_axes(without).tensor == ""
