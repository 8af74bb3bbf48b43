"""Take the pictures of docs/pictures/ anew, of runs: `python docs/pictures.py RUN…`.

They show a report of these runs in chromium, which looks as the tab in TensorBoard does, and are
reduced to 128 colours: a picture that is larger than it may be is an error.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from opbench.dashboards.report.report import write_report
from opbench.results.records.run_folder import open_run

_FOLDER = Path(__file__).parent / "pictures"
_CHROME = os.environ.get("CHROME") or shutil.which("chromium")
#: By view, what it is full of: without that it isn't drawn yet.
_CONTENT = {
    "leaderboard": "[role=row]",
    "crossover": ".js-plotly-plot",
    "roofline": ".js-plotly-plot",
    "compare": ".js-plotly-plot",
    "profile": ".js-plotly-plot",
}
_LARGEST = 200_000


def main(paths: Sequence[str]) -> None:
    """Take a picture of each view, of a report of the runs at some paths."""
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder, "report.html")
        write_report([open_run(path) for path in paths], report)
        browser = playwright.chromium.launch(executable_path=_CHROME, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 680})
        for view, content in _CONTENT.items():
            (_FOLDER / f"{view}.png").write_bytes(_picture(page, report, view, content))
        browser.close()


def _picture(page: Page, report: Path, view: str, content: str) -> bytes:
    """A view as a PNG. Raises ValueError where it is too large."""
    page.goto("about:blank")
    page.goto(f"{report.as_uri()}#opbench&view={view}")
    page.locator(f"main {content}").first.wait_for()
    page.wait_for_load_state("networkidle")
    taken = Image.open(BytesIO(page.screenshot(animations="disabled")))
    small = BytesIO()
    taken.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    if small.tell() > _LARGEST:
        raise ValueError(f"{view} has {small.tell()} bytes, of which {_LARGEST} are allowed")
    return small.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
