"""What a real TensorBoard shows in a real browser, opened as people open it, tab by tab."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

from tests.harness.processes import PATIENCE, within

CHROME = os.environ.get("CHROME") or shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Of each tab, what it is full of: where that isn't drawn, the tab is empty to whoever looks.
CONTENT = {
    "timeseries": "image-card img",
    "scalars": "tf-scalar-card:visible path.line",
    "images": "tf-image-loader:visible img",
    "text": "tf-text-loader:visible table",
    "hparams": "vaadin-grid-cell-content:visible",
}
#: The names of tabs as they are shown, where they are others.
_NAMES = {"timeseries": "Time Series"}
#: Shown by plugins of others, or of their own tests.
OTHERS = {"pytorch_profiler", "opbench"}


@dataclass(frozen=True)
class Seen:
    """What a tab showed.

    content: the text of each part that it is full of; of a line the share of its points that are in
    the picture. pictures: the natural width of each picture,
    and that in which it was drawn. ticked: how many runs are ticked.
    """

    content: list[str]
    pictures: list[tuple[int, int]]
    ticked: int


def look(
    chromium: Browser, logdir: Path, *, only: str | None = None, screenshots: Path | None = None
) -> dict[str, Seen]:
    """Open every tab that TensorBoard offers for a log directory, and tell what is there.

    only: this tab alone. screenshots: a folder to save a picture of each tab in.
    """
    with served(logdir) as address, opened(chromium, address) as page:
        seen = {}
        for tab in [only] if only else offered(address):
            page.get_by_role("tab", name=_NAMES.get(tab, tab)).click()
            seen[tab] = _seen(page, tab)
            if screenshots is not None:
                page.screenshot(path=screenshots / f"{tab}.png")
    return seen


def offered(address: str) -> list[str]:
    """The tabs that TensorBoard shows, without those of other plugins."""
    listing = _ask(f"{address}data/plugins_listing")
    return [name for name, about in listing.items() if about["enabled"] and name not in OTHERS]


@contextlib.contextmanager
def served(logdir: Path) -> Iterator[str]:
    """The address of a TensorBoard that was started without any option but the log directory."""
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    address = f"http://localhost:{port}/"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir)]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folders = {path.parent for path in logdir.rglob("events.out.tfevents.*")}
    try:
        assert within(PATIENCE, lambda: _has_read(address, len(folders)))
        yield address
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def opened(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of a browser at an address, as somebody sees it who was never there."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    yield page
    page.close()


def _has_read(address: str, runs: int) -> bool:
    """Whether TensorBoard has all runs, and knows of what kinds their pages are."""
    try:
        kinds = _ask(f"{address}data/plugins_listing")
        return len(_ask(f"{address}data/runs")) >= runs and any(
            kinds[name]["enabled"] for name in ("text", "hparams")
        )
    except OSError:
        return False


def _ask(url: str):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


#: TensorBoard may draw a line outside of its chart, where nobody sees it. A line is drawn twice,
#: smoothed and not.
_IN_SIGHT = r"""lines => lines.map(line => {
    const points = line.getAttribute('d').matchAll(/[-\d.e]+,([-\d.e]+)/g);
    const heights = [...points].map(match => Number(match[1]));
    const whole = line.ownerSVGElement.clientHeight;
    return String(heights.filter(y => y >= 0 && y <= whole).length / heights.length);
})"""


#: A text that has come: each card asks for its own.
_CARD = "tf-text-loader:visible:has(table)"


def _texts(page: Page) -> int:
    """How many texts are shown: two groups are open, and the first page of each holds twelve."""
    runs = _ask(f"{page.url.partition('#')[0]}data/plugin/text/tags")
    groups = Counter(tag.partition("/")[0] for tags in runs.values() for tag in tags)
    return sum(min(12, groups[name]) for name in sorted(groups)[:2])


def _trials(page: Page) -> set[str]:
    """The names of all trials: the cells of the table are there before anything is in them."""
    return set(_ask(f"{page.url.partition('#')[0]}data/runs")) - {"."}


_ARE_DRAWN = "lines => lines.every(line => (line.getAttribute('d') || '').includes(','))"


def _drawn(page: Page, parts: Locator) -> bool:
    """Whether all lines are drawn; the page is loaded again where they aren't.

    On a busy machine a line once didn't come in ten minutes.
    """
    if within(60.0, lambda: parts.evaluate_all(_ARE_DRAWN)):
        return True
    page.reload()
    parts.first.wait_for(state="attached")
    return False


def _seen(page: Page, tab: str) -> Seen:
    """What stands in a tab; a tab that isn't known here fails for its name."""
    parts = page.locator(CONTENT[tab])
    # A symbol of a chart, or a table in a card that scrolls, may be there and out of sight.
    parts.first.wait_for(state="attached")
    if tab == "text":
        assert within(PATIENCE, lambda: page.locator(_CARD).count() >= _texts(page))
    if tab == "hparams":
        trials = _trials(page)
        assert within(PATIENCE, lambda: trials <= set(parts.all_inner_texts()))
    if tab == "scalars":
        assert any(_drawn(page, parts) for _ in range(9))
    for picture in page.locator("img:visible").all():
        page.wait_for_function("e => e.complete", arg=picture.element_handle())
    sizes = page.locator("img:visible").evaluate_all("es => es.map(e => [e.naturalWidth, e.width])")
    return Seen(
        parts.evaluate_all(_IN_SIGHT) if tab == "scalars" else parts.all_inner_texts(),
        [tuple(size) for size in sizes],
        page.locator(
            "mat-checkbox.mat-mdc-checkbox-checked:visible, paper-checkbox[checked]:visible"
        ).count(),
    )
