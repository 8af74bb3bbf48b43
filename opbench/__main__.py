"""The command `opbench`, also as `python -m opbench`."""

from __future__ import annotations

import sys

#: As in `opbench.harness.cli.app`, which can't be imported where this is needed.
_BUG = 70


def main() -> int:
    """Run the command and return its exit code, which never says "a regression" by mistake."""
    try:
        from opbench.harness.cli.app import command
    except ImportError as error:
        sys.stderr.write(
            f"opbench cannot start: {error}; look for a package of that name in PYTHONPATH, or "
            "install opbench again\n"
        )
        return _BUG
    return command()


if __name__ == "__main__":
    sys.exit(main())
