"""The door of the command `opbench`, behind which its own packages come first."""

from __future__ import annotations

import sys

from harness import own

#: As in `harness.cli`, which can't be imported where this is needed.
_BUG = 70


def main() -> int:
    """Run the command and return its exit code, which never says "a regression" by mistake."""
    own.pin((*own.PINNED, *own.BUILT_IN))
    try:
        from harness.cli import command
    except ImportError as error:
        sys.stderr.write(
            f"opbench cannot start: {error}; look for a package by one of the names "
            f"{', '.join(own.PINNED)} in PYTHONPATH, or install opbench again\n"
        )
        return _BUG
    return command()
