"""The command `opbench`: its parser, its verbs, and what becomes of their errors.

Only this module exits, and only it and the verbs in `harness/commands` print. Tables go to standard
output, progress and errors to standard error.
"""

from __future__ import annotations

import argparse
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
from typing import Protocol, TypeGuard

from opbench.harness.cli.commands import (
    calibrate,
    check,
    compare,
    dashboard,
    export,
    gate,
    history,
    import_,
    profile,
    publish,
    run,
    show,
)
from opbench.harness.cli.commands import list as list_
from opbench.harness.cli.commands.common import going_on
from opbench.harness.cli.exit_codes import Exit
from opbench.harness.cli.parsing import Parser, parse
from opbench.harness.cli.streams import escape_what_cannot_be_shown, warnings_shown
from opbench.harness.system.interruption import as_interrupt, ignore_until_the_end
from opbench.harness.versions.git import forget_caller
from opbench.results.errors import OpbenchError

#: The exit code of a bug in opbench itself; EX_SOFTWARE of sysexits.h.
BUG = 70
#: The exit code of an interrupted command; shells tell it of who SIGINT ends.
INTERRUPTED = 128 + signal.SIGINT
#: The exit code where nobody reads the output any more; shells tell it of who SIGPIPE ends.
UNREAD = 128 + signal.SIGPIPE
_EXIT_CODES = """\
exit codes:
  0  all well
  1  a regression is confirmed
  2  wrong command line
  3  inconclusive: the asked precision wasn't reached
  4  a contender gave a wrong result
  5  a contender crashed, hung or ran out of memory
  6  nothing could be measured, or the environments can't be compared
 70  a bug in opbench: please report it with its traceback
130  interrupted
141  whoever read the output has gone
"""


class _Verb(Protocol):
    """What a module of `harness/commands` has."""

    HELP: str

    def add(self, verb: argparse.ArgumentParser) -> None: ...

    def main(self, words: argparse.Namespace) -> Exit: ...


#: In the order of `--help`.
_VERBS: dict[str, _Verb] = {
    "list": list_,
    "check": check,
    "run": run,
    "profile": profile,
    "calibrate": calibrate,
    "show": show,
    "compare": compare,
    "gate": gate,
    "history": history,
    "publish": publish,
    "dashboard": dashboard,
    "export": export,
    "import": import_,
}


def command() -> int:
    """As `main`, for a process that ends with what it returns.

    One that a file which it loads ends by a crash says in which line.
    """
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        faulthandler.enable(all_threads=False)
    code = main()
    if code == INTERRUPTED:
        ignore_until_the_end()
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    forget_caller()
    escape_what_cannot_be_shown()
    try:
        with as_interrupt():
            _ensure_usable()
            code = _done(_parsed(argv))
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has seen enough (`opbench show | head`). What would have come of
        # the command isn't known, and must not be taken for a pass.
        sys.stdout = None
        return UNREAD
    except OSError as error:
        # Python would try again to write what it still holds, and end with a code of its own.
        sys.stdout = None
        print(f"opbench: standard output cannot be written: {_mishap(error)}", file=sys.stderr)
        return Exit.USAGE


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return parse(parsers, argv)
    except SystemExit:
        sys.stdout.flush()  # what --help printed
        raise


def _ensure_usable() -> None:
    """Raise OSError where nothing can be printed.

    A file that is opened later would get the number of a stream that is closed, and whatever is
    printed would go into it.
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


def _done(words: argparse.Namespace) -> int:
    """Do what is asked, and tell what is in the way of it."""
    try:
        with warnings_shown(words.verb):
            return int(_VERBS[words.verb].main(words))
    except OpbenchError as error:
        print(f"opbench {words.verb}: {error}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        print(f"opbench {words.verb}: interrupted{going_on(words)}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a bug; Python's own exit code would say "a regression"
        if _is_mishap(error):
            sys.stdout.flush()  # where it is that which can't be written, that is told instead
            print(f"opbench {words.verb}: {_mishap(error)}", file=sys.stderr)
            return Exit.USAGE
        traceback.print_exc()
        return BUG


def _is_mishap(error: Exception) -> TypeGuard[OSError]:
    """Whether the system refused something, be it a file, memory on a disk or an address.

    What concerns processes that this one started and speaks to is its own affair.
    """
    own = (ConnectionError, ChildProcessError, ProcessLookupError, BlockingIOError)
    return isinstance(error, OSError) and not isinstance(error, own)


def _mishap(error: OSError) -> str:
    """What the system refused, in a line."""
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
    for name, verb in _VERBS.items():
        text = verb.HELP
        made[name] = verbs.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        verb.add(made[name])
    return root, made


if __name__ == "__main__":
    sys.exit(command())
