"""The profiles that there are, and whether traces can be opened in Perfetto."""

from __future__ import annotations

from typing import Any

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.perfetto import perfetto_page
from opbench.dashboards.plugin.profile_list import KnownProfile, known_profiles


def answer(log: LogFolder, query: Query) -> dict[str, Any]:
    """The profiles of the runs that `run` names, of all where it names none."""
    return {
        "perfetto": perfetto_page(),
        "profiles": [_fields(one) for one in known_profiles(log, query)],
    }


def _fields(known: KnownProfile) -> dict[str, Any]:
    """A profile for the list."""
    profile = known.profile
    return {
        "id": known.id,
        "run": known.run.id,
        "op": profile.case.op,
        "label": profile.case.label,
        "sizes": profile.case.sizes,
        "key": profile.case.key,
        "contender": profile.contender,
        "side": profile.side,
    }
