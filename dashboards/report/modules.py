"""The page's own files as addresses that hold them, for a page without a server.

An import map names each; what a module imports by a path is rewritten to that name.
"""

from __future__ import annotations

import base64
import posixpath
import re
from pathlib import Path

from opbench.dashboards.plugin.static_files import CHARTS, StaticFiles

#: In place of what asks the backend.
_API = Path(__file__).parent / "static" / "api.js"
#: A path that a module imports from.
_IMPORT = re.compile(r"""(\bfrom\s+|^import\s+)"(\.{1,2}/[^"]+)";""", re.MULTILINE)
#: The address of a file beside the module.
_ADDRESS = re.compile(r'new URL\("([^"]+)", import\.meta\.url\)\.href')


def module_name(file: str) -> str:
    """What the import map calls a file of the page."""
    return f"opbench/{file}"


def addresses(files: StaticFiles) -> dict[str, str]:
    """By the names of the page's files, addresses that hold them; the charting library apart."""
    return {
        module_name(name): _address(_content(name, file.path), file.content_type)
        for name, file in files.files.items()
        if name != CHARTS
    }


def linked(text: str, file: str) -> str:
    """A module whose references to other files are names of the import map."""

    def named(path: str) -> str:
        return module_name(posixpath.normpath(posixpath.join(posixpath.dirname(file), path)))

    text = _IMPORT.sub(lambda found: f'{found[1]}"{named(found[2])}";', text)
    return _ADDRESS.sub(lambda found: f'import.meta.resolve("{named(found[1])}")', text)


def _content(name: str, path: Path) -> str:
    """What a report has as a file of the page."""
    text = (_API if name == _API.name else path).read_text(encoding="utf-8")
    return linked(text, name) if name.endswith(".js") else text


def _address(text: str, content_type: str) -> str:
    """The address that holds a text."""
    return f"data:{content_type};base64,{base64.b64encode(text.encode()).decode()}"
