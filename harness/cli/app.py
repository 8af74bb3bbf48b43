"""The command `opbench`: its parser, its verbs, and the exit codes of their errors.

Only this module exits, and only `harness/cli` prints. Tables go to standard output, progress and
errors to standard error.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, Protocol, TypeGuard

from opbench.harness.cli.commands import (
    calibrate,
    check,
    choose,
    collect,
    compare,
    dashboard,
    explain,
    export,
    gate,
    history,
    import_,
    matrix,
    profile,
    publish,
    record_shapes,
    report,
    run,
    show,
    tune,
)
from opbench.harness.cli.commands import list as list_
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.output import complain
from opbench.harness.cli.parsing import Parser, parse
from opbench.harness.cli.streams import escape_what_cannot_be_shown, warnings_shown
from opbench.harness.system.interruption import as_interrupt, ignore_until_the_end
from opbench.harness.versions.git import forget_caller
from opbench.results.errors import OpbenchError

#: The exit code of a bug in opbench itself; EX_SOFTWARE of sysexits.h.
BUG = 70
#: The exit code of an interrupted command; as shells report a process that SIGINT ends.
INTERRUPTED = 128 + signal.SIGINT
#: The exit code of a command whose output is no longer read; as for one that SIGPIPE ends.
UNREAD = 128 + signal.SIGPIPE
_EXIT_CODES = """\
exit codes:
  0  all well
  1  a regression is confirmed
  2  wrong command line
  3  inconclusive: the requested precision wasn't reached
  4  a contender gave a wrong result
  5  a contender crashed, hung or ran out of memory
  6  nothing could be measured, or the environments can't be compared
 70  a bug in opbench: please report it with its traceback
130  interrupted
141  the reader of the output has gone
"""


class _Verb(Protocol):
    """The members of each module of `harness/cli/commands`."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


#: In the order of `--help`.
_VERBS: dict[str, _Verb] = {
    "list": list_,
    "check": check,
    "run": run,
    "profile": profile,
    "explain": explain,
    "calibrate": calibrate,
    "show": show,
    "record-shapes": record_shapes,
    "choose": choose,
    "tune": tune,
    "compare": compare,
    "gate": gate,
    "history": history,
    "publish": publish,
    "dashboard": dashboard,
    "report": report,
    "export": export,
    "import": import_,
    "collect": collect,
    "matrix": matrix,
}


def command() -> NoReturn:
    """As `main`, for a process that ends with what that returns.

    If a file that it loads crashes it, it prints in which line.
    """
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        faulthandler.enable(all_threads=False)
    try:
        code = main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else BUG
    except BaseException:  # noqa: BLE001 - of the command's own last words: Python would end with 1
        os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
        code = BUG
    if code == INTERRUPTED:
        ignore_until_the_end()
    _end(code)


def _end(code: int) -> NoReturn:
    """End this process with an exit code, after what is registered to be done then.

    Not by returning: threads that a loaded file has begun might never end, and something that is
    done at the end might end the process with another code, as a crash of a library does.
    """
    leave, report = os._exit, sys.unraisablehook

    def refuse(_: int) -> None:
        """End the process, as argparse does of itself."""
        raise SystemExit

    os._exit = refuse  # type: ignore[assignment]
    sys.unraisablehook = lambda raised: None if raised.exc_type is SystemExit else report(raised)
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    leave(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    forget_caller()
    escape_what_cannot_be_shown()
    try:
        with as_interrupt():
            _ensure_usable()
            code = _run(_parse(argv))
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of the output has seen enough (`opbench show | head`). The outcome of the
        # command isn't known, and must not be taken for a pass.
        sys.stdout = None
        return UNREAD
    except OSError as error:
        # Python would try again to write the rest of its buffer, and end with a code of its own.
        sys.stdout = None
        print(f"opbench: standard output cannot be written: {_mishap(error)}", file=sys.stderr)
        return Exit.USAGE


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line. Raises SystemExit where it is wrong, or asks for help."""
    try:
        return parse(parsers, argv)
    except SystemExit:
        sys.stdout.flush()  # what --help printed
        raise


def _ensure_usable() -> None:
    """Raise OSError where nothing can be printed.

    A file that is opened later would get the number of a stream that is closed, and all output
    would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed; give > /dev/null to do without")


def _run(args: argparse.Namespace) -> int:
    """Run the verb, and return its exit code or that of the error that ends it."""
    try:
        with warnings_shown(args.verb):
            return int(_VERBS[args.verb].run(args))
    except OpbenchError as error:
        complain(args.verb, str(error))
        return error.exit_code
    except KeyboardInterrupt as error:
        # A verb that had begun a run has noted how to go on with it.
        notes = getattr(error, "__notes__", ["nothing was recorded"])
        complain(args.verb, "; ".join(["interrupted", *notes]))
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug; Python's own exit code would say "a regression"
        if _is_mishap(error):
            sys.stdout.flush()  # raises if it is standard output that can't be written
            complain(args.verb, _mishap(error))
            return Exit.USAGE
        traceback.print_exc()
        return BUG


def _is_mishap(error: Exception) -> TypeGuard[OSError]:
    """Whether the system refused something, be it a file, memory on a disk or an address.

    Errors of the processes that this one started are bugs.
    """
    own = (ConnectionError, ChildProcessError, ProcessLookupError, BlockingIOError)
    return isinstance(error, OSError) and not isinstance(error, own)


def _mishap(error: OSError) -> str:
    """The refusal of the system, in a line."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not error.filename:
        return f"{reason}: of standard output, or of a temporary file"
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename else reason


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser of `opbench`, and those of its verbs by name."""
    root = Parser(
        prog="opbench",
        description="Race, check and profile competing implementations of PyTorch ops.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"opbench {version('opbench')}")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    made: dict[str, Parser] = {}
    for name, module in _VERBS.items():
        text = module.HELP
        made[name] = verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        module.add_arguments(made[name])
    return root, made


if __name__ == "__main__":
    command()
