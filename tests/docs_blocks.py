"""The blocks of a Markdown page that can be run, and running them in order as a reader would.

- A block of `python` is a program. One whose first line is `# name.py` is kept under that name, and
  must be fit to be imported; any other is run as a program of its own.
- A block of `console`, `sh` or `bash` holds commands: in `console` the lines after "$ ", and their
  continuations after a backslash. What stands between is what they print: the headings of its
  tables are compared, the rest isn't. There `$ echo $?` and the number below it say what the
  command before ends with, where 0 is usual.
- All blocks of a page share a folder, so that a command finds what an earlier block made.

Comments right above a block change that:

    <!-- not run: the reason -->        it is left alone
    <!-- exit code: 0 or 3 -->          its last command ends with one of these, where 0 is usual
    <!-- contains: text, other -->      what its commands print has these, besides
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

#: Languages of blocks that are run.
_PYTHON, _SHELLS = "python", ("console", "sh", "bash")
#: Languages of blocks that hold neither Python nor commands; "" is what something printed.
_OTHERS = ("", "toml", "yaml", "groovy", "crontab", "text", "mermaid")
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^`]*)$")
_COMMENT = re.compile(r"^ *<!-- *(?P<key>[^:]*?)(?:: *(?P<value>.*?))? *-->$")
_KEYS = ("not run", "exit code", "contains")
_FILE = re.compile(r"^# (?P<name>[\w/]+\.py)$")
#: What a line of a command begins with, after what it sets in the environment.
_COMMAND = re.compile(
    r"(?:\$ )?(?:[A-Z_]+=\S+ +)*"
    r"(?:opbench|pytest(?:-benchmark)?|python[\d.]*|pip|make|git|bash|export|mkdir|vizviewer) \S"
)
#: The line below the headings of a table, a part for each column; and the ends of a scale of bars.
_RULE, _SCALE = re.compile("─+(  ─+)*"), re.compile(r"[\d.]+x +[\d.]+x")
_LIST = re.compile(r"^ *(?:[-*+]|\d+[.)]) ")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and the exit codes that it may end with."""

    text: str
    codes: frozenset[int] = frozenset({0})


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
    def is_code(self) -> bool:
        """Whether it is of a language that is run."""
        return self.language in (_PYTHON, *_SHELLS)

    @property
    def is_run(self) -> bool:
        """Whether it is of a language that is run, and nothing was said against that."""
        return self.is_code and "not run" not in self.said

    @property
    def file(self) -> str:
        """The name of the file that it is; "" where it is none."""
        named = _FILE.match(self.text.partition("\n")[0])
        return named["name"] if named and self.language == _PYTHON else ""

    @property
    def commands(self) -> tuple[Command, ...]:
        """The commands of a shell's block, or the one that runs a program in Python."""
        if self.language == _PYTHON:
            found = [Command(f"python {self.file or f'block_{self.line}.py'}")]
        else:
            found = self._lines()
        if found and (codes := self.said.get("exit code")):
            found[-1] = replace(found[-1], codes=frozenset(map(int, codes.split(" or "))))
        return tuple(found)

    def _lines(self) -> list[Command]:
        found: list[Command] = []
        lines = self.text.replace("\\\n", " ").splitlines()
        prompt = "$ " if self.language == "console" else ""
        for line, below in zip(lines, [*lines[1:], ""], strict=True):
            text = line.removeprefix(prompt)
            if line == "$ echo $?" and prompt and found:
                found[-1] = replace(found[-1], codes=frozenset({int(below)}))
            elif line.startswith(prompt) and text.strip() and not text.startswith("#"):
                found.append(Command(text))
        return found


