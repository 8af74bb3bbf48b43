"""The command lines that show why something is slower, where a gate found that."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from opbench.results.records import Case
from opbench.results.regression.verdicts import Finding

#: So many command lines, the slowest contender first: more of them are not read.
MOST = 3
#: Options that are passed on as the gate had them: which versions, and how they are run.
_VERSIONS = (
    ("base", "--base"),
    ("base_python", "--base-python"),
    ("head", "--head"),
    ("build", "--build"),
)
_MEANS = (("threads", "--threads"), ("load", "--load"))
#: The values of these that are left out, being their defaults.
_DEFAULTS = ("", ".", 0, None)
#: The settings of a gate that are read.
_NAMES = (*(name for name, _ in (*_VERSIONS, *_MEANS)), "dtype", "inputs", "grid")
#: Fields of a case, and the options that select it by them.
_FIELDS = (
    ("dtype", "--dtype"),
    ("inputs", "--inputs"),
    ("direction", "--pass"),
    ("device", "--device"),
    ("layout", "--layout"),
    ("board", "--board"),
    ("cache", "--cache"),
    ("seed", "--seed"),
)


def explain_commands(
    findings: Sequence[Finding], settings: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """A command line per op and contender that is slower, on the case where it is slowest.

    settings: the options that the gate was begun with, as of `RunInfo`. Empty where the gate had no
    base that could be run again.
    """
    options = {name: json.loads(text) for name, text in settings if name in _NAMES}
    if not options.get("base") and not options.get("base_python"):
        return ()
    return tuple(shlex.join(_arguments(finding, options)) for finding in slowest(findings))


def slowest(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of the contenders that are slower, each on the case where it is slowest; a few of them."""
    slower = [finding for finding in findings if finding.verdict == "slower"]
    slower.sort(key=lambda finding: -finding.ratio.value)
    found: dict[tuple[str, str], Finding] = {}
    for finding in slower:
        found.setdefault((finding.case.op, finding.contender), finding)
    return tuple(found.values())[:MOST]


def _arguments(finding: Finding, options: Mapping[str, object]) -> Iterator[str]:
    """The words of a command line that explains a finding's contender on its case."""
    case = finding.case
    yield from ("opbench", "explain")
    yield from _passed_on(_VERSIONS, options)
    yield from (case.op, "--impl", finding.contender, "-k", _expression(case.shape))
    yield from _case_arguments(case, options)
    yield from _passed_on(_MEANS, options)


def _passed_on(names: Sequence[tuple[str, str]], options: Mapping[str, object]) -> Iterator[str]:
    """Options as the gate had them, without those at their defaults."""
    for name, option in names:
        value = options.get(name)
        for one in value if isinstance(value, list) else [value]:
            if one not in _DEFAULTS:
                yield from (option, str(one))


def _case_arguments(case: Case, options: Mapping[str, object]) -> Iterator[str]:
    """The options that select a case of its op, without those that select it anyway."""
    defaults = {field.name: field.default for field in dataclasses.fields(Case)}
    for name, option in _FIELDS:
        value = getattr(case, name)
        # The dtype and the kind of inputs that an op is timed on by default are up to the op.
        if options.get(name) if name in ("dtype", "inputs") else value != defaults[name]:
            yield from (option, str(value))
    if options.get("grid") not in (None, "quick"):
        yield from ("--grid", str(options["grid"]))


def _expression(shape: str) -> str:
    """A shape's name as `-k` takes it: in quotes where it isn't a name to Python."""
    return shape if shape.isidentifier() else repr(shape)
