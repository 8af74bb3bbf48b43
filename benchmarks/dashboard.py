"""How long the dashboard's plugin takes: until a table of many rows is drawn, sorted and filtered.

    python -m benchmarks.dashboard              10,000 rows in a headless Chromium
    python -m benchmarks.dashboard --hparams    and TensorBoard's HParams on 1,000 of them

The rows are made up, from a seed. TensorBoard's start is timed with the plugin and without it, in
turn. Each figure is the quickest of several: what a machine does beside only makes them longer.
Of what is computed the processor time stands beside, which the machine's load changes less.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.dashboard_rows import make_run
from opbench.dashboards.publish import publish, publish_hparams
from opbench.results.records.run_folder import RunFolder

_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]
#: TensorBoard without the plugin of a name.
_PROGRAM = """
import sys
from tensorboard import default
found = default._iter_entry_points
default._iter_entry_points = lambda group: [one for one in found(group) if one.name != "{hidden}"]
from tensorboard.main import run_main
sys.argv[0] = "tensorboard"
run_main()
"""
_WITHOUT, _WITH = _PROGRAM.format(hidden="opbench"), _PROGRAM.format(hidden="")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5, help="of each figure")
    parser.add_argument("--hparams", action="store_true", help="beside HParams, on 1,000 rows")
    args = parser.parse_args()
    print(f"load of the machine when it began: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder), args.rows)
        size = (run.path / "records.jsonl").stat().st_size
        print(f"{args.rows} rows, records.jsonl of {size / 1e6:.1f} MB")
        for name, seconds in start_times(folder, args.repeats).items():
            print(f"TensorBoard {name}: answers after {seconds:.2f} s")
        print(f"the first answer: {first_answer(folder, args.repeats)}")
        for name, figure in page_figures(folder, args.repeats).items():
            print(f"{name}: {figure}")
        print(f"published: {published(run)}")
    if args.hparams:
        print(f"HParams, 1000 rows: {hparams_figure()}")


def start_times(logdir: str, repeats: int) -> dict[str, float]:
    """The seconds until TensorBoard answers, with the plugin and without it."""
    programs = {"without the plugin": _WITHOUT, "with it": _WITH}
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            began = time.perf_counter()
            with _tensorboard(program, logdir):
                times[name].append(time.perf_counter() - began)
    return {name: min(values) for name, values in times.items()}


@contextlib.contextmanager
def _tensorboard(program: str, logdir: str) -> Iterator[str]:
    """The address of a TensorBoard that answers which tabs there are; it ends on leaving."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    arguments = ("--logdir", logdir, "--host", "127.0.0.1", "--port", str(port))
    command = (sys.executable, "-c", program, *arguments)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        while not _answers(url):
            assert process.poll() is None, f"TensorBoard ended with {process.returncode}"
            time.sleep(0.01)
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    """Whether TensorBoard says which tabs there are."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}data/plugins_listing"):
        return True
    return False


def first_answer(logdir: str, repeats: int) -> str:
    """How long a TensorBoard takes that has read nothing: decoding, ranking, compressing."""
    seconds, processor, size = [], [], 0
    for _ in range(repeats):
        with _tensorboard(_WITH, logdir) as url:
            before, began = _processor_s(url), time.perf_counter()
            size = len(_compressed(f"{url}data/plugin/opbench/leaderboard"))
            seconds.append(time.perf_counter() - began)
            processor.append(_processor_s(url) - before)
    times = f"{min(seconds):.2f} s, of a processor {min(processor):.2f} s"
    return f"{times}; {size / 1e6:.2f} MB compressed"


def _processor_s(url: str) -> float:
    """Seconds that the process that listens at an address has computed."""
    port = int(url.rstrip("/").rpartition(":")[2])
    children = psutil.Process().children(recursive=True)
    (server,) = (one for one in children if f"{port}" in one.cmdline())
    times = server.cpu_times()
    return float(times.user + times.system)


def published(run: RunFolder) -> str:
    """How long the pages of TensorBoard's own tabs take, and how many files they are."""
    processor, began = time.process_time(), time.perf_counter()
    folder = publish(run)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    times = f"{seconds:.1f} s, of a processor {processor:.1f} s"
    return f"{times}; {len(files)} files, {size / 1e6:.1f} MB"


