"""The commit that a run was made of, where it says."""

from __future__ import annotations

import json

from opbench.results.records import RunInfo

#: The settings that hold a commit; the first that is there counts.
_NAMES = ("commit", "head_commit")


def commit_of(info: RunInfo) -> str:
    """The commit, with "+" where files were changed since; "" where the run doesn't say."""
    settings = dict(info.settings)
    value = next((settings[name] for name in _NAMES if name in settings), "null")
    try:
        commit = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    return commit if isinstance(commit, str) else ""
