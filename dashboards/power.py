"""The gate's power: how many sessions with a slowdown in one contender fail for it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from matplotlib.figure import Figure

from opbench.dashboards.events import PAGES, Entry
from opbench.dashboards.pictures import as_picture
from opbench.dashboards.sizes import COLOURS
from opbench.results.records import Calibration
from opbench.results.regression.resampling import rate


def entries(calibrations: Iterable[Calibration]) -> Iterator[Entry]:
    """A picture for each calibration: of a device and a number of threads.

    None where the run holds no calibration.
    """
    for one in calibrations:
        yield as_picture(PAGES, f"what the gate finds/{one.device} t{one.threads}", _figure(one))


def curve(calibration: Calibration) -> bytes:
    """The picture as a PNG file, as `opbench calibrate --gate --plot FILE.png` writes it."""
    file = io.BytesIO()
    _figure(calibration).savefig(file, format="png")
    return file.getvalue()


def _figure(calibration: Calibration) -> Figure:
    """The share of sessions that fail, by slowdown, with 95% intervals."""
    figure = Figure(figsize=(5.2, 2.9), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    points = [(0.0, calibration.failed, calibration.sessions)]
    points += [(power.slowdown, power.found, power.sessions) for power in calibration.powers]
    shares = [rate(count, trials) for _, count, trials in points]
    middles = [100 * share.value for share in shares]
    below = [100 * (share.value - share.low) for share in shares]
    above = [100 * (share.high - share.value) for share in shares]
    axes.errorbar(
        [100 * slowdown for slowdown, _, _ in points],
        middles,
        yerr=(below, above),
        color=COLOURS[0],
        marker="o",
        capsize=3,
    )
    axes.axvline(100 * calibration.rules.min_slowdown, color="#888888", linestyle="--")
    axes.set_ylim(-2, 102)
    axes.set_xlabel("slowdown of one contender, % (dashed: the smallest that matters)", fontsize=9)
    axes.set_ylabel("sessions that fail for it, %", fontsize=9)
    title = f"what the gate finds: {calibration.sessions} resampled sessions, 95% intervals"
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(color="#dddddd")
    axes.set_axisbelow(True)
    return figure
