"""The blocks of a Markdown page that can be run, and running them in order as a reader would.

- A block of `python` is a program. One whose first line is `# name.py` is kept under that name, and
  must be fit to be imported; any other is run as a program of its own.
- A block of `console` or `sh` holds commands: in `console` the lines after "$ ", and their
  continuations after a backslash; what stands between is what they print, and isn't compared.
- All blocks of a page share a folder, so that a command finds what an earlier block made.

Comments right above a block change that:

    <!-- not run: the reason -->        it is left alone
    <!-- exit code: 4 -->               its last command ends with that, where 0 is usual
    <!-- contains: text, other -->      what its commands print has these, besides
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Languages of blocks that are run.
_PYTHON, _SHELLS = "python", ("console", "sh", "bash")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_COMMENT = re.compile(r"^ *<!-- (?P<key>not run|exit code|contains): (?P<value>.+) -->$")
_FILE = re.compile(r"^# (?P<name>[\w/]+\.py)$")


@dataclass(frozen=True)
class Block:
    """A block of code: its language and text, the line that it begins in, and what was said of it.

    said: by the comments above, "not run", "exit code" and "contains".
    """

    language: str
    text: str
    line: int
    said: dict[str, str]

    @property
    def is_run(self) -> bool:
        """Whether it is of a language that is run, and nothing was said against that."""
        return self.language in (_PYTHON, *_SHELLS) and "not run" not in self.said

    @property
    def file(self) -> str:
        """The name of the file that it is; "" where it is none."""
        named = _FILE.match(self.text.partition("\n")[0])
        return named["name"] if named and self.language == _PYTHON else ""

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands of a shell's block."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return tuple(line for line in lines if line.strip() and not line.startswith("#"))


def blocks_of(page: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    said: dict[str, str] = {}
    fence, begun, inside = None, 0, []
    for number, line in enumerate(page.splitlines(), start=1):
        if fence is not None:
            if line.strip() == "```":
                yield Block(fence["language"], "\n".join(inside) + "\n", begun, said)
                fence, said = None, {}
            else:
                inside.append(line.removeprefix(fence["indent"]))
        elif match := _FENCE.match(line):
            fence, begun, inside = match, number, []
        elif match := _COMMENT.match(line):
            said[match["key"]] = match["value"]
        elif line.strip():
            said = {}


def run_page(page: Path, folder: Path) -> int:
    """Run the blocks of a page in a folder; how many there were.

    Raises AssertionError with the page's line, the command and what it printed where one ends with
    another code than it should, or prints not what it should.
    """
    blocks = [block for block in blocks_of(page.read_text(encoding="utf-8")) if block.is_run]
    for block in blocks:
        _run(block, folder, where=f"{page.name}:{block.line}")
    return len(blocks)


def _run(block: Block, folder: Path, *, where: str) -> None:
    if block.language == _PYTHON:
        name = block.file or f"block_{block.line}.py"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block.text, encoding="utf-8")
        commands: tuple[str, ...] = (f"python {name}",)
    else:
        commands = block.commands
    printed = ""
    for command in commands:
        done = subprocess.run(
            ("bash", "-c", command), cwd=folder, env=_environment(), capture_output=True, text=True
        )
        printed += done.stdout + done.stderr
        due = int(block.said.get("exit code", 0)) if command == commands[-1] else 0
        told = f"{where}: `{command}` ended with {done.returncode}, not {due}:\n{printed}"
        assert done.returncode == due, told
    for text in filter(None, block.said.get("contains", "").split(", ")):
        assert text in printed, f"{where}: nothing prints {text!r}:\n{printed}"


def _environment() -> dict[str, str]:
    """With the commands of this environment in front, and without pytest's own doings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    folder = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join((folder, os.environ["PATH"])), "COLUMNS": "200"}
