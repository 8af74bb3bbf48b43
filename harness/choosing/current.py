"""Whether a table of choices is for what is here: the machine, the software, the contract, sources.

What can't run at all is refused in any case; what may only be slower than promised is refused too,
unless the caller takes it with a warning. Never does another contender run than the one that a
table names: contenders are found by their names, and known by the fingerprint of their source.

- Refused in any case: a contender that isn't there any more, an axis that is read off a call in
  another way than when the table was made, another tensor whose dtype and device count.
- Refused unless allowed: another environment, with the facts that differ; another contract of the
  op; another source of a contender.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opbench.harness.choosing.call_axes import CallAxes
from opbench.harness.choosing.contract import contract_fingerprint
from opbench.harness.declaration.suggestions import near
from opbench.harness.declare import Impl, Op
from opbench.harness.preparation.resolve import fingerprint
from opbench.results.choosing.table import Table
from opbench.results.errors import StaleTableError
from opbench.results.records import Environment


def ensure_usable(table: Table, op: Op, impls: Mapping[str, Impl], axes: CallAxes) -> None:
    """Raise StaleTableError where a table names what isn't here, or reads calls otherwise."""
    for name in table.contenders:
        if name not in impls:
            raise StaleTableError(
                f"{op.name} has no contender {name!r} here{near(name, impls)}: choose anew, or "
                'give catalog=opbench.load("file.py") with the file that declares it'
            )
    for axis, text in table.reads.items():
        if axes.reads.get(axis) != text:
            now = axes.reads.get(axis, "not at all")
            raise StaleTableError(f"{op.name}: {axis} was read as {text}, and now is {now}")
    if missing := [axis for axis in op.axes if axis not in {*table.reads, *axes.hidden}]:
        raise StaleTableError(f"{op.name} has the axis {missing[0]}, which the table lacks")
    if table.tensor != axes.tensor:
        raise StaleTableError(f"{op.name}: dtype and device are not those of {table.tensor!r}")


def differences(
    table: Table, op: Op, impls: Mapping[str, Impl], here: Environment
) -> Iterator[str]:
    """What has changed since the table was made; nothing where it is for what is here."""
    if table.environment.key != here.key:
        there, now = dict(table.environment.stable), dict(here.stable)
        changed = [
            f"{name} was {there.get(name, 'unknown')!r} and is {now.get(name, 'unknown')!r}"
            for name in {**there, **now}
            if there.get(name) != now.get(name)
        ]
        yield f"it was measured elsewhere: {'; '.join(changed[:3])}"
    if table.contract != contract_fingerprint(op):
        yield f"the contract of {op.name} has changed"
    for name, known in table.contenders.items():
        if fingerprint(impls[name]) != known:
            yield f"the source of {name} has changed"
