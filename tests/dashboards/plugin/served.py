"""A plain TensorBoard on a log directory, and a browser that notes what it must not do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Frame, Page, sync_playwright

from tests.dashboards.browser import ARGUMENTS, CHROME
from tests.harness.processes import PATIENCE, within

#: Reports what the policy of the page refused, which no other event does for frames.
_WATCH = """addEventListener('securitypolicyviolation', event =>
    console.error('REFUSED ' + event.violatedDirective + ' ' + event.blockedURI))"""


@contextlib.contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """The address of a TensorBoard that answers; it ends on leaving."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ("-m", "tensorboard.main", "--logdir", str(logdir))
    where = ("--host", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen(
        (sys.executable, *words, *where), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        assert within(PATIENCE, lambda: process.poll() is not None or answers(url))
        assert process.poll() is None
        yield url
        # Whatever was asked of it, it is still there.
        assert process.poll() is None
        assert answers(url)
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    """Whether TensorBoard says which plugins there are."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}data/plugins_listing"):
        return True
    return False


@dataclass
class Visitor:
    """A browser's page in TensorBoard.

    outside: requests to other hosts. errors: of scripts, of the console, and what was refused.
    """

    url: str
    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.page.add_init_script(_WATCH)
        self.page.on("request", self._note_request)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note_message)

    def open(self, **parameters: str) -> Frame:
        """The plugin's frame at an address, once its view is there."""
        parts = [f"{name}={urllib.parse.quote(value)}" for name, value in parameters.items()]
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}#{'&'.join(['opbench', *parts])}")
        self.page.frame_locator("iframe").locator("main > *").first.wait_for()
        return self.frame

    @property
    def frame(self) -> Frame:
        """The frame that the plugin's page is in."""
        return next(f for f in self.page.frames if "plugin_entry" in f.url)

    def _note_request(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", "about:")):
            self.outside.append(request.url)

    def _note_message(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@contextlib.contextmanager
def visitor(url: str, **options) -> Iterator[Visitor]:
    """A visitor to a TensorBoard that answers; nothing that it saw may be an error."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROME, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.set_default_timeout(1000 * PATIENCE)
        one = Visitor(url, page)
        yield one
        assert one.outside == []
        assert one.errors == []
        browser.close()
