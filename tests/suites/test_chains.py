"""The chains of the catalogue: what is composed and what is fused, right and wrong."""

import pytest

from opbench.harness.choosing.chains import part_shape
from tests.harness.verdicts import Exam

EXAM = Exam("wrong_in_chains.py")
CATALOG = EXAM.catalog
CHAINS = CATALOG.suites["chains"]
#: Wrong by what its glue does, whatever its parts.
GLUE = [
    ("patch_merging_linear", "permute+turned"),
    ("window_attention_scores", "rearrange+einops"),
]


def test_the_suite_has_every_op_that_is_made_of_others():
    assert set(CHAINS) == {"moe_forward", "patch_merging_linear", "window_attention_scores"}


@pytest.mark.parametrize("op", CHAINS)
def test_every_chain_is_raced_both_ways(op):
    composed = [c for c in CATALOG.impls[op].values() if c.made_of]
    assert len(composed) >= 4
    assert len(CATALOG.impls[op]) - len(composed) >= 4
    # Every choice of parts is there, so that the best of each alone is.
    for number in range(len(CATALOG.op(op).parts)):
        assert len({c.made_of[number] for c in composed}) >= 2


@pytest.mark.parametrize("op", CHAINS)
def test_every_shape_has_a_shape_of_each_part(op):
    declared = CATALOG.op(op)
    for axes in {**declared.quick, **declared.full, **declared.edge}.values():
        for part in declared.parts:
            assert set(part_shape(declared, CATALOG.op(part), axes)) == set(CATALOG.op(part).axes)


@pytest.mark.parametrize(("op", "name"), EXAM.contenders("wrong_") + GLUE)
def test_wrong_ones_are_found(op, name):
    assert EXAM.faults(op, name, "odd or one_expert", dtypes=("float32",))


def test_a_composition_of_ones_own_passes():
    name = "sort+loop+padded+scatter_add"
    assert EXAM.faults("moe_forward", name, dtypes=("float32",), inputs=("normal", "masked")) == []
