"""The source stays as readable as it is: the figures of `python -m benchmarks.source`, bounded."""

import pytest

from benchmarks.source import FOLDERS, figures_of
from tests.places import ROOT

#: All that is installed, and the programs that measure.
ALL = (*FOLDERS, "impls", "suites", "opbench", "benchmarks")
#: It may be longer: most of it is the description of fields.
DECLARE = "harness/declare.py"

SOURCE = '''"""A module
of two lines."""

import argparse  # to parse


def short(args: argparse.Namespace) -> int:
    """One line."""
    return 1


@decorated
def longer(
    one: int,
) -> int:

    # A comment.
    return one
'''


@pytest.fixture(scope="module")
def figures():
    return figures_of(ROOT)


def test_functions_are_short(figures):
    median, high, most = figures.function_lengths
    assert median <= 7
    assert high <= 23
    assert most <= 40


def test_comments_and_docstrings_have_their_share(figures):
    assert figures.comment_share >= 0.05
    assert 0.18 <= figures.docstring_share <= 0.25


def test_the_parsed_arguments_end_at_the_command(figures):
    assert figures.files_of_arguments
    assert all(file.startswith("harness/cli/") for file in figures.files_of_arguments)


def test_no_module_and_no_function_is_long():
    every = figures_of(ROOT, ALL)
    assert {name for name, length in every.files.items() if length > 300} <= {DECLARE}
    assert {name: length for name, length in every.functions.items() if length > 40} == {}


def test_figures_of_a_module(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "module.py").write_text(SOURCE)
    figures = figures_of(tmp_path, ["code"])
    assert figures.files == {"code/module.py": 18}
    # Without the decorator, with its blank line.
    assert figures.functions == {
        "code/module.py:short:7": 3,
        "code/module.py:longer:13": 6,
    }
    assert figures.of_arguments == ("code/module.py:short:7",)
    assert (figures.comments, figures.docstrings, figures.lines) == (2, 3, 12)
    assert figures.function_lengths == (4.5, 6, 6)
