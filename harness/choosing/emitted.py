"""A table of choices as a Python module that needs no opbench, where the contenders allow it.

The module has the source of the contenders, with all that they need, and the dispatcher's function
under the name of the op.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from opbench.harness.choosing.dispatch_source import Program, program_of
from opbench.harness.choosing.guards import guards_of, lacking_of
from opbench.harness.choosing.standalone import StandaloneSource, written
from opbench.harness.declare import Impl, Op
from opbench.harness.preparation.output_modes import copies_view
from opbench.results.choosing.table import Table
from opbench.results.errors import UnsupportedError

_HEAD = '''"""{op}: the contender that opbench chose for the sizes of a call.

{text}
"""

from __future__ import annotations

'''
_TEXT = (
    "Chosen on {machine}; written by `opbench choose --emit python`, and nothing of opbench is "
    "needed. Outside of what was measured ({measured}) {fallback} runs. Choose anew where the "
    "machine or torch changes."
)
#: The preparation of a contender that can be written down.
_COMPILED = "torch:compile"


def emitted(table: Table, op: Op, impls: Mapping[str, Impl]) -> str:
    """The module for a table, which was compared with what is here.

    Raises UnsupportedError, with the reason, where a contender's source doesn't stand by itself.
    """
    guards, predicates = guards_of(table, op, impls)
    program = program_of(table, op, guards, lacking_of(table, op, impls))
    source = StandaloneSource(imports={"import torch": None})
    names = {
        f"contender_{number}": _contender(source, table, op, impls[name])
        for name, number in program.numbers.items()
    }
    names |= {name: source.add(predicate) for name, predicate in predicates.items()}
    names["outside"] = f"contender_{program.numbers[table.fallback]}"
    names = {**_settings(op, program), **names}
    public = "dispatch" if op.name in source.names else op.name
    if clashing := source.names & {*names, public}:
        raise UnsupportedError(
            f"{', '.join(sorted(clashing))}: a name that the module needs itself"
        )
    lines = "\n".join(f"{name} = {text}" for name, text in names.items())
    body = program.dispatch.replace("def dispatch(", f"def {public}(", 1)
    return f"{_head(table, op)}{source.text()}\n\n{lines}\n\n\n{body}"


def _contender(source: StandaloneSource, table: Table, op: Op, contender: Impl) -> str:
    """Collect a contender; return the expression of what runs. Raises UnsupportedError."""
    if copies_view(op, contender, table.sections[0].situation.board):
        raise UnsupportedError(
            f"{contender.name} of {op.name} returns a view, of which opbench takes a copy"
        )
    return _function(source, contender)


def _function(source: StandaloneSource, contender: Impl) -> str:
    """Collect what runs of a contender, with its parts; return its expression.

    Raises UnsupportedError.
    """
    name = f"{contender.name} of {contender.op}"
    if contender.target is not None:
        raise UnsupportedError(f"{name} is a kernel, which opbench compiles: {contender.target}")
    if contender.prepare not in (None, _COMPILED):
        raise UnsupportedError(
            f"{name} is prepared by {contender.prepare}, which needs its project"
        )
    parts = [_function(source, part) for part in contender.parts]
    try:
        called = source.add(contender.function)
    except UnsupportedError as error:
        raise UnsupportedError(f"{name} needs its project: {error}") from error
    if parts:
        source.imports["import functools"] = None
        called = f"functools.partial({called}, {', '.join(parts)})"
    return called if contender.prepare is None else f"torch.compile({called})"


def _settings(op: Op, program: Program) -> dict[str, str]:
    """What the dispatcher's function asks for by name, but for contenders."""
    found = {"threads": "torch.get_num_threads", "graph": "torch.is_grad_enabled"}
    found |= {variable: f"torch.{name}" for variable, name in program.dtypes.items()}
    for name, value in op.defaults.items():
        text = written(value)
        if text is None:
            raise UnsupportedError(f"the default of {op.name}'s {name} is {type(value).__name__}")
        found[f"default_{name}"] = text
    return found


def _head(table: Table, op: Op) -> str:
    """The beginning of the module: what it is and what it was chosen for."""
    facts = dict(table.environment.stable)
    machine = facts.get("gpu") or facts.get("cpu") or "a machine that isn't named"
    text = _TEXT.format(
        machine=_quotable(f"{machine}, torch {facts.get('torch', '?')}"),
        measured=_quotable("; ".join(section.measured for section in table.sections)),
        fallback=table.fallback,
    )
    return _HEAD.format(op=op.name, text=textwrap.fill(text, 100))


def _quotable(text: str) -> str:
    """A text without what would end the one that it stands in."""
    return text.replace("\\", "/").replace('"', "'")
