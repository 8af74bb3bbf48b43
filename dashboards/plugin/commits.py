"""The commit that a run was made of, where it says."""

from __future__ import annotations

import json

from opbench.results.records import RunInfo

#: The settings and facts that hold a commit, the first that is there counts.
_NAMES = ("commit", "head_commit")


def commit_of(info: RunInfo) -> str:
    """The commit, with "+" where files were changed since; "" where the run doesn't say."""
    facts = dict(info.environment.volatile)
    settings = dict(info.settings)
    for name in _NAMES:
        if name in facts:
            return facts[name]
        if name in settings:
            return _text(settings[name])
    return ""


def _text(value: str) -> str:
    """A setting that is a text; "" of another."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return ""
    return decoded if isinstance(decoded, str) else ""
