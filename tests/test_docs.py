"""What the documentation shows runs as it is written."""

from pathlib import Path

import pytest

from tests.docs_blocks import blocks_of, run_page

ROOT = Path(__file__).parent.parent
#: The pages whose blocks are run.
PAGES = ("docs/declaring.md",)

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

<!-- exit code: 3 -->
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

```toml
[left.alone]
```
"""


@pytest.mark.alone
@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_as_it_is_written(page, tmp_path):
    assert run_page(ROOT / page, tmp_path)


def test_blocks_are_found_and_run(tmp_path):
    first, file, shell, program, script, toml = blocks_of(PAGE)
    assert (first.said, first.is_run) == ({"not run": "it takes a day"}, False)
    assert (file.file, file.line) == ("made/here.py", 8)
    assert len(shell.commands) == 2
    assert shell.said == {"exit code": "3", "contains": "three, exactly"}
    assert program.text.startswith("import made.here\n")
    assert (script.said, script.commands, toml.is_run) == ({}, ("true",), False)
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert run_page(page, tmp_path) == 4


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("```console\n$ false\n```", r"page\.md:1: `false` ended with 1, not 0"),
        ("```python\n1 / 0\n```", "ended with 1, not 0:\n(.|\n)*ZeroDivisionError"),
        ("<!-- exit code: 4 -->\n```sh\ntrue\n```", "`true` ended with 0, not 4"),
        ("<!-- contains: x -->\n```sh\necho y\n```", "nothing prints 'x':\ny"),
    ],
)
def test_a_block_that_does_not_do_what_it_says_is_told_by_its_line(tmp_path, block, told):
    page = tmp_path / "page.md"
    page.write_text(block)
    with pytest.raises(AssertionError, match=told):
        run_page(page, tmp_path)
