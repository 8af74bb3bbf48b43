"""What the driver of a fleet and its nodes say to each other: one line of JSON a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from opbench.results.errors import OpbenchError
from opbench.results.records import Case


class MessageError(OpbenchError):
    """A line that is no message: another version of opbench, or another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a node is to do.

    "keep" stores what is of the machine and not of a case; "race" and "fail" do a case; "anchors"
    times these anew.
    """

    do: Literal["keep", "race", "fail", "anchors"]
    #: The name of the case.
    case: str = ""
    #: Why it has failed, without a race.
    reason: str = ""

    def text(self) -> str:
        """The order as a line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a node has done, or that its process ("died") or all of it ("lost") has ended."""

    did: Literal["ready", "keep", "race", "fail", "anchors", "died", "lost"]
    case: str = ""
    #: Why the case isn't in the store, or the process has ended; "" where all is well.
    problem: str = ""
    #: Of a node that is ready, the head of its run as runs hold it.
    head: str = ""
    #: The threads of its cases.
    threads: int = 0
    #: Seconds per call of each anchor.
    anchors: Mapping[str, float] = field(default_factory=dict)
    #: How many contenders of the case had each outcome.
    outcomes: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """The reply as a line."""
        return json.dumps(asdict(self))


def order_of(text: str) -> Order:
    """The order that a line is. Raises MessageError where it is none."""
    try:
        return Order(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise MessageError(f"{text[:200]!r} is no order of a fleet: {error}") from error


def reply_of(text: str) -> Reply:
    """The reply that a line is. Raises MessageError where it is none."""
    try:
        return Reply(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise MessageError(f"{text[:200]!r} is no reply of a node: {error}") from error


def name_of(case: Case) -> str:
    """The name of a case in a fleet, whose nodes differ in the threads that they have."""
    return replace(case, threads=0).key