def page_figures(logdir: str, repeats: int) -> dict[str, str]:
    """What the leaderboard takes in a browser, first of runs that nobody has read."""
    cold, warm, actions = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_ARGUMENTS)
        for _ in range(repeats):
            with _tensorboard(_WITH, logdir) as url:
                cold.append(_visited(browser, url)[0])
                drawn, taken = _visited(browser, url)
                warm.append(drawn)
                actions.append(taken)
        browser.close()
    quickest = {name: min(one[name] for one in actions) for name in actions[0]}
    return {
        "from the click on the tab until rows are drawn, never read before": f"{min(cold):.2f} s",
        "the same, read before": f"{min(warm):.2f} s",
        **{name: f"{value / 1000:.3f} s" for name, value in quickest.items()},
    }


def _visited(browser: Browser, url: str) -> tuple[float, dict[str, float]]:
    """The seconds from a click until rows are drawn, and the milliseconds of what is done then."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    drawn = _seconds_until_drawn(page, url)
    taken: dict[str, float] = page.frames[-1].evaluate(_ACTIONS)
    page.close()
    return drawn, taken


def _compressed(url: str) -> bytes:
    """The answer as it is sent."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer:
        body: bytes = answer.read()
    assert gzip.decompress(body)
    return body


def _seconds_until_drawn(page: Page, url: str) -> float:
    """From the click on the plugin's tab until its table has rows."""
    page.goto(f"{url}#scalars")
    tab = page.get_by_role("tab", name="opbench").first
    tab.wait_for()
    began = time.perf_counter()
    tab.click()
    page.frame_locator("iframe").locator(".grid-row").first.wait_for()
    return time.perf_counter() - began


#: Sort and filter as people do, and wait until the browser has painted.
_ACTIONS = """async () => {
    const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    const timed = async (act) => {
        const began = performance.now();
        act();
        await painted();
        return performance.now() - began;
    };
    const header = name => document.querySelector(`[data-name="${name}"] button`);
    const input = document.querySelector('input[type=search]');
    const filter = async text => {
        const count = document.querySelector('.count');
        const before = count.textContent;
        input.value = text;
        const began = performance.now();
        input.dispatchEvent(new Event('input'));
        while (count.textContent === before) await painted();
        return performance.now() - began;
    };
    return {
        'sorting by time': await timed(() => header('time').click()),
        'sorting by contender': await timed(() => header('contender').click()),
        'filtering by a text': await filter('op_17 contender_1'),
        'taking the filter away': await filter(''),
    };
}"""


def _chromium() -> str:
    """The browser."""
    found = os.environ.get("CHROME") or shutil.which("chromium")
    if found is None:
        raise SystemExit("no chromium; install it, or name one in CHROME")
    return found


def hparams_figure() -> str:
    """How long HParams takes to show a page of 1,000 rows, published for it."""
    with tempfile.TemporaryDirectory() as folder:
        run, target = make_run(Path(folder) / "runs", 1000), Path(folder) / "hparams"
        began = time.perf_counter()
        publish_hparams(run, target)
        published = time.perf_counter() - began
        with _tensorboard(_WITHOUT, str(target)) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=_ARGUMENTS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(f"{url}#scalars")
            tab = page.get_by_role("tab", name="hparams").first
            tab.wait_for()
            began = time.perf_counter()
            tab.click()
            cells = page.locator("vaadin-grid-cell-content").filter(has_text="contender_")
            cells.first.wait_for(timeout=120_000)
            drawn = time.perf_counter() - began
            browser.close()
    return f"published in {published:.1f} s, drawn {drawn:.1f} s after the click on its tab"


if __name__ == "__main__":
    main()
