"""A run as the plugin has read it: everything that derives from run folders works on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from opbench.dashboards.plugin.boards import BoardCache
from opbench.dashboards.plugin.confined_files import read_confined
from opbench.dashboards.plugin.growing_file import GrowingFile
from opbench.results.errors import RunFolderError, TruncatedLineError
from opbench.results.ranking.leaderboard import Board
from opbench.results.records import Line, RunInfo
from opbench.results.records.run_folder import RunFolder, parse_head, parse_line

#: The largest head and the largest records that are read: decoded, they take ten times as much.
HEAD_LIMIT, RECORDS_LIMIT = 8_000_000, 256_000_000
#: So many faults of a run are shown.
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun(RunFolder):
    """A run folder whose head and lines were read already, and only from within the log directory.

    Nothing is read again: records, profiles, ceilings, boards and a gate's report are derived from
    what stands here.
    """

    #: Its path below the log directory, by which pages name it.
    id: str
    head: RunInfo | None
    content: tuple[Line, ...]
    #: What couldn't be read of it, for people.
    faults: tuple[str, ...]
    #: Whether its last line isn't whole.
    is_cut_off: bool
    #: The folder that none of its files may lead out of.
    root: Path
    ranked: BoardCache

    @property
    def info(self) -> RunInfo:
        """The head of the run. Raises RunFolderError where it couldn't be read."""
        if self.head is None:
            raise RunFolderError(f"{self.id}: {'; '.join(self.faults)}")
        return self.head

    def lines(self, *, mentioning: Collection[str] = ()) -> Iterator[Line]:
        """Every line that could be read, in order; all of them, whatever they mention."""
        return iter(self.content)

    def boards(self) -> tuple[Board, ...]:
        """Its leaderboards; those that haven't changed since its last reading are kept."""
        return self.ranked.boards_of(self)


def read_head(folder: Path, root: Path) -> tuple[RunInfo | None, tuple[str, ...]]:
    """The head of a run, or why there is none; root: what its file may not lead out of."""
    path = folder / "run.json"
    try:
        return parse_head(read_confined(path, root, limit=HEAD_LIMIT), path.name), ()
    except (FileNotFoundError, RunFolderError) as error:
        return None, (str(error),)


@dataclass(slots=True)
class RunReader:
    """Reads a run again and again, each time only what was added."""

    id: str
    path: Path
    root: Path
    _records: GrowingFile = field(init=False)
    _ranked: BoardCache = field(default_factory=BoardCache, init=False)
    _lines: list[Line] = field(default_factory=list, init=False)
    _line_faults: list[str] = field(default_factory=list, init=False)
    _count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._records = GrowingFile(self.path / "records.jsonl", self.root, RECORDS_LIMIT)

    @property
    def size(self) -> int:
        """The bytes of records that were read."""
        return self._records.offset

    def read(self) -> ReadRun:
        """The run as it is now; what can't be read of it is among its faults."""
        head, faults = read_head(self.path, self.root)
        rest = 0
        try:
            rest = self._read_lines()
        except FileNotFoundError:
            self._forget()
        except RunFolderError as error:
            self._forget()
            faults = (*faults, str(error))
        return ReadRun(
            path=self.path,
            id=self.id,
            head=head,
            content=tuple(self._lines),
            faults=(*faults, *self._shown_faults()),
            is_cut_off=rest > 0,
            root=self.root,
            ranked=self._ranked,
        )

    def _read_lines(self) -> int:
        """Read what was added to the records; return how many bytes are no whole line yet."""
        batch = self._records.read()
        if batch.anew:
            self._forget()
        for text in batch.lines:
            self._count += 1
            try:
                self._lines.append(parse_line(text))
            except TruncatedLineError:
                self._line_faults.append(f"line {self._count} of the records was cut off")
            except RunFolderError as error:
                self._line_faults.append(f"line {self._count} of the records: {error}")
        return batch.rest

    def _forget(self) -> None:
        """Start again: the records are others, or are gone."""
        self._lines, self._line_faults, self._count = [], [], 0

    def _shown_faults(self) -> tuple[str, ...]:
        """The first faults of lines, and how many more there are."""
        more = len(self._line_faults) - _MOST_FAULTS
        rest = (f"{more} more lines cannot be read",) if more > 0 else ()
        return (*self._line_faults[:_MOST_FAULTS], *rest)
