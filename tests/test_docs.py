"""What the documentation shows runs as it is written."""

import re
import shutil
from collections import Counter

import pytest

from opbench.harness.cli.app import parsers
from opbench.harness.cli.layout import DECISIVE
from opbench.harness.cli.parsing import Parser
from opbench.results.report import findings, profiles
from tests.docs_blocks import blocks_of, headings, indented_commands, run_page
from tests.places import ROOT

#: Every page but those of the catalogue, which `opbench list --markdown` writes: their blocks are
#: signatures, and tests/harness/cli/test_catalogue_pages.py compares them with the declarations.
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.parent.name != "catalogue"
}
#: Those that show what opbench does, so that there is something to run in each.
EXAMPLES = ("README.md", "docs/declaring.md", "docs/measuring.md", "docs/reading.md")
#: Files of the repository that a page's commands name otherwise than by their path.
FILES = {
    "docs/benchmarks.md": {"benchmarks": "benchmarks"},
    "docs/fleet.md": {"tests/loaded/row_sum.py": "ops.py"},
    "docs/measuring.md": {"tests/loaded": "tests/loaded"},
    "docs/reading.md": {"tests/loaded/row_sum.py": "ops.py"},
    "docs/training.md": {"docs": "docs", "README.md": "README.md"},
}
#: Smaller numbers are of some of them: of a run, of a measurement.
COUNTED = re.compile(r"\b(\d{2,}(?= +ops)|\d{3,}(?= +contenders)) +(ops|contenders)\b")

PAGE = """\
# A page

<!-- not run: it takes a day -->
```console
$ false
```

```python
# made/here.py
value = 3
```

<!-- exit code: 3 or 4 -->
<!-- contains: three, exactly -->
```console
$ echo three \\
    exactly
three exactly
$ python -c "import sys; sys.path.insert(0, 'made'); import here; sys.exit(here.value)"
```

1. In a list:

   ```python
   import made.here

   assert made.here.value == 3
   ```

<!-- exit code: 9 -->
This comment is not right above what follows.

```sh
# a comment
true
```

```console
$ false
$ echo $?
1
$ true
```

```toml
[left.alone]
```
"""


def taken(parser: Parser) -> set[str]:
    """The options of a verb."""
    return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", parser.format_help()))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_block_runs_as_it_is_written(name, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    for source, target in FILES.get(name, {}).items():
        copied = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copied(ROOT / source, folder / target)
    own = {"XDG_CACHE_HOME": str(tmp_path / "cache")} if name == "docs/measuring.md" else {}
    run = run_page(ROOT / name, folder, environment=own)
    assert run or name not in EXAMPLES


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_command_is_out_of_reach(name):
    assert list(indented_commands(PAGES[name])) == [], "fence it: ```sh"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_what_is_not_run_is_left_out_for_a_reason_of_its_own(name):
    reasons = [block.said["not run"] for block in blocks_of(PAGES[name]) if "not run" in block.said]
    assert all(len(reason.split()) > 2 for reason in reasons)
    assert [reason for reason, times in Counter(reasons).items() if times > 1] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_files_and_benchmarks_that_a_page_names_are_there(name):
    modules = re.findall(r"python -m (benchmarks\.\w+)", PAGES[name])
    paths = re.findall(r"\b(?:tests|docs|harness|results|suites|impls)/[\w/.-]+\.\w+", PAGES[name])
    paths += [f"{module.replace('.', '/')}.py" for module in modules]
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_ops_and_contenders_are_as_many_as_the_pages_say(catalog):
    counts = {"ops": len(catalog.ops), "contenders": sum(map(len, catalog.impls.values()))}
    reported = [
        (name, int(number), what)
        for name, page in PAGES.items()
        for number, what in COUNTED.findall(page)
    ]
    assert {(what, number) for _, number, what in reported} == set(counts.items()), reported
    assert {name for name, *_ in reported} >= {"README.md", "CHANGELOG.md", "docs/benchmarks.md"}


