"""The door of the command `opbench`, behind which its own packages come first."""

from __future__ import annotations

import sys

from opbench.harness.versions import own_packages

#: As in `opbench.harness.cli.app`, which can't be imported where this is needed.
_BUG = 70


def main() -> int:
    """Run the command and return its exit code, which never says "a regression" by mistake."""
    own_packages.pin((*own_packages.PINNED, *own_packages.BUILT_IN))
    try:
        from opbench.harness.cli.app import command
    except ImportError as error:
        sys.stderr.write(
            f"opbench cannot start: {error}; look for a package by one of the names "
            f"{', '.join(own_packages.PINNED)} in PYTHONPATH, or install opbench again\n"
        )
        return _BUG
    return command()
