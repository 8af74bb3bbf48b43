"""Run folders of what a store holds: the first complete attempt at each case, by environment.

Times of different environments are never compared, so that each has a folder of its own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from opbench.results.errors import RunFolderError
from opbench.results.records import Environment, Record, RunInfo
from opbench.results.records.anchors import is_anchor
from opbench.results.records.run import Line
from opbench.results.records.run_folder import RunFolder, create
from opbench.results.store.attempts import MOST_PARTS, Attempt, Content, Part, StoredRun, Survey

_LOG = logging.getLogger(__name__)
#: The first characters of an environment's key that the name of a folder has.
KEY_LENGTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a store holds of a run in one environment."""

    #: The head, as if one process had made all of it.
    info: RunInfo
    #: Of all cases, in the order of their attempts.
    lines: tuple[Line, ...]
    #: How many cases there are, anchors apart.
    cases: int
    #: Complete attempts at cases that others had done already.
    repeated: int
    #: Attempts without a mark.
    incomplete: int
    #: Complete by their marks, and damaged or made with other options: left out.
    unusable: tuple[str, ...]
    #: The parts that have not said that they are finished.
    unfinished: tuple[Part, ...]

    @property
    def whole(self) -> bool:
        """Whether all parts are finished."""
        return not self.unfinished

    @property
    def environment(self) -> Environment:
        """The environment that it ran in."""
        return self.info.environment


def collect(run: StoredRun, *, key: str = "") -> tuple[Collected, ...]:
    """What a store holds of a run, by environment; nothing is written.

    key: how the key of the environment begins, if only one is wanted. Raises RunFolderError where
    there is none, or the store can't be read.
    """
    survey = run.survey()
    keys = sorted({a.key for a in (*survey.complete, *survey.incomplete) if a.key.startswith(key)})
    found = [collected for k in keys if (collected := _of_environment(run, survey, k))]
    if not found:
        what = f"complete attempt of an environment {key}…" if key else "complete attempt"
        raise RunFolderError(f"{run} holds no {what}: is the URL right, and has a part begun?")
    return tuple(found)


def write(collected: Iterable[Collected], root: Path, name: str) -> tuple[RunFolder, ...]:
    """Make run folders, `root/<name>`, or `root/<name>-<key>` where there are several.

    Raises RunFolderError where one is there already.
    """
    collected = tuple(collected)
    names = {
        one.environment.key: name if len(collected) == 1 else f"{name}-{short(one.environment.key)}"
        for one in collected
    }
    return tuple(
        create(root, replace(one.info, id=names[one.environment.key]), one.lines)
        for one in collected
    )


def described(environment: Environment) -> str:
    """An environment in a few words: its processor or accelerator, and its torch."""
    return described_facts(environment.stable)


def described_facts(stable: Iterable[tuple[str, str]]) -> str:
    """As `described`, from the stable facts of an environment."""
    facts = dict(stable)
    device = facts.get("gpu") or facts.get("cpu") or "unknown processor"
    return f"{device}, torch {facts.get('torch', '?')}"


def short(key: str) -> str:
    """The part of an environment's key that names it among a few."""
    return key[:KEY_LENGTH]


def done_by(
    run: StoredRun, survey: Survey, info: RunInfo, cases: Collection[str]
) -> dict[str, tuple[Line, ...]]:
    """The lines of those of some cases, by their digests, that are done in a process' environment.

    Nothing else of the run is read but its first attempt. Raises RunFolderError where what is there
    was made with other options: it is another run.
    """
    key = info.environment.key
    here = sorted((a for a in survey.complete if a.key == key), key=lambda attempt: attempt.name)
    first = next((content for attempt in here if (content := run.read(attempt))), None)
    contents, _ = _first_contents(run, [a for a in here if a.case in cases], key)
    for content in (*contents.values(), *([first] if first else ())):
        if differing := _differing(content.info, info):
            raise RunFolderError(
                f"{run} was begun with other options ({', '.join(differing)}); give another --id"
            )
    return {case: content.lines for case, content in contents.items()}


def _of_environment(run: StoredRun, survey: Survey, key: str) -> Collected | None:
    """What there is of one environment; None where nothing can be used."""
    contents, unusable = _first_contents(run, survey.complete, key)
    if not contents:
        what = "; ".join(unusable) or "no attempt is complete"
        _LOG.warning("%s: of the environment %s nothing can be used: %s", run, key, what)
        return None
    first = min((c.info for c in contents.values()), key=lambda info: info.created)
    alike = {case: c for case, c in contents.items() if not _differing(c.info, first)}
    unusable += [f"{case}: made with other options" for case in contents.keys() - alike.keys()]
    for text in unusable:
        _LOG.warning("%s: %s; it is left out", run, text)
    finished = {part for k, part in survey.finished if k == key}
    many = max((part.many for part in finished), default=_many(first))
    missing = tuple(p for p in (Part(i, many) for i in range(1, many + 1)) if p not in finished)
    lines = tuple(line for content in alike.values() for line in content.lines)
    here = [a for a in survey.complete if a.key == key]
    return Collected(
        info=_joined(first, [c.info for c in alike.values()]),
        lines=lines,
        cases=len(
            {line.case for line in lines if isinstance(line, Record) and not is_anchor(line)}
        ),
        repeated=len(here) - len({a.case for a in here}),
        incomplete=sum(a.key == key for a in survey.incomplete),
        unusable=tuple(sorted(unusable)),
        unfinished=missing,
    )


def _first_contents(
    run: StoredRun, attempts: Iterable[Attempt], key: str
) -> tuple[dict[str, Content], list[str]]:
    """Of each case the first attempt that can be used, in their order; and what can't be."""
    contents: dict[str, Content] = {}
    unusable = []
    for attempt in sorted(attempts, key=lambda attempt: attempt.name):
        if attempt.key != key or attempt.case in contents:
            continue
        content = run.read(attempt)
        if content is None:
            unusable.append(f"{attempt.case}/{attempt.name} is damaged")
        else:
            contents[attempt.case] = content
    return contents, unusable


def _differing(one: RunInfo, other: RunInfo) -> list[str]:
    """The options that two heads were made with and differ in, parts apart."""
    options, others = _options(one), _options(other)
    names = options.keys() | others.keys()
    return sorted(name for name in names if options.get(name) != others.get(name))


def _options(info: RunInfo) -> Mapping[str, str]:
    """The options of a head that all its parts share; files by their names, wherever they lie."""
    options = {name: value for name, value in info.settings if name != "part"}
    if "load" in options:
        options["load"] = json.dumps([Path(n).name for n in json.loads(options["load"]) or ()])
    return options


def _many(info: RunInfo) -> int:
    """The parts that a run was divided into, by the options of one of them."""
    part = json.loads(dict(info.settings).get("part", "null"))
    # A head of others may say anything.
    is_part = isinstance(part, list) and len(part) == 2 and isinstance(part[1], int)
    return max(1, min(part[1], MOST_PARTS)) if is_part else 1


def _joined(first: RunInfo, infos: Iterable[RunInfo]) -> RunInfo:
    """One head of many: that of the first, with the warnings of all."""
    warnings = dict.fromkeys(warning for info in infos for warning in info.warnings)
    settings = tuple((name, value) for name, value in first.settings if name != "part")
    return replace(first, warnings=tuple(warnings), settings=settings)
