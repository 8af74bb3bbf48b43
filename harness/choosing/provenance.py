"""What a choice needs to know of the catalogue: who can't be dispatched, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opbench.harness.choosing.call_axes import CallAxes
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.declaration.signatures import accepts
from opbench.harness.declare import Impl, Op
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.choice import Choice
from opbench.results.choosing.table import Provenance, used
from opbench.results.errors import TableError
from opbench.results.records import Environment, Record

#: What a predicate may ask for that is the same in a whole situation.
_OF_SITUATION = {"dtype", "device", "direction", "board"}


def barred(impls: Mapping[str, Impl], records: Sequence[Record]) -> dict[str, str]:
    """By contender that mustn't be chosen for what it is now, the reason.

    records: whose contenders may have changed since.
    """
    reasons: dict[str, str] = {}
    measured = {record.contender: record.fingerprint for record in records}
    for name, known in measured.items():
        if name not in impls:
            reasons[name] = "is not there any more"
        elif known != fingerprint(impls[name]):
            reasons[name] = "its source has changed since: race it again"
    return reasons


def runs_on_all_calls(op: Op, contender: Impl) -> bool:
    """Whether a contender that runs in a situation refuses no call there."""
    return contender.supports.names() <= _OF_SITUATION and not lacks_option(op, contender)


def lacks_option(op: Op, contender: Impl) -> bool:
    """Whether there is an option that a contender doesn't take."""
    return not all(accepts(contender.function, option) for option in op.options)


def provenance(
    op: Op,
    impls: Mapping[str, Impl],
    choices: Sequence[Choice],
    axes: CallAxes,
    environment: Environment,
    runs: Sequence[str],
) -> Provenance:
    """What a table of choices is for and made by.

    Raises TableError where no call shows which of the choices is for it.
    """
    for field in ("inputs", "layout", "cache", "board"):
        kinds = sorted({str(getattr(choice.situation, field)) for choice in choices})
        if len(kinds) > 1:
            option = {"inputs": "--inputs", "board": "--board"}.get(field, "-k")
            raise TableError(
                f"{op.name}: a table is for one of {', '.join(kinds)}, which no call shows: "
                f"say with {option} which"
            )
    return Provenance(
        contract=contract_fingerprint(op),
        environment=environment,
        reads=axes.reads,
        tensor=axes.tensor,
        fingerprints={name: fingerprint(impls[name]) for name in used(choices)},
        runs=tuple(runs),
    )
