"""Record the shapes that a part of a program calls registered ops with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from opbench.harness.catalog import Catalog, load
from opbench.harness.recording.reading import recording_of
from opbench.harness.recording.recognised import recognised
from opbench.harness.recording.recorder import Recorder
from opbench.results.choosing.recorded import RecordedShape, Recording, Unread
from opbench.results.errors import OpbenchError
from opbench.results.records.output_paths import ensure_file_can_be, output_file


class RecordingWarning(UserWarning):
    """Something of a recording was lost; the program isn't affected."""


@dataclass(slots=True)
class RecordedCalls:
    """What was recorded; empty until the end."""

    recording: Recording = field(default_factory=Recording)

    @property
    def shapes(self) -> tuple[RecordedShape, ...]:
        """The shapes of each op, the most served first."""
        return self.recording.shapes

    @property
    def unread(self) -> tuple[Unread, ...]:
        """The calls whose sizes couldn't be read, with reasons."""
        return self.recording.unread


@contextmanager
def record_shapes(
    file: str | Path | None = None, *, catalog: Catalog | None = None
) -> Iterator[RecordedCalls]:
    """Record which registered ops are called: with which shapes, how often and for how long.

        with record_shapes("shapes.jsonl") as recorded:
            train()
        print(recorded.shapes)

    In all threads. No result changes, and no error of the recording reaches the program: a
    RecordingWarning says at the end what was lost.
    file: where the lines go that `run --shapes` and `choose --weights` take; None for nowhere.
    catalog: the ops that are recognised; what is installed where None.
    Raises RunFolderError at the beginning where the file can't be written.
    """
    path = Path(file) if file is not None else None
    if path is not None:
        ensure_file_can_be(path)
    catalog = catalog or load()
    recorder, recorded = Recorder(recognised(catalog)), RecordedCalls()
    recorder.begin()
    try:
        yield recorded
    finally:
        recorder.end()
        facts, compiled = recorder.facts(), recorder.compiled_graphs()
        try:
            recorded.recording = recording_of(facts, catalog, compiled=compiled)
            if path is not None:
                with output_file(path):
                    path.write_text(recorded.recording.text(), encoding="utf-8")
        except OpbenchError as error:
            warnings.warn(f"nothing was recorded: {error}", RecordingWarning, stacklevel=3)
