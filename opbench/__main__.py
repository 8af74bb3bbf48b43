"""The command `opbench`, also as `python -m opbench`."""

from __future__ import annotations

import sys

#: As in `opbench.harness.cli.app`, which can't be imported where these are needed.
_BUG, _INTERRUPTED = 70, 130


def main() -> int:
    """Run the command and return its exit code, which never says "a regression" by mistake."""
    try:
        from opbench.harness.cli.app import command
    except KeyboardInterrupt:
        sys.stderr.write("opbench: interrupted; nothing was recorded\n")
        return _INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - of a module that isn't the one that is meant
        sys.stderr.write(f"opbench cannot start: {_reason(error)}\n")
        return _BUG
    command()


def _reason(error: BaseException) -> str:
    """The error, and the file that raised it: somebody's `json.py` may stand in the way."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})" if trace else ""
    text = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
    advice = "look for a module of that name in PYTHONPATH, or install opbench again"
    return f"{text}{where}; {advice}"


if __name__ == "__main__":
    sys.exit(main())
