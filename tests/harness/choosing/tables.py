"""Tables of an op that is raced on one thread of this machine, for tests."""

import dataclasses

from opbench.harness.choosing.call_axes import call_axes
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.machine.environment import describe
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.situations import Situation
from opbench.results.choosing.table import Section, Table

BOUNDS = {"B": (1.0, 64.0), "S": (1.0, 1024.0)}


def section_of(op, rule, fallback="plain", bounds=BOUNDS, **fields):
    """The section of a rule for an op's forward pass in float32; fields: what is otherwise."""
    situation = Situation(
        op=op.name,
        dtype="float32",
        device="cpu",
        direction="forward",
        inputs="normal",
        threads=1,
        layout="contiguous",
        cache="warm",
        board="compute",
    )
    situation = dataclasses.replace(situation, **fields)
    return Section(situation=situation, rule=rule, fallback=fallback, bounds=bounds)


def table_of(op, impls, *sections, names):
    """The table of an op that names some of its contenders, which are given by name."""
    axes = call_axes(op)
    return Table(
        op=op.name,
        contract=contract_fingerprint(op),
        environment=describe(),
        reads=axes.reads,
        tensor=axes.tensor,
        contenders={name: fingerprint(impls[name]) for name in names},
        sections=sections,
    )
