"""The catalogue's ops by dispatchers: options, lists of tensors, numbers, no arguments at all."""

import warnings

import pytest
import torch

import opbench
from opbench.harness.choosing.call_axes import call_axes
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.choosing.provenance import runs_on_all_calls
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.inputs import build
from opbench.harness.preparation.resolve import fingerprint, is_compiled
from opbench.results.choosing.rules import Leaf, Split
from opbench.results.choosing.situations import is_size, situation_of
from opbench.results.choosing.table import Section, Table
from opbench.results.records import Case

OPS = (
    *("identity_matrix", "rearrange_1", "stack_new_axis", "split_heads", "unflatten_leading"),
    *("conv2d", "max_pool2d", "patch_merging", "topk_gating", "moe_combine_sorted"),
)


@pytest.fixture(scope="module")
def here():
    return describe()


def table_of(catalog, here, op, case):
    """A table that names the first of two contenders where the case is, and the second beyond."""
    axes, impls = call_axes(op), catalog.impls[op.name]
    names = [
        name
        for name, contender in impls.items()
        if runs_on_all_calls(op, contender) and not is_compiled(contender)
    ][:2]
    sizes = {axis: float(size) for axis, size in case.axes if is_size(size)}
    read = [axis for axis in sizes if axis in axes.reads]
    rule = Split("*".join(read), 1e30, *map(Leaf, names)) if read else Leaf(names[0])
    bounds = {axis: (0.0, 2 * size) for axis, size in sizes.items() if axis in read}
    section = Section(situation=situation_of(case), rule=rule, fallback=names[1], bounds=bounds)
    return names[0], Table(
        op=op.name,
        contract=contract_fingerprint(op),
        environment=here,
        reads=axes.reads,
        tensor=axes.tensor,
        contenders={name: fingerprint(impls[name]) for name in names},
        sections=(section,),
    )


@pytest.mark.parametrize("name", OPS)
def test_an_op_is_dispatched_on_its_own_inputs(catalog, here, name):
    op = catalog.op(name)
    shape, axes = next(iter(op.quick.items()))
    case = Case(
        op=name,
        shape=shape,
        axes=tuple(axes.items()),
        inputs=op.timed_kinds[0],
        dtype=op.dtypes[0],
        board=op.boards[0],
        threads=torch.get_num_threads(),
    )
    due, table = table_of(catalog, here, op, case)
    given = build(op, case)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dispatched = opbench.dispatch(name, table, catalog=catalog)
        assert dispatched.which(*given.args, **given.options) == due
        output = dispatched(*given.args, **given.options)
    expected = catalog.call(name, *given.args, impl=due, **given.options)
    torch.testing.assert_close(output, expected)
