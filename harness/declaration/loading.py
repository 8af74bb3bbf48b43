"""Import the modules that declare ops and contenders, whatever they do while they are imported.

A module that raises, prints, ends the process or forks must not take the command down with it, nor
look like a success. One file is imported once, whether it is given by name, by path or as a module;
files get names of their own among the modules, so that two `ops.py` can be loaded together.
"""

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

from opbench.harness.declaration.origins import in_a_line, line_in, name_of_file
from opbench.harness.system.process_kept import process_kept
from opbench.results.errors import DeclarationError, one_line

#: A module's label in messages, and its name, path, or the module itself.
Source = tuple[str, str | Path | ModuleType]


def module_of(value: str) -> str:
    """The module in an entry point's value: "package.ops" of "package.ops:row_sum [extra]"."""
    return value.partition("[")[0].partition(":")[0].strip()


def import_all(sources: Iterable[Source]) -> tuple[tuple[str, ModuleType], ...]:
    """Import modules; return each once, with its label in messages.

    Their output goes to standard error. Raises DeclarationError, naming the module, where one can't
    be imported: because it raises, or ends the process.
    """
    imported: dict[str, tuple[str, ModuleType]] = {}
    for label, source in sources:
        known = imported.get(_file_of(source)) if not isinstance(source, ModuleType) else None
        module = known[1] if known else _import(label, source)
        imported.setdefault(_file_of(module), (label, module))
    return tuple(imported.values())


def _file_of(source: str | Path | ModuleType) -> str:
    """The path of a source, which identifies it; its name where it has no file."""
    if isinstance(source, ModuleType):
        file = getattr(source, "__file__", None)
        return str(Path(file).resolve()) if file else source.__name__
    return str(Path(source).resolve()) if _is_path(source) else str(source)


def _is_path(source: str | Path) -> bool:
    """Whether a source is a file, and no module's name."""
    return isinstance(source, Path) or source.endswith(".py")


def _import(label: str, source: str | Path | ModuleType) -> ModuleType:
    """Import one module, contained. Raises DeclarationError where it can't be imported."""
    if isinstance(source, ModuleType):
        return source
    name = name_of_file(Path(source)) if _is_path(source) else str(source)
    try:
        with _contained():
            return _import_file(Path(source)) if _is_path(source) else _import_name(name)
    except BaseException as error:
        if not _is_its_own(error):
            raise
        raise DeclarationError(_message(label, name, error)) from error


def _import_name(name: str) -> ModuleType:
    """Import a module by its name. Raises DeclarationError where that names none."""
    if not name or name.startswith(".") or "/" in name:
        raise DeclarationError(f"{name!r} names no module: give package.module, or a .py file")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name and Path(f"{name}.py").is_file():
            raise DeclarationError(f"there is no such module; did you mean ./{name}.py?") from error
        raise


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name that no other file has."""
    if not path.is_file():
        raise DeclarationError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name_of_file(path), path)
    if spec is None or spec.loader is None:
        raise DeclarationError("is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Inspect, dataclasses and pickle look for it there.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _message(label: str, name: str, error: BaseException) -> str:
    """The message that a module can't be imported, with the line of it that is wrong."""
    file = str(Path(label).absolute()) if label.endswith(".py") else _origin(name)
    line = line_in(error, file)
    if isinstance(error, DeclarationError):
        return in_a_line(f"{label}{f':{line}' if line else ''}: {error}")
    reason = f"{one_line(error)}{f' (line {line})' if line else ''}"
    return in_a_line(f"{label} cannot be loaded: {reason}")


def _origin(name: str) -> str:
    """The file of a module; "" where it can't be found."""
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
        return (spec.origin or "") if spec else ""
    return ""


def _is_its_own(error: BaseException) -> bool:
    """Whether the module raised the error: Ctrl-C raises one amid any other instruction."""
    if not isinstance(error, KeyboardInterrupt):
        return True
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or _is_harness(traceback.tb_frame.f_globals.get("__package__") or ""):
        return False
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"


def _is_harness(package: str) -> bool:
    """Whether it is a package of the harness, whose signal handler raises KeyboardInterrupt."""
    return f"{package}.".startswith("opbench.harness.")


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Keep a module that is imported from printing to standard output and ending the process.

    What it set of Python's own is put back as well: a command that is asked to end clears up.
    `os._exit(0)` would otherwise look like a command that found nothing wrong.
    """
    process, leave = os.getpid(), os._exit

    def refuse(code: int) -> None:
        # A child that it forked may end as it likes.
        if os.getpid() != process:
            leave(code)
        raise SystemExit(code)

    with _to_standard_error(), process_kept():
        os._exit = refuse  # type: ignore[assignment]
        try:
            yield
        finally:
            os._exit = leave
            if os.getpid() != process:
                # Else there would be two commands from here on.
                leave(1)


@contextlib.contextmanager
def _to_standard_error() -> Iterator[None]:
    """Redirect standard output to standard error, also of code that isn't Python."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        # Either may be closed.
        with contextlib.suppress(OSError):
            stdout, stderr = os.dup(1), os.dup(2)
            stack.callback(os.close, stdout)
            stack.callback(os.close, stderr)
            _flush()
            os.dup2(2, 1)
            stack.callback(os.dup2, stdout, 1)
            stack.callback(os.dup2, stderr, 2)
            stack.callback(_flush)
        yield


def _flush() -> None:
    """Write out what Python holds back of its own output."""
    if sys.__stdout__ is not None:
        with contextlib.suppress(ValueError, OSError):
            sys.__stdout__.flush()
