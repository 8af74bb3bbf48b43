"""Suggestions for a name that isn't known: the nearest one, and those there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: The most names that a message lists.
_SHOWN = 10


def near(name: str, known: Iterable[str]) -> str:
    """The text " (did you mean 'x'?)" with the nearest of the names; "" where none is near."""
    folded = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    if not close:
        # Part of a longer name: `pooling` for `patch_pooling`.
        close = sorted((other for other in folded if name and name.lower() in other), key=len)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def listed(known: Iterable[str], *, more: str = "") -> str:
    """The first names, in order, how many more there are, and the command that shows those."""
    names = sorted(known)
    if len(names) <= _SHOWN + 2:
        return ", ".join(names) or "none"
    where = f": {more}" if more else ""
    return f"{', '.join(names[:_SHOWN])}, and {len(names) - _SHOWN} more{where}"
