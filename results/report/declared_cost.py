"""Whether what contenders were seen to do contradicts the cost that their op declares."""

from __future__ import annotations

#: Work that is below this share of what is declared contradicts the declaration.
_LESS = 0.95
#: A contender that spends a larger part of its time outside of operators does work out of sight.
_UNSEEN = 0.2


def is_contradicted(done: float, declared: float) -> bool:
    """Whether a right contender did clearly less than its op says has to be done."""
    return done < _LESS * declared


def is_in_sight(outside: float | None) -> bool:
    """Whether operators show all that a contender does. outside: the share of its time elsewhere.

    Where that isn't known, they may not.
    """
    return outside is not None and outside < _UNSEEN
