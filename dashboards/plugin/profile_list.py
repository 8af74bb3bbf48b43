"""The profiles of runs, each known by a name that fits into an address."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from opbench.dashboards.plugin.answers import Query
from opbench.dashboards.plugin.choices import runs_with
from opbench.dashboards.plugin.confined_files import open_confined
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.read_run import ReadRun
from opbench.dashboards.plugin.selection import selected_runs
from opbench.results.errors import RunFolderError, SelectionError
from opbench.results.records import Profile


@dataclass(frozen=True, slots=True)
class KnownProfile:
    """A profile of a run."""

    run: ReadRun
    profile: Profile

    @property
    def id(self) -> str:
        """The same for the same job, however often it is profiled anew."""
        mine = self.profile
        parts = (self.run.id, mine.case.key, mine.contender, mine.side)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:12]

    def trace(self, *, limit: int) -> bytes:
        """The content of its trace. Raises RunFolderError where it can't be had."""
        try:
            with self.open_trace() as file:
                content = file.read(limit + 1)
        except OSError as error:
            raise RunFolderError(f"the trace cannot be read: {error.strerror}") from error
        if len(content) > limit:
            raise RunFolderError(
                f"the trace is larger than {limit / 1e6:.0f} MB: see it in Perfetto"
            )
        return content

    def open_trace(self) -> BinaryIO:
        """Its trace, which lies in the folder of its run; as `trace`."""
        name = self.profile.trace
        try:
            return open_confined(self.run.path / name, self.run.path)
        except (FileNotFoundError, ValueError) as error:
            raise RunFolderError(f"the trace {name[:200]!r} is gone") from error


def known_profiles(log: LogFolder, query: Query) -> tuple[KnownProfile, ...]:
    """The profiles of the runs that `run` names, of all where it names none."""
    names = query if query.get("run") else runs_with(log, Profile.__name__)
    return tuple(_of(selected_runs(log, names))) if names["run"] else ()


def profile_named(log: LogFolder, query: Query, parameter: str) -> KnownProfile:
    """The profile that a parameter names. Raises SelectionError where there is none."""
    name = query.get(parameter, [""])[-1]
    found = next((one for one in known_profiles(log, query) if one.id == name), None)
    if found is None:
        raise SelectionError(f"there is no profile {name[:200]!r}")
    return found


def _of(runs: Iterable[ReadRun]) -> Iterable[KnownProfile]:
    """The profiles of some runs."""
    for run in runs:
        for profile in run.profiles():
            yield KnownProfile(run, profile)
