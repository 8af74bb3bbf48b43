"""How a verb shows its work and its results, for people or for programs.

Lines on standard error begin with the verb; JSON has records as they stand in runs.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb writes on its two streams."""

    #: The verb, with which lines on standard error begin.
    verb: str
    #: Whether results are for programs.
    json: bool = False
    #: Whether no progress is shown.
    quiet: bool = False
    #: Whether details are shown.
    verbose: bool = False


def complain(verb: str, text: str) -> None:
    """Print a line on standard error."""
    print(f"opbench {verb}: {text}", file=sys.stderr)


def warn(verb: str, text: str) -> None:
    """Print a warning on standard error."""
    complain(verb, f"warning: {text}")


def print_json(value: object) -> None:
    """Print for programs."""
    print(json.dumps(value, indent=2))


def plain(value: object) -> Any:
    """A record as plain values, as JSON has them."""
    from opbench.results.records.codec import dumps

    assert dataclasses.is_dataclass(value)
    return json.loads(dumps(value))
