"""The page's own files, and the charting library out of its installed package.

Their addresses hold a version, so that browsers may keep them for good.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
#: The types that are sent, by the ends of names.
_TYPES = {".js": "text/javascript", ".css": "text/css"}
#: The charting library's name among the files.
CHARTS = "plotly.min.js"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that is sent as it is."""

    path: Path
    content_type: str


@dataclass(slots=True)
class StaticFiles:
    """The files by their names, each compressed when it is first asked for."""

    files: Mapping[str, StaticFile]
    #: The same for the same files.
    version: str
    _compressed: dict[str, bytes] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def compressed(self, name: str) -> bytes:
        """The content of a file. Raises KeyError where there is none of that name."""
        with self._lock:
            if name not in self._compressed:
                content = self.files[name].path.read_bytes()
                self._compressed[name] = gzip.compress(content, compresslevel=6, mtime=0)
            return self._compressed[name]


def static_files() -> StaticFiles:
    """The files of this installation."""
    paths = {path.relative_to(_FOLDER).as_posix(): path for path in sorted(_FOLDER.rglob("*.*"))}
    files = {
        name: StaticFile(path, _TYPES[path.suffix])
        for name, path in paths.items()
        if path.suffix in _TYPES
    }
    state = hashlib.sha256()
    for name, file in files.items():
        state.update(name.encode() + file.path.read_bytes())
    charts = _charting_library()
    if charts is not None:
        state.update(metadata.version("plotly").encode())
        files[CHARTS] = StaticFile(charts, _TYPES[".js"])
    return StaticFiles(files, state.hexdigest()[:12])


def _charting_library() -> Path | None:
    """Where plotly's package has it; None where it isn't installed."""
    # Importing plotly would take longer than all the rest.
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.origin:
        return None
    path = Path(spec.origin).parent / "package_data" / CHARTS
    return path if path.is_file() else None
