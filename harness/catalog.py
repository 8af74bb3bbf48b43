"""Find ops and contenders in modules, join them, and name the culprit of what doesn't fit.

A catalogue is a value: loading twice gives two, and nothing is registered anywhere. Modules come
from the entry points of installed packages and from the caller. Each is scanned for `Op` values and
for functions that `impl` tagged, whatever they are called and wherever they came from; what is
found is joined by the names of ops. A declaration that fits no op, or fits two, is an error with
its place.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from opbench.harness.declaration.fields import CASE_NAMES
from opbench.harness.declaration.loading import Source, import_all, module_of
from opbench.harness.declaration.named_arguments import call_named, is_default, parameter_names
from opbench.harness.declaration.observed import observed
from opbench.harness.declaration.origins import home_of, suite_name
from opbench.harness.declaration.signatures import misfit
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declaration.support import Support
from opbench.harness.declare import CAVEAT_NAMES, LAYOUTS, Impl, Op
from opbench.results.errors import DeclarationError, SelectionError

#: The entry-point group in which packages name their modules.
GROUP = "opbench.suites"
#: The suite that every op is in that is a chain of others, beside the one of its module.
CHAINS = "chains"
#: What a condition of a part may ask for when it runs in a chain, whose arguments are others.
_OF_PART = {"dtype", "device", "direction"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Ops and their contenders, as `load` found them.

        catalog = opbench.load("./mine.py")
        catalog.call("patch_pooling", tokens, lengths, impl="mine")

    Everything that is planned, checked, timed or profiled comes from a catalogue.
    """

    #: By name.
    ops: Mapping[str, Op]
    #: The contenders of each op, by name.
    impls: Mapping[str, Mapping[str, Impl]]
    #: The names of the ops of each suite.
    suites: Mapping[str, tuple[str, ...]]

    def op(self, name: str) -> Op:
        """The op of that name. Raises SelectionError, with near names, where there is none."""
        return _find(name, self.ops, what="op")

    def impl(self, op_name: str, name: str) -> Impl:
        """The contender of that name. Raises SelectionError, with near names, where none is."""
        self.op(op_name)
        return _find(name, self.impls[op_name], what=f"contender of {op_name}")

    def call(self, op_name: str, *args: object, impl: str, **options: object) -> Any:
        """Run one contender on arguments of your own and return its output.

            catalog.call("patch_pooling", tokens, lengths, impl="index_add", fill=0.0)

        The arguments are validated first: ValueError or TypeError name what is outside the op's
        contract. Raises SelectionError for an unknown op or contender, and UnsupportedError where
        the contender doesn't run here or on these arguments.
        """
        # Here, so that listing doesn't import torch.
        from opbench.harness.preparation.resolve import bind_arguments, ensure_supported, resolve

        op, contender = self.op(op_name), self.impl(op_name, impl)
        values = bind_arguments(op, args, options)
        if op.validate is not None:
            call_named(op.validate, values)
        ensure_supported(op, contender, values)
        by_position = tuple(values[name] for name in op.arguments)
        by_name = {n: values[n] for n in op.options if not is_default(values[n], op.defaults[n])}
        function = observed("catalog.call", op_name, resolve(contender))
        return function(*by_position, **by_name)


def load(
    *modules: str | Path | ModuleType, entry_points: bool = True, may_be_empty: bool = False
) -> Catalog:
    """Load the catalogue of the installed suites and of `modules`.

        catalog = opbench.load("./mine.py", "my_package.races")

    modules: each a module, its dotted name, or the path of a Python file; a file that is named
        twice is loaded once. What they print while they are imported goes to standard error.
    entry_points: whether to load what installed packages declare in the group "opbench.suites";
        the built-in suites come in by this door too.
    may_be_empty: whether one of `modules` may declare nothing.
    Raises DeclarationError, naming the module, where one can't be imported or declares something
    that doesn't fit.
    """
    installed: list[Source] = list(_installed()) if entry_points else []
    requested: list[Source] = [(str(getattr(m, "__name__", m)), m) for m in modules]
    imported = import_all((*installed, *requested))
    if not may_be_empty:
        _refuse_empty(imported, {label for label, _ in requested})
    ops, suites = _collect_ops(module for _, module in imported)
    impls = _collect_impls((module for _, module in imported), ops)
    return Catalog(ops, _with_parts(impls), suites)


def _refuse_empty(imported: Iterable[tuple[str, ModuleType]], requested: set[str]) -> None:
    """Raise DeclarationError where a requested module declares nothing."""
    for label, module in imported:
        if label in requested and not any(ops_in(module)) and not any(impls_in(module)):
            raise DeclarationError(
                f"{label} declares nothing: no Op has a name in it, and no function is tagged "
                'with @impl("name of an op")'
            )


def _installed() -> Iterator[Source]:
    """The modules that installed packages name, in an order that doesn't depend on installation."""
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.value, point.name)):
        owner = point.dist.name if point.dist else "unknown"
        yield f"entry point {point.name!r} of {owner}", module_of(point.value)


def _collect_ops(
    modules: Iterable[ModuleType],
) -> tuple[dict[str, Op], dict[str, tuple[str, ...]]]:
    """The ops by name, and the names of the ops of each suite."""
    ops: dict[str, Op] = {}
    homes: dict[str, str] = {}
    suites: dict[str, tuple[str, ...]] = {}
    for module in modules:
        for op in ops_in(module):
            # One op may have names in several modules; it belongs to the first.
            if ops.get(op.name) is op:
                continue
            if op.name in ops:
                raise DeclarationError(
                    f"op {op.name!r} is declared twice: in {homes[op.name]} and in "
                    f"{home_of(module.__name__)}; rename one of them"
                )
            ops[op.name], homes[op.name] = op, home_of(module.__name__)
            suite = suite_name(module)
            suites[suite] = (*suites.get(suite, ()), op.name)
    for op in ops.values():
        _validate_parts(op, ops)
    chains = [name for name, op in ops.items() if op.parts]
    # A module may have that name. First, so that a later suite says where an op is declared.
    members = tuple(dict.fromkeys((*chains, *suites.pop(CHAINS, ()))))
    return ops, {**({CHAINS: members} if members else {}), **suites}


