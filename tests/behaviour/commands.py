"""The command in this process, and what it did to the files around it."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from opbench.harness.cli.app import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def run(*words: str) -> Done:
    """Run `opbench WORDS`, as from a shell that shows UTF-8."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        # The shell's command tells warnings and goes on; tests make errors of them.
        warnings.simplefilter("default")
        try:
            code = main(words)
        except SystemExit as error:
            code = int(error.code or 0)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err) if not stream.flush()]
    return Done(code, *texts)


def files(root: Path) -> dict[str, bytes | None]:
    """By path what a folder holds, with None for folders in it."""
    found: dict[str, bytes | None] = {}
    for path in sorted(root.rglob("*")):
        name = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
        found[name] = path.read_bytes() if path.is_file() else None
    return found