def test_the_version_of_torch_in_the_readme_is_the_tested_one():
    (pinned,) = re.findall(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    assert set(re.findall(r"torch==(\S+)", PAGES["README.md"])) == {pinned}


def test_verbs_take_what_the_page_of_commands_says_of_them():
    _, verbs = parsers()
    page = PAGES["docs/commands.md"]
    (reported,) = (part for part in page.split("\n\n") if "All of these take" in part)
    selecting, rest = reported.split(". Of recorded runs, ")
    reading, rest = rest.split(". All of these")
    named = re.findall(r"`([a-z]+)(?: --gate)?`", selecting)
    for verb in named:
        options = re.findall(r"`(--?[a-z]+)[^`]*`", selecting.partition("take")[2])
        assert [option for option in options if option not in taken(verbs[verb])] == [], verb
    assert {verb for verb in verbs if "--layout" in taken(verbs[verb])} == set(named)
    named += re.findall(r"`([a-z]+)`", reading)
    more = re.findall(r"`([a-z]+)`", rest.partition("Tables")[0])
    assert {verb for verb in verbs if "--json" in taken(verbs[verb])} == {*named, *more}
    assert {verb for verb in verbs if "-k" in taken(verbs[verb])} == set(named)


def drawn(columns):
    """The columns of which a table of ratios is drawn, where its cases and ops are one."""
    with_bar = [part for name in columns for part in (["bar"] if name == "ratio" else []) + [name]]
    return tuple(name for name in with_bar if name in {*DECISIVE} - {"op", "case"})


@pytest.mark.parametrize(
    ("name", "command", "columns"),
    [
        ("README.md", "gate", drawn(findings.COLUMNS)),
        ("docs/reading.md", "profile", profiles.COLUMNS),
    ],
)
def test_tables_of_commands_that_are_not_run_have_the_columns_of_today(name, command, columns):
    (shown,) = (
        block.text
        for block in blocks_of(PAGES[name])
        if "not run" in block.said and block.text.startswith(f"$ opbench {command} ")
    )
    assert headings(shown) == {columns}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_options_that_a_page_names_are_those_of_their_verb(name):
    _, verbs = parsers()
    unknown = []
    for verb, words in re.findall(r"\bopbench ([a-z]+)((?:[^`\n]|\\\n)*)", PAGES[name]):
        if verb in verbs:
            options = re.findall(r"(?<=\s)--?[a-z][a-z-]*", words.partition("#")[0])
            unknown += [(verb, name) for name in options if name not in taken(verbs[verb])]
    assert unknown == []


def test_blocks_are_found_and_run(tmp_path):
    first, file, shell, program, script, asked, toml = blocks_of(PAGE)
    assert (first.said, first.is_run) == ({"not run": "it takes a day"}, False)
    assert (file.file, file.line) == ("made/here.py", 8)
    assert [sorted(command.codes) for command in shell.commands] == [[0], [3, 4]]
    assert shell.said == {"exit code": "3 or 4", "contains": "three, exactly"}
    assert program.text.startswith("import made.here\n")
    assert (script.said, toml.is_run) == ({}, False)
    assert [command.text for command in script.commands] == ["true"]
    assert [(c.text, *c.codes) for c in asked.commands] == [("false", 1), ("true", 0)]
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert run_page(page, tmp_path) == 5


@pytest.mark.parametrize(
    ("block", "reported"),
    [
        ("```console\n$ false\n```", r"page\.md:1: `false` ended with 1, not 0"),
        ("```console\n$ true\n$ echo $?\n3\n```", "`true` ended with 0, not 3"),
        ("```python\n1 / 0\n```", "ended with 1, not 0:\n(.|\n)*ZeroDivisionError"),
        ("<!-- exit code: 4 -->\n```sh\ntrue\n```", "`true` ended with 0, not 4"),
        ("<!-- exit code: 1 or 3 -->\n```sh\ntrue\n```", "`true` ended with 0, not 1 or 3"),
        ("<!-- exit code: 1 -->\n```sh\nfalse\nfalse\n```", "`false` ended with 1, not 0"),
        (
            "```console\n$ printf 'op  note\\n──  ────\\n'\nop  time\n──  ────\n```",
            r"no table has the columns \('op', 'time'\)",
        ),
        ("<!-- contains: x -->\n```sh\necho y\n```", "nothing prints 'x':\ny"),
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_named_by_its_line(tmp_path, block, reported):
    page = tmp_path / "page.md"
    page.write_text(block)
    with pytest.raises(AssertionError, match=reported):
        run_page(page, tmp_path)


@pytest.mark.parametrize(
    ("block", "reported"),
    [
        ("```sh\ntrue", "line 1: the block isn't closed"),
        ("> ```sh\n> true\n> ```", "line 1: a block in a quotation isn't run"),
        ("```shell\ntrue\n```", "line 1: blocks of 'shell' are unknown here"),
        ("```python {.cell}\n1 / 0\n```", "'python {.cell}' are unknown"),
        ("```\n$ opbench run\n```", "'[$] opbench run' is a command in a block of ''"),
        ("~~~text\nTRITON_INTERPRET=1 opbench check\n~~~", "is a command in a block of 'text'"),
        ("<!-- not run -->\n```sh\ntrue\n```", "<!-- not run:  --> above a block means nothing"),
        ("<!-- Not run: slow -->\n```sh\ntrue\n```", "<!-- Not run: slow --> above a block"),
        ("<!-- exit codes: 3 -->\n```sh\ntrue\n```", "<!-- exit codes: 3 --> above a block"),
    ],
)
def test_a_block_that_nobody_would_run_unseen_is_refused(block, reported):
    with pytest.raises(ValueError, match=reported):
        list(blocks_of(block))


def test_commands_are_found_in_indented_code():
    page = """\
Text, and

    opbench run patch_pooling
\tFOO=1 python -m benchmarks.racing equal
    nothing printed

- opbench in a list

      pip install opbench

    opbench goes on in it
- more

Text.

    make test

```sh
    make bench
```
"""
    assert [number for number, _ in indented_commands(page)] == [3, 4, 9, 16]