def _validate_parts(op: Op, ops: Mapping[str, Op]) -> None:
    """Raise DeclarationError where a chain is of an op that isn't there."""
    for name in op.parts:
        if name not in ops:
            raise DeclarationError(
                f"op {op.name!r}: parts: there is no op {name!r}{near(name, ops)}"
            )


def ops_in(module: ModuleType) -> Iterator[Op]:
    """The ops that a module has a name for."""
    return (value for value in _values_in(module) if isinstance(value, Op))


def impls_in(module: ModuleType) -> Iterator[Impl]:
    """The contenders that a module has a name for."""
    for value in _values_in(module):
        yield from getattr(value, "__dict__", {}).get("__opbench__", ())


def _values_in(module: ModuleType) -> Iterator[object]:
    """The values that a module defines. No modules: a lazily loaded one must not be executed."""
    return (value for value in vars(module).values() if not issubclass(type(value), ModuleType))


def _collect_impls(
    modules: Iterable[ModuleType], ops: Mapping[str, Op]
) -> dict[str, dict[str, Impl]]:
    """The contenders of each op, by name."""
    impls: dict[str, dict[str, Impl]] = {name: {} for name in ops}
    for module in modules:
        for contender in impls_in(module):
            _validate(contender, ops)
            # So may a contender.
            known = impls[contender.op].setdefault(contender.name, contender)
            if known is not contender:
                raise DeclarationError(
                    f"contender {contender.name!r} of {contender.op!r} is declared twice: as "
                    f"{known.origin} and as {contender.origin}; give one of them another name"
                )
    return impls


def _validate(contender: Impl, ops: Mapping[str, Op]) -> None:
    """Raise DeclarationError where a contender doesn't fit its op."""
    where = f"contender {contender.name!r} of {contender.op!r} ({contender.origin})"
    if contender.op not in ops:
        raise DeclarationError(f"{where}: there is no op {contender.op!r}{near(contender.op, ops)}")
    op = ops[contender.op]
    if contender.made_of and tuple(part for part, _ in contender.made_of) != tuple(op.parts):
        given = ", ".join(part for part, _ in contender.made_of)
        raise DeclarationError(
            f"{where}: parts={given}; the op's are {', '.join(op.parts) or 'none'}"
        )
    function = partial(contender.function, *contender.made_of)
    reason = misfit(function, op.arguments, op.defaults)
    if reason is not None:
        raise DeclarationError(f"{where}: {reason}")
    names_of_case = {*op.arguments, *op.options, *CASE_NAMES}
    for what, names, allowed in (
        ("board", (contender.board,) if contender.board else (), set(op.boards)),
        ("caveat on", tuple(contender.caveats), {*op.inputs, *LAYOUTS}),
        ("supports asks for", tuple(sorted(contender.supports.names())), names_of_case),
        ("a caveat's condition asks for", _condition_names(contender), CAVEAT_NAMES),
    ):
        for name in names:
            if name not in allowed:
                raise DeclarationError(
                    f"{where}: {what} {name!r}, which is not one of "
                    f"{', '.join(sorted(allowed)) or 'none'}{near(name, allowed)}"
                )


def _with_parts(impls: Mapping[str, Mapping[str, Impl]]) -> dict[str, dict[str, Impl]]:
    """The contenders, those that are composed of others with these."""
    return {
        op: {name: _linked(contender, impls) for name, contender in own.items()}
        for op, own in impls.items()
    }


def _linked(contender: Impl, impls: Mapping[str, Mapping[str, Impl]]) -> Impl:
    """A contender with those that it is made of, which run where all of them do."""
    parts = tuple(_part(contender, *name, impls) for name in contender.made_of)
    tests = (test for part in parts for test in part.supports.tests)
    requires = (module for part in parts for module in part.requires)
    return replace(
        contender,
        parts=parts,
        supports=contender.supports & Support(tuple(dict.fromkeys(tests))),
        requires=tuple(dict.fromkeys((*contender.requires, *requires))),
    )


def _part(contender: Impl, op: str, name: str, impls: Mapping[str, Mapping[str, Impl]]) -> Impl:
    """A part of a contender. Raises DeclarationError where it can't be one."""
    where = f"contender {contender.name!r} of {contender.op!r} ({contender.origin})"
    part = impls[op].get(name)
    if part is None:
        raise DeclarationError(
            f"{where}: there is no contender {name!r} of {op}{near(name, impls[op])}"
        )
    if part.made_of:
        raise DeclarationError(f"{where}: {name} of {op} is composed itself")
    if unknown := part.supports.names() - _OF_PART:
        raise DeclarationError(
            f"{where}: {name} of {op} refuses some calls by {', '.join(sorted(unknown))}, which a "
            "chain can't ask for: leave it out of parts"
        )
    return part


def _condition_names(contender: Impl) -> tuple[str, ...]:
    """Every name that the conditions of the contender's caveats ask for."""
    names = (name for c in contender.caveats.values() for name in parameter_names(c.shows))
    return tuple(sorted(set(names)))


def _find(name: str, known: Mapping[str, T], *, what: str) -> T:
    """The value of that name. Raises SelectionError, with near names, where there is none."""
    if name not in known:
        raise SelectionError(
            f"there is no {what} named {name!r}{near(name, known)}; known: {listed(known)}"
        )
    return known[name]
