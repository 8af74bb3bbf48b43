"""Who enters the next race of a choice: what is out of the question is timed no further.

A contender is out that can't be chosen, whatever its next times are: it was wrong somewhere, or
takes too much memory. Futile is one that was shown to be slower by far on all shapes so far; it is
tried again from time to time, as it may be fast elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opbench.results.choosing.candidates import Conditions, left_out
from opbench.results.choosing.gather import Races
from opbench.results.choosing.situations import Row

#: A contender that surely takes this many times as long as the best on every shape is futile; as in
#: a race, which it then leaves.
FUTILE = 3.0


def eligible(
    races: Races, contenders: Iterable[str], conditions: Conditions, *, takes_new: bool
) -> tuple[str, ...]:
    """Those contenders that may still be chosen, as far as they were raced.

    takes_new: whether those are among them that were never raced here.
    """
    known = {record.contender for record in races.records}
    rows = tuple(races.rows.values())
    found = []
    for name in contenders:
        if name not in known:
            found += [name] if takes_new else []
            continue
        own = [record for record in races.records if record.contender == name]
        timed = [row for row in rows if name in row.times]
        if name not in left_out(timed, own, conditions):
            found.append(name)
    return tuple(found)


def futile(rows: Sequence[Row], names: Iterable[str], least: int) -> dict[str, float]:
    """By contender that was slower by far wherever it was timed, how many times at least.

    least: on how many shapes it has to be timed for that.
    """
    found = {}
    for name in names:
        lows = [row.times[name].ratio.low for row in rows if name in row.times]
        if len(lows) >= max(least, 1) and min(lows) >= FUTILE:
            found[name] = min(lows)
    return found
