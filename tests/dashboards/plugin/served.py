"""A plain TensorBoard on a log directory, and a browser that notes what it must not do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Frame, Page, sync_playwright
from tensorboard.backend.application import TensorBoardWSGI
from tensorboard.plugins import base_plugin
from werkzeug.serving import WSGIRequestHandler, make_server

from opbench.dashboards.plugin.loader import Loader
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


class _Quiet(WSGIRequestHandler):
    """A handler that prints nothing."""

    def log(self, *_) -> None:
        pass


@contextlib.contextmanager
def plugin_server(logdir: Path) -> Iterator[str]:
    """The address of TensorBoard's application with the plugin alone, served by this process.

    Its pages are those that TensorBoard serves, without the page around them and without the
    seconds that TensorBoard takes to start.
    """
    plugin = Loader().load(base_plugin.TBContext(logdir=str(logdir)))
    application = TensorBoardWSGI([plugin])
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.port}/"
    try:
        yield url
        assert answers(url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
        """The plugin's page at an address, once its view is there; without TensorBoard around it.

        TensorBoard's own page takes seconds to come up.
        """
        self._go(f"data/plugin_entry.html?name=opbench{address(parameters)}")
        return self._drawn(self.page.main_frame)

    def turn_to(self, view: str, **parameters: str) -> Frame:
        """The page, opened before, at another view, once that is there; nothing is loaded anew."""
        frame = self.page.main_frame
        frame.evaluate("hash => { location.hash = hash }", address({"view": view, **parameters}))
        frame.locator(in_view(view)).first.wait_for()
        return frame

    def open_in_tensorboard(self, *, query: str = "", **parameters: str) -> Frame:
        """The plugin's frame in TensorBoard's page, once its view is there."""
        self._go(f"{query}{address(parameters)}")
        frame = self.page.wait_for_selector("iframe").content_frame()
        return self._drawn(frame)

    def _go(self, where: str) -> None:
        # Where only the part behind "#" differs, a page would not be loaded anew.
        self.page.goto("about:blank")
        self.page.goto(self.url + where)

    @staticmethod
    def _drawn(frame: Frame) -> Frame:
        frame.locator("main > *").first.wait_for()
        return frame

    def _note_request(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", "about:")):
            self.outside.append(request.url)

    def _note_message(self, message) -> None:
        # A browser asks for every site's icon; only TensorBoard's own page has one.
        if message.type == "error" and not message.location["url"].endswith("favicon.ico"):
            self.errors.append(message.text)


def in_view(view: str, content: str = "") -> str:
    """A selector of what is within a view, once it is drawn, or of what stands in its place."""
    drawn = f"main > .view.{view}:not(.loading):not([aria-busy]) {content}".rstrip()
    return f"{drawn}, main > .nothing, main > .failed"


def address(parameters: dict[str, str]) -> str:
    """What stands behind "#" in the address of a view."""
    parts = [f"{name}={urllib.parse.quote(value)}" for name, value in parameters.items()]
    return "#" + "&".join(["opbench", *parts])


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser, ended on leaving."""
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROME, args=ARGUMENTS)
        yield one
        one.close()


@contextlib.contextmanager
def context_of(browser: Browser) -> Iterator[BrowserContext]:
    """What pages of one visitor share: above all, charts are loaded once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@contextlib.contextmanager
def visit(context: BrowserContext, url: str) -> Iterator[Visitor]:
    """A visitor to a TensorBoard; nothing that it saw may be an error."""
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    one = Visitor(url, page)
    yield one
    page.close()
    assert one.outside == [], one.outside
    assert one.errors == [], one.errors
