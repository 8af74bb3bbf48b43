"""What the views ask, of given runs: asked before, so that a report can answer.

Where views offer more than a report can hold, every pair of runs say, the nearest are asked. What
is asked first is what is there in a report that is full: the views as they come up, then what they
show of another op, axis or pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opbench.dashboards.plugin.data.profile import changes
from opbench.dashboards.plugin.profile_list import KnownProfile, known_profiles
from opbench.dashboards.report.collected import Collected

#: A race is compared with so many others, those that began just before it first.
_MOST_BASES = 4
#: A run as the answer to "runs" has it.
_Run = Mapping[str, Any]


def ask_all(collected: Collected) -> None:
    """Ask what the views may ask, first what they ask when they are opened."""
    runs: Sequence[_Run] = collected.ask("runs")["runs"]
    races = [run for run in runs if run["lines"].get("Record")]
    for run in runs:
        collected.ask("run", run=run["id"])
        collected.ask("environment", run=run["id"])
    collected.ask("leaderboard")
    collected.ask("matrix")
    for run in races:
        collected.ask("leaderboard", run=run["id"])
    _ask_comparisons(collected, runs)
    _ask_profiles(collected, [run for run in runs if run["lines"].get("Profile")])
    if races:
        _ask_history(collected)
    for run in races:
        _ask_by_op(collected, "roofline", run=run["id"])
    for run in races:
        _ask_by_op(collected, "regions", run=run["id"])
    for run in races:
        for op in _ask_by_op(collected, "crossover", run=run["id"]):
            _ask_axes(collected, {"run": run["id"], "op": op["op"]}, op)


def _ask_comparisons(collected: Collected, runs: Sequence[_Run]) -> None:
    """What gates found, and the races compared with others."""
    for run in runs:
        if run["lines"].get("Gate"):
            collected.ask("compare", run=run["id"])
    races = [run for run in runs if run["lines"].get("Record") and not run["lines"].get("Gate")]
    for number, race in enumerate(races):
        # The runs come with the latest first.
        for base in [*races[number + 1 :], *races[:number]][:_MOST_BASES]:
            collected.ask("compare", run=race["id"], base=base["id"])


def _ask_history(collected: Collected) -> None:
    """The series of every op, with the runs of one environment and of all."""
    _ask_by_op(collected, "history")
    _ask_by_op(collected, "history", all="1")


def _ask_by_op(collected: Collected, route: str, **given: str) -> list[dict[str, Any]]:
    """Ask for every op that the answer without one names; return these answers."""
    first = collected.ask(route, **given)
    answers = []
    for op in first.get("ops", []):
        if op == first["op"]:
            collected.repeat(route, given, op=op)
            answers.append(first)
        else:
            answers.append(collected.ask(route, **given, op=op))
    return [answer for answer in answers if answer]


def _ask_axes(collected: Collected, given: dict[str, str], answer: Mapping[str, Any]) -> None:
    """The lines of an op along each of its axes."""
    collected.repeat("crossover", given, x=answer["axis"])
    for axis in answer["axes"]:
        if axis != answer["axis"]:
            collected.ask("crossover", **given, x=axis)


def _ask_profiles(collected: Collected, runs: Sequence[_Run]) -> None:
    """Every profile, and how those of a case differ."""
    if not runs:
        return
    collected.ask("profiles")
    for run in runs:
        collected.ask("profiles", run=run["id"])
    known = known_profiles(collected.log, {})
    for profile in known:
        collected.ask("profile", profile=profile.id)
    for first, second in _pairs(known):
        pair = {"profile": first.id, "other": second.id}
        collected.put("changes", pair, changes(first, second))


def _pairs(known: Sequence[KnownProfile]) -> Iterator[tuple[KnownProfile, KnownProfile]]:
    """The profiles of one case, each beside each other, either way round."""
    for first in known:
        for second in known:
            if first.id != second.id and first.profile.case == second.profile.case:
                yield first, second
