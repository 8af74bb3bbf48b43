"""What a real TensorBoard shows of a run in a real browser; for any run folder."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from opbench.dashboards.serve import Server, serve
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
#: The table draws only the rows in sight: what it holds is asked of the element itself.
_ITEMS = """grid => (grid.items || []).map(item => ({
    ...Object.fromEntries(Object.entries(item.hparams).map(([k, v]) => [k.slice(3), v])),
    ...Object.fromEntries(
        (item.metricValues || []).map(m => [m.name.tag.replace(/^.*[/]/, ''), m.value])),
}))"""


@dataclass(frozen=True)
class Seen:
    """What the pages showed.

    rows: the HParams table as it comes up, a dict per row of its first page (100 rows).
    shown: the text of its first cells.
    ascending, descending: the rows in the order in which sorting by time put them.
    texts: the text of every card of the Text page. charts: how many lines each chart drew.
    pictures: the width and the height in which each picture was loaded.
    """

    rows: list[dict]
    shown: list[str]
    ascending: list[dict]
    descending: list[dict]
    texts: list[str]
    charts: list[int]
    pictures: list[tuple[int, int]]


def look(run_path: Path, *, screenshots: Path | None = None) -> Seen:
    """Serve the run, open its pages one by one, and tell what is there.

    screenshots: a folder to save a picture of each page in.
    """
    with serve(run_path, port=0) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROME, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(1000 * PATIENCE)
        seen: dict[str, object] = {}
        for tab, visit in _VISITS.items():
            # Only the part behind "#" differs: without this the page would not be loaded anew.
            page.goto("about:blank")
            page.goto(_address(server, tab))
            seen |= visit(page, _expected(server, run_path, tab))
            if screenshots is not None:
                page.screenshot(path=screenshots / f"{tab}.png")
        browser.close()
    return Seen(**seen)


def _address(server: Server, tab: str) -> str:
    """The tab's page; a filter that fits every tag but those of the table opens all groups."""
    return server.page(tab) + ("" if tab == "hparams" else "&tagFilter=%5E%5B%5E~%5D")


def _expected(server: Server, folder: Path, tab: str) -> int:
    """How many rows or cards the first page of a tab has to show: at most 100, or twelve."""
    if tab == "hparams":
        return min(100, sum(1 for _ in folder.glob("tensorboard/hparams/*/*/*/events.*")))
    with urllib.request.urlopen(f"{server.url}data/plugin/{tab}/tags") as answer:
        runs = json.load(answer)
    kept = (tags for run, tags in runs.items() if "/hparams/" not in run)
    return min(12, len({tag for tags in kept for tag in tags}))


def _hparams(page: Page, expected: int) -> dict[str, object]:
    grid = page.locator("vaadin-grid#sessionGroupsTable")
    page.locator("vaadin-grid-cell-content").filter(has_text="/").first.wait_for()

    def is_read() -> bool:
        """TensorBoard may list a run a moment before it has read all of it."""
        page.reload()
        page.locator("vaadin-grid-cell-content").filter(has_text="/").first.wait_for()
        return len(grid.evaluate(_ITEMS)) == expected

    assert len(grid.evaluate(_ITEMS)) == expected or within(PATIENCE, is_read)
    cells = page.locator("vaadin-grid-cell-content:visible").all_inner_texts()
    found = {"rows": grid.evaluate(_ITEMS), "shown": [cell.strip() for cell in cells]}
    _choose(page, "Sort by", "time (µs)")
    for direction in ("ascending", "descending"):
        with page.expect_response(lambda answer: "session_groups" in answer.url):
            _choose(page, "Direction", direction.title())
        page.wait_for_function(_SORTED, arg=direction)
        found[direction] = grid.evaluate(_ITEMS)
    return found


_SORTED = """direction => {
    const deep = (root, out = []) => {
        for (const e of root.querySelectorAll('*')) {
            if (e.id === 'sessionGroupsTable') out.push(e);
            if (e.shadowRoot) deep(e.shadowRoot, out);
        }
        return out;
    };
    const sign = direction === 'ascending' ? 1 : -1;
    const value = item => (item.metricValues || []).find(m => m.name.tag.endsWith('/time_us'));
    const times = (deep(document)[0].items || []).map(value).filter(m => m).map(m => m.value);
    return times.length > 0 && times.every((t, i) => i === 0 || sign * (t - times[i - 1]) >= 0);
}"""


def _choose(page: Page, menu: str, item: str) -> None:
    page.locator(f"tf-hparams-query-pane paper-dropdown-menu[label='{menu}']").click()
    page.locator("paper-item:visible").get_by_text(item, exact=True).click()


def _text(page: Page, expected: int) -> dict[str, object]:
    cards = _cards(page, "tf-text-loader", expected)
    for card in cards:
        card.locator("table").first.wait_for(state="attached")
    # The card itself has no text: what it shows lies in a shadow root.
    return {"texts": ["\n".join(card.locator("table, li").all_inner_texts()) for card in cards]}


def _scalars(page: Page, expected: int) -> dict[str, object]:
    counts = []
    for card in _cards(page, "tf-scalar-card", expected):
        card.scroll_into_view_if_needed()
        # A line outside of the chart is there and empty.
        card.locator("svg path.line[d^='M']").first.wait_for(state="attached")
        counts.append(card.locator("svg path.line").count())
    return {"charts": counts}


def _images(page: Page, expected: int) -> dict[str, object]:
    sizes = []
    for card in _cards(page, "tf-image-loader", expected):
        card.scroll_into_view_if_needed()
        picture = card.locator("img")
        picture.wait_for()
        page.wait_for_function("e => e.complete && e.naturalWidth", arg=picture.element_handle())
        sizes.append(tuple(picture.evaluate("e => [e.naturalWidth, e.naturalHeight]")))
    return {"pictures": sizes}


def _cards(page: Page, kind: str, expected: int) -> list[Locator]:
    cards = page.locator(f"{kind}:visible")
    cards.nth(expected - 1).wait_for()
    return cards.all()[:expected]


_VISITS = {"hparams": _hparams, "text": _text, "scalars": _scalars, "images": _images}
