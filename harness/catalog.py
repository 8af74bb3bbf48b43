"""Find ops and contenders in modules, join them, and report what doesn't fit by its culprit."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from opbench.harness.declaration.fields import CASE_NAMES
from opbench.harness.declaration.loading import Source, import_all
from opbench.harness.declaration.named_arguments import call_named, is_default, parameter_names
from opbench.harness.declaration.origins import home_of, plain_name
from opbench.harness.declaration.signatures import misfit
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import CAVEAT_NAMES, LAYOUTS, Impl, Op
from opbench.results.errors import DeclarationError, SelectionError

GROUP = "opbench.suites"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """The ops that are known and the contenders of each; `suites` maps a suite to its ops."""

    ops: Mapping[str, Op]
    impls: Mapping[str, Mapping[str, Impl]]
    suites: Mapping[str, tuple[str, ...]]

    def op(self, name: str) -> Op:
        """The op of that name. Raises SelectionError with near names where there is none."""
        return _find(name, self.ops, what="op")

    def impl(self, op_name: str, name: str) -> Impl:
        """The contender of that name. Raises SelectionError where there is none."""
        self.op(op_name)
        return _find(name, self.impls[op_name], what=f"contender of {op_name}")

    def call(self, op_name: str, *args: object, impl: str, **options: object) -> Any:
        """Run one contender on your own arguments and return its output.

        The arguments are validated first: ValueError or TypeError name what is outside the op's
        contract. Raises SelectionError for an unknown op or contender, and UnsupportedError where
        the contender doesn't run here or on these arguments.
        """
        from opbench.harness.preparation.resolve import bind_arguments, ensure_supported, resolve

        op, contender = self.op(op_name), self.impl(op_name, impl)
        values = bind_arguments(op, args, options)
        if op.validate is not None:
            call_named(op.validate, values)
        ensure_supported(op, contender, values)
        given = tuple(values[name] for name in op.arguments)
        named = {n: values[n] for n in op.options if not is_default(values[n], op.defaults[n])}
        return resolve(contender)(*given, **named)


def load(
    *modules: str | Path | ModuleType, entry_points: bool = True, may_be_empty: bool = False
) -> Catalog:
    """The catalogue of the installed suites and of `modules`.

    modules: a module, its dotted name, or the path of a Python file; a file that is named twice is
        loaded once. What they print while they are imported goes to standard error.
    entry_points: whether to load what installed packages declare in the group "opbench.suites";
        the built-in suites come in by this door too.
    may_be_empty: whether one of `modules` may declare nothing.
    Raises DeclarationError naming the module, and what is wrong with it.
    """
    installed: list[Source] = list(_installed()) if entry_points else []
    given: list[Source] = [(str(getattr(m, "__name__", m)), m) for m in modules]
    found = import_all((*installed, *given))
    if not may_be_empty:
        _refuse_empty(found, {label for label, _ in given})
    ops, suites = _collect_ops(module for _, module in found)
    return Catalog(ops, _collect_impls((module for _, module in found), ops), suites)


def _refuse_empty(found: Iterable[tuple[str, ModuleType]], asked: set[str]) -> None:
    for label, module in found:
        if label in asked and not any(ops_in(module)) and not any(impls_in(module)):
            raise DeclarationError(
                f"{label} declares nothing: no Op has a name in it, and no function is tagged "
                'with @impl("name of an op")'
            )


def _installed() -> Iterator[Source]:
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.value, point.name)):
        owner = point.dist.name if point.dist else "unknown"
        yield f"entry point {point.name!r} of {owner}", point.value


def _collect_ops(
    modules: Iterable[ModuleType],
) -> tuple[dict[str, Op], dict[str, tuple[str, ...]]]:
    ops: dict[str, Op] = {}
    homes: dict[str, str] = {}
    suites: dict[str, tuple[str, ...]] = {}
    for module in modules:
        for op in ops_in(module):
            if ops.get(op.name) is op:
                continue
            if op.name in ops:
                raise DeclarationError(
                    f"op {op.name!r} is declared twice: in {homes[op.name]} and in "
                    f"{home_of(module.__name__)}; rename one of them"
                )
            ops[op.name], homes[op.name] = op, home_of(module.__name__)
            suite = plain_name(module)
            suites[suite] = (*suites.get(suite, ()), op.name)
    return ops, suites


def ops_in(module: ModuleType) -> Iterator[Op]:
    """The ops that a module has a name for."""
    return (value for value in _values_in(module) if isinstance(value, Op))


def impls_in(module: ModuleType) -> Iterator[Impl]:
    """The contenders that a module has a name for."""
    for value in _values_in(module):
        yield from getattr(value, "__dict__", {}).get("__opbench__", ())


def _values_in(module: ModuleType) -> Iterator[object]:
    """What a module defines, other modules apart: a lazily loaded one must not be woken up."""
    return (value for value in vars(module).values() if not issubclass(type(value), ModuleType))


def _collect_impls(
    modules: Iterable[ModuleType], ops: Mapping[str, Op]
) -> dict[str, dict[str, Impl]]:
    impls: dict[str, dict[str, Impl]] = {name: {} for name in ops}
    for module in modules:
        for contender in impls_in(module):
            _validate(contender, ops)
            known = impls[contender.op].setdefault(contender.name, contender)
            if known is not contender:
                raise DeclarationError(
                    f"contender {contender.name!r} of {contender.op!r} is declared twice: as "
                    f"{known.origin} and as {contender.origin}; give one of them another name"
                )
    return impls


def _validate(contender: Impl, ops: Mapping[str, Op]) -> None:
    where = f"contender {contender.name!r} of {contender.op!r} ({contender.origin})"
    if contender.op not in ops:
        raise DeclarationError(f"{where}: there is no op {contender.op!r}{near(contender.op, ops)}")
    op = ops[contender.op]
    wrong = misfit(contender.function, op.arguments, op.defaults)
    if wrong is not None:
        raise DeclarationError(f"{where}: {wrong}")
    for what, given, allowed in (
        ("board", (contender.board,) if contender.board else (), set(op.boards)),
        ("caveat on", tuple(contender.caveats), {*op.inputs, *LAYOUTS}),
        (
            "supports asks for",
            tuple(sorted(contender.supports.names())),
            {*op.arguments, *op.options, *CASE_NAMES},
        ),
        ("a caveat's condition asks for", _conditions(contender), CAVEAT_NAMES),
    ):
        for name in given:
            if name not in allowed:
                raise DeclarationError(
                    f"{where}: {what} {name!r}, which is not one of "
                    f"{', '.join(sorted(allowed)) or 'none'}{near(name, allowed)}"
                )


def _conditions(contender: Impl) -> tuple[str, ...]:
    """Every name that the conditions of its caveats ask for."""
    names = (name for c in contender.caveats.values() for name in parameter_names(c.shows))
    return tuple(sorted(set(names)))


def _find(name: str, known: Mapping[str, T], *, what: str) -> T:
    if name not in known:
        raise SelectionError(
            f"there is no {what} named {name!r}{near(name, known)}; known: {listed(known)}"
        )
    return known[name]
