"""The command lines that show which operators grew where a gate found something slower."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from opbench.results.records import Case
from opbench.results.regression.verdicts import Finding

#: Of so many contenders, the slowest first: nobody looks at more of them at once.
MOST = 3
#: Options that are given again as they were given to the gate: which versions, and how.
_VERSIONS = (
    ("base", "--base"),
    ("base_python", "--base-python"),
    ("head", "--head"),
    ("build", "--build"),
)
_AGAIN = (("threads", "--threads"), ("load", "--load"))
#: What these stand at where nobody says.
_USUAL = ("", ".", 0, None)


def looks(findings: Sequence[Finding], settings: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """A command line per op and contender that is slower, on the case where it is slowest.

    settings: those that the gate was begun with, as of `RunInfo`. None where the gate had no base
    that could be profiled.
    """
    asked = {name: json.loads(text) for name, text in settings if name in _REMEMBERED}
    if not asked.get("base") and not asked.get("base_python"):
        return ()
    slower = [found for found in findings if found.verdict == "slower"]
    slower.sort(key=lambda found: -found.ratio.value)
    worst: dict[tuple[str, str], Finding] = {}
    for found in slower:
        worst.setdefault((found.case.op, found.contender), found)
    return tuple(shlex.join(_words(found, asked)) for found in list(worst.values())[:MOST])


#: What is read of a gate's settings.
_REMEMBERED = (*(name for name, _ in (*_VERSIONS, *_AGAIN)), "dtype", "inputs", "grid")


def _words(found: Finding, asked: Mapping[str, object]) -> Iterator[str]:
    yield from ("opbench", "profile")
    yield from _given(_VERSIONS, asked)
    yield from (found.case.op, "--impl", found.contender, "-k", _expression(found.case.shape))
    yield from _case_words(found.case, asked)
    yield from _given(_AGAIN, asked)


def _given(options: Sequence[tuple[str, str]], asked: Mapping[str, object]) -> Iterator[str]:
    for name, option in options:
        value = asked.get(name)
        for one in value if isinstance(value, list) else [value]:
            if one not in _USUAL:
                yield from (option, str(one))


def _case_words(case: Case, asked: Mapping[str, object]) -> Iterator[str]:
    """The options that select a case of its op; those that select it anyway are left out."""
    usual = Case(op="", shape="", axes=(), inputs="")
    for name, option in (
        ("dtype", "--dtype"),
        ("inputs", "--inputs"),
        ("direction", "--pass"),
        ("device", "--device"),
        ("layout", "--layout"),
        ("board", "--board"),
        ("cache", "--cache"),
        ("seed", "--seed"),
    ):
        value = getattr(case, name)
        # Which dtype and kind of inputs an op is timed on is up to the op.
        if asked.get(name) if name in ("dtype", "inputs") else value != getattr(usual, name):
            yield from (option, str(value))
    if asked.get("grid") not in (None, "quick"):
        yield from ("--grid", str(asked["grid"]))


def _expression(shape: str) -> str:
    """A shape's name as `-k` takes it: in quotes where it isn't a name to Python."""
    return shape if shape.isidentifier() else repr(shape)
