"""Contenders that refuse some calls: the tests by which a dispatcher runs the fallback instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opbench.harness.choosing.provenance import lacks_option
from opbench.harness.declaration.named_arguments import call_named, parameter_names
from opbench.harness.declare import Impl, Op
from opbench.results.choosing.rules import contenders_of
from opbench.results.choosing.situations import Situation
from opbench.results.choosing.table import Table
from opbench.results.errors import UnsupportedError

#: What of a call is the same in a whole situation; a predicate that asks for more looks at calls.
_OF_SITUATION = {"dtype", "device", "direction", "board"}


def guards_of(
    table: Table, op: Op, impls: Mapping[str, Impl]
) -> tuple[dict[str, str], dict[str, Any]]:
    """For contenders that refuse some calls, the test of a call; and the predicates by name.

    Raises UnsupportedError where one refuses a whole situation that names it, or the fallback
    refuses any call.
    """
    guards, predicates = {}, {}
    for number, name in enumerate(table.contenders):
        tests = []
        for place, (test, _) in enumerate(impls[name].supports.tests):
            names = parameter_names(test)
            if set(names) <= _OF_SITUATION:
                _ensure_supported(table, name, impls[name])
                continue
            if set(names) & _OF_SITUATION or name == table.fallback:
                raise UnsupportedError(f"{name} of {op.name} runs on some calls only")
            predicates[f"takes_{number}_{place}"] = test
            given = ", ".join(f"{n}={n}" for n in names)
            tests.append(f"takes_{number}_{place}({given})")
        if tests:
            guards[name] = " and ".join(tests)
    return guards, predicates


def lacking_of(table: Table, op: Op, impls: Mapping[str, Impl]) -> list[str]:
    """The contenders that lack an option. Raises UnsupportedError where the fallback does."""
    lacking = [name for name in table.contenders if lacks_option(op, impls[name])]
    if table.fallback in lacking:
        raise UnsupportedError(f"{table.fallback} of {op.name} runs on some calls only")
    return lacking


def _ensure_supported(table: Table, name: str, contender: Impl) -> None:
    """Raise UnsupportedError where a contender refuses a whole situation that names it."""
    for section in table.sections:
        if name in contenders_of(section.rule):
            _ensure_takes(contender, section.situation)


def _ensure_takes(contender: Impl, situation: Situation) -> None:
    """Raise UnsupportedError where a contender refuses a situation, whatever the call."""
    facts = {name: getattr(situation, name) for name in _OF_SITUATION}
    for test, reason in contender.supports.tests:
        if set(parameter_names(test)) <= _OF_SITUATION and not call_named(test, facts):
            raise UnsupportedError(f"{contender.name} of {contender.op}: {reason}")
