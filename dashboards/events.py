"""TensorBoard's event files: summaries made of numbers, texts and pictures, and their writing.

Built on TensorBoard's own summary functions, which need neither torch nor TensorFlow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.image.metadata import create_summary_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

#: The folder of the log in which all pages of a run lie: TensorBoard ticks no more than forty
#: folders by itself, and shows empty pages where there are more.
PAGES = "."


@dataclass(frozen=True, slots=True)
class Entry:
    """One summary for the page."""

    #: A folder of the log, which is a line of a chart.
    run: str
    summary: Summary
    #: Its place along the line.
    step: int = 0
    #: In seconds since 1970; None for that of all entries.
    wall_time: float | None = None


def scalar(
    run: str,
    tag: str,
    value: float,
    *,
    step: int = 0,
    description: str = "",
    wall_time: float | None = None,
) -> Entry:
    """A point of a line.

    tag: the chart, whose parts before the last slash are its group. description: Markdown, shown
    with the chart.
    """
    return Entry(run, scalar_pb(tag, value, description=description), step, wall_time)


def text(run: str, tag: str, markdown: str) -> Entry:
    """A text, drawn as Markdown.

    markdown: tables included; TensorBoard draws no HTML.
    """
    return Entry(run, text_pb(tag, markdown))


def picture(run: str, tag: str, png: bytes, *, size: tuple[int, int]) -> Entry:
    """A picture of `size` (width, height).

    png: the content of a PNG file. size: (width, height) in pixels.
    """
    parts = [str(size[0]).encode(), str(size[1]).encode(), png]
    tensor = TensorProto(dtype=DT_STRING, string_val=parts)
    tensor.tensor_shape.dim.add(size=len(parts))
    summary = Summary()
    summary.value.add(tag=tag, metadata=create_summary_metadata(tag, ""), tensor=tensor)
    return Entry(run, summary)


def write(folder: Path, entries: Iterable[Entry], *, wall_time: float) -> None:
    """Write the entries below `folder`, one event file per run.

    wall_time: of entries that have none, in seconds since 1970. Raises OSError where it can't
    write.
    """
    runs: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        runs[entry.run].append(entry)
    for run, group in runs.items():
        writer = EventFileWriter(str(folder / run))
        for entry in sorted(group, key=lambda entry: entry.step):
            at = wall_time if entry.wall_time is None else entry.wall_time
            writer.add_event(Event(wall_time=at, step=entry.step, summary=entry.summary))
        writer.close()
