"""What is known of a contender before it runs."""

import re

import pytest

from opbench.harness.preparation.resolve import is_compiled

#: How contenders of the catalogue are called that a compiler makes.
COMPILED = re.compile(r"(cpp|compile|triton)(?![a-z])")


@pytest.mark.parametrize("op", ["patch_pooling", "batched_softmax", "conv2d", "topk_gating"])
def test_contenders_that_take_a_compiler_are_those_that_are_called_so(catalog, op):
    found = {name: is_compiled(one) for name, one in catalog.impls[op].items()}
    assert found == {name: bool(COMPILED.match(name)) for name in found}
    assert len(set(found.values())) == 2
