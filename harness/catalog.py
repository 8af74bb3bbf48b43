"""Find ops and contenders in modules, join them, and report what doesn't fit by its culprit."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from harness.declare import CASE_NAMES, CAVEAT_NAMES, LAYOUTS, Impl, Op, parameter_names
from results.errors import DeclarationError, SelectionError

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
        from harness.prepare import bind_arguments, ensure_supported, resolve

        op, contender = self.op(op_name), self.impl(op_name, impl)
        values = bind_arguments(op, args, options)
        if op.validate is not None:
            op.validate(**{name: values[name] for name in parameter_names(op.validate)})
        ensure_supported(op, contender, values)
        return resolve(contender)(*args, **options)


def load(*modules: str | Path | ModuleType, entry_points: bool = True) -> Catalog:
    """The catalogue of the installed suites and of `modules`.

    modules: a module, its dotted name, or the path of a Python file.
    entry_points: whether to load what installed packages declare in the group "opbench.suites";
        the built-in suites come in by this door too.
    Raises DeclarationError naming the module, and what is wrong with it.
    """
    sources: list[tuple[str, str | Path | ModuleType]] = list(_installed()) if entry_points else []
    sources += [(str(getattr(module, "__name__", module)), module) for module in modules]
    found = [_import(label, module) for label, module in sources]
    ops, suites = _collect_ops(found)
    return Catalog(ops, _collect_impls(found, ops), suites)


def _installed() -> Iterator[tuple[str, str | Path | ModuleType]]:
    points = importlib.metadata.entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.value, point.name)):
        owner = point.dist.name if point.dist else "unknown"
        yield f"entry point {point.name!r} of {owner}", point.value


def _import(label: str, module: str | Path | ModuleType) -> ModuleType:
    if isinstance(module, ModuleType):
        return module
    try:
        if isinstance(module, Path) or module.endswith(".py"):
            return _import_file(Path(module))
        return importlib.import_module(module)
    except DeclarationError as error:
        raise DeclarationError(f"{label}: {error}") from error
    except Exception as error:
        raise DeclarationError(
            f"{label} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DeclarationError(f"there is no file {path}")
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{digest}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where inspect, dataclasses and pickle look for it.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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
                    f"{module.__name__}; rename one of them"
                )
            ops[op.name], homes[op.name] = op, module.__name__
            suite = module.__name__.rpartition(".")[2]
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
        raise DeclarationError(
            f"{where}: there is no op {contender.op!r}{_near(contender.op, ops)}"
        )
    op = ops[contender.op]
    names = parameter_names(contender.function)
    if names[: len(op.arguments)] != op.arguments:
        raise DeclarationError(
            f"{where}: takes ({', '.join(names)}); the op's arguments are "
            f"({', '.join(op.arguments)})"
        )
    for what, given, allowed in (
        ("option", names[len(op.arguments) :], set(op.options)),
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
                    f"{', '.join(sorted(allowed)) or 'none'}"
                )


def _conditions(contender: Impl) -> tuple[str, ...]:
    """Every name that the conditions of its caveats ask for."""
    names = (name for c in contender.caveats.values() for name in parameter_names(c.shows))
    return tuple(sorted(set(names)))


def _find(name: str, known: Mapping[str, T], *, what: str) -> T:
    if name not in known:
        raise SelectionError(
            f"there is no {what} named {name!r}{_near(name, known)}; "
            f"known: {', '.join(sorted(known)) or 'none'}"
        )
    return known[name]


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