def blocks_of(page: str) -> Iterator[Block]:
    """Every fenced block of a page, in order.

    Raises ValueError with the line of what would stay unseen: a fence that isn't closed or stands
    in a quotation, a language that is neither run nor known to be no code, a command in a block of
    no code, and a comment right above a block of code that means nothing.
    """
    said: dict[str, str] = {}
    fence, begun, inside = None, 0, []
    for number, line in enumerate(page.splitlines(), start=1):
        if fence is not None:
            if line.strip() == fence["fence"]:
                yield _block(fence["language"], inside, begun, said)
                fence, said = None, {}
            else:
                inside.append(line.removeprefix(fence["indent"]))
        elif match := _FENCE.match(line):
            fence, begun, inside = match, number, []
        elif match := _COMMENT.match(line):
            said[match["key"]] = match["value"] or ""
        elif _FENCE.match(line.lstrip("> ")):
            raise ValueError(f"line {number}: a block in a quotation isn't run")
        elif line.strip():
            said = {}
    if fence is not None:
        raise ValueError(f"line {begun}: the block isn't closed")


def _block(language: str, inside: list[str], line: int, said: dict[str, str]) -> Block:
    block = Block(language, "\n".join(inside) + "\n", line, said)
    if not block.is_code and language not in _OTHERS:
        raise ValueError(f"line {line}: blocks of {language!r} are unknown here")
    if not block.is_code and (hidden := next(filter(_COMMAND.match, inside), None)):
        raise ValueError(f"line {line}: {hidden!r} is a command in a block of {language!r}")
    for key, value in said.items():
        if block.is_code and (key not in _KEYS or not value):
            raise ValueError(f"line {line}: <!-- {key}: {value} --> above a block means nothing")
    return block


def indented_commands(page: str) -> Iterator[tuple[int, str]]:
    """Commands that stand as indented code, which nothing runs, with the number of their line."""
    fenced = {
        number
        for block in blocks_of(page)
        for number in range(block.line, block.line + block.text.count("\n") + 2)
    }
    inside = 0  # how far the text of the list is indented that a line is in
    for number, line in enumerate(page.expandtabs(4).splitlines(), start=1):
        if number in fenced or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent - inside >= 4 and _COMMAND.match(line.strip()):
            yield number, line.strip()
        elif marker := _LIST.match(line):
            inside = marker.end()
        elif not indent:
            inside = 0


def run_page(page: Path, folder: Path, *, environment: Mapping[str, str] | None = None) -> int:
    """Run the blocks of a page in a folder, with more in the environment; how many there were.

    Raises AssertionError with the page's line, the command and what it printed where one ends with
    another code than it should, or prints not what it should.
    """
    blocks = [block for block in blocks_of(page.read_text(encoding="utf-8")) if block.is_run]
    surroundings = {**_environment(), **(environment or {})}
    for block in blocks:
        _run(block, folder, environment=surroundings, where=f"{page.name}:{block.line}")
    return len(blocks)


def _run(block: Block, folder: Path, *, environment: Mapping[str, str], where: str) -> None:
    if block.language == _PYTHON:
        program = folder / block.commands[0].text.removeprefix("python ")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(block.text, encoding="utf-8")
    printed = ""
    for command in block.commands:
        done = subprocess.run(
            ("bash", "-c", command.text),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        printed += done.stdout + done.stderr
        due = " or ".join(map(str, sorted(command.codes)))
        reported = f"{where}: `{command.text}` ended with {done.returncode}, not {due}:\n{printed}"
        assert done.returncode in command.codes, reported
    for text in filter(None, block.said.get("contains", "").split(", ")):
        assert text in printed, f"{where}: nothing prints {text!r}:\n{printed}"
    for heading in headings(block.text) - headings(printed):
        raise AssertionError(f"{where}: no table has the columns {heading}:\n{printed}")


def headings(text: str) -> set[tuple[str, ...]]:
    """The names of the columns of each table that is drawn in a text; "bar" where bars are."""
    lines = text.splitlines()
    return {
        _names(above, rule)
        for above, rule in pairwise(lines)
        if _RULE.fullmatch(rule) and not _RULE.fullmatch(above)
    }


def _names(heading: str, rule: str) -> tuple[str, ...]:
    """The names above the parts of a rule."""
    names = (heading[part.start() : part.end()].strip() for part in re.finditer("─+", rule))
    return tuple("bar" if _SCALE.fullmatch(name) else name for name in names)


def _environment() -> dict[str, str]:
    """With the commands of this environment in front, and without pytest's own doings.

    Wide enough for the columns of every table to stand in one line.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    folder = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join((folder, os.environ["PATH"])), "COLUMNS": "400"}
