"""The Scalars and Histograms pages: time and throughput against size, and the samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opbench.dashboards.events import Entry, histogram, scalar
from opbench.dashboards.labels import slug
from opbench.dashboards.view import OpView

#: What TensorBoard's step stands for.
_STEP = "The step is the compulsory traffic of a call in bytes: inputs read and outputs written."


def entries(views: Iterable[OpView]) -> Iterator[Entry]:
    """Per series of an op two charts with a line per contender, and a histogram per case.

    Lines are in the order of their sizes, in bytes: that is TensorBoard's step.
    """
    for view in views:
        for case, row, measured in view.timed():
            line, time_s = run_of(row.contender), row.time_s or 0.0
            group = f"{view.op}/{view.series[case]}"
            yield scalar(
                line,
                f"{group}/time_us",
                time_s * 1e6,
                step=measured.bytes,
                description=f"Median time of a call in microseconds. {_STEP}",
            )
            yield scalar(
                line,
                f"{group}/GB_per_s",
                row.gb_per_s or 0.0,
                step=measured.bytes,
                description=f"Compulsory traffic over the median time. {_STEP}",
            )
            yield histogram(
                line,
                f"{view.op}/{view.labels[case]}/time_us",
                [sample * 1e6 for sample in measured.samples_s],
                description="Every sample: microseconds per call, a block each.",
            )


def run_of(contender: str) -> str:
    """The run of the log that is the contender's line.

    Its name is the contender's, in a form that a folder may have.
    """
    return f"contenders/{slug(contender)}"
