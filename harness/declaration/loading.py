"""Import the modules that declare ops and contenders, whatever they do while they are imported."""

from __future__ import annotations

import contextlib
import dis
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from opbench.harness.declaration.origins import line_in, name_of_file
from opbench.harness.outcomes import one_line
from opbench.harness.system.interruption import handlers_kept
from opbench.results.errors import DeclarationError

#: What messages call a module, and how it is found.
Source = tuple[str, str | Path | ModuleType]


def import_all(sources: Iterable[Source]) -> tuple[tuple[str, ModuleType], ...]:
    """The modules, each once, with what messages call them.

    What they print goes to standard error. Raises DeclarationError naming the module that can't be
    imported: one that raises, or that ends the process.
    """
    found: dict[str, tuple[str, ModuleType]] = {}
    for label, source in sources:
        known = found.get(_file_of(source)) if not isinstance(source, ModuleType) else None
        module = known[1] if known else _import(label, source)
        found.setdefault(_file_of(module), (label, module))
    return tuple(found.values())


def _file_of(source: str | Path | ModuleType) -> str:
    """By which two sources are known to be the same file, or its name where there is none."""
    if isinstance(source, ModuleType):
        file = getattr(source, "__file__", None)
        return str(Path(file).resolve()) if file else source.__name__
    return str(Path(source).resolve()) if _is_path(source) else str(source)


def _is_path(source: str | Path) -> bool:
    return isinstance(source, Path) or source.endswith(".py")


def _import(label: str, source: str | Path | ModuleType) -> ModuleType:
    if isinstance(source, ModuleType):
        return source
    name = name_of_file(Path(source)) if _is_path(source) else str(source)
    try:
        with _contained():
            return _import_file(Path(source)) if _is_path(source) else _import_name(name)
    except BaseException as error:
        if not _is_its_own(error):
            raise
        raise DeclarationError(_told(label, name, error)) from error


def _import_name(name: str) -> ModuleType:
    if not name or name.startswith(".") or "/" in name:
        raise DeclarationError(f"{name!r} names no module: give package.module, or a .py file")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name and Path(f"{name}.py").is_file():
            raise DeclarationError(f"there is no such module; did you mean ./{name}.py?") from error
        raise


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DeclarationError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name_of_file(path), path)
    if spec is None or spec.loader is None:
        raise DeclarationError("is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Where inspect, dataclasses and pickle look for it.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _told(label: str, name: str, error: BaseException) -> str:
    """What is wrong with a module, and in which line of it."""
    file = str(Path(label).absolute()) if label.endswith(".py") else _origin(name)
    line = line_in(error, file)
    if isinstance(error, DeclarationError):
        return f"{label}{f':{line}' if line else ''}: {error}"
    return f"{label} cannot be loaded: {one_line(error)}{f' (line {line})' if line else ''}"


def _origin(name: str) -> str:
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
        return (spec.origin or "") if spec else ""
    return ""


def _is_its_own(error: BaseException) -> bool:
    """Whether a module raised it; what comes of Ctrl-C is raised amid any other instruction."""
    if not isinstance(error, KeyboardInterrupt):
        return True
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or traceback.tb_frame.f_globals.get("__package__") == __package__:
        return False
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """While a module is imported it neither prints to standard output nor ends the process.

    Nor does it take signals over for longer: a command that is told to end clears up.
    `os._exit(0)` would else look like a command that found nothing wrong.
    """
    process, leave = os.getpid(), os._exit

    def refuse(code: int) -> None:
        # A child that it forked may end as it likes.
        if os.getpid() != process:
            leave(code)
        raise SystemExit(code)

    with _to_standard_error(), handlers_kept():
        os._exit = refuse  # type: ignore[assignment]
        try:
            yield
        finally:
            os._exit = leave


@contextlib.contextmanager
def _to_standard_error() -> Iterator[None]:
    """What is printed goes to standard error, also by what isn't Python."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        # Either may be closed.
        with contextlib.suppress(OSError):
            kept = os.dup(1)
            stack.callback(os.close, kept)
            _flush()
            os.dup2(2, 1)
            stack.callback(os.dup2, kept, 1)
            stack.callback(_flush)
        yield


def _flush() -> None:
    if sys.__stdout__ is not None:
        with contextlib.suppress(ValueError, OSError):
            sys.__stdout__.flush()
