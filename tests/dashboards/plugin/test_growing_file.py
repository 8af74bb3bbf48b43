"""A file that grows is read as far as its last line break, and only once."""

import pytest

from opbench.dashboards.plugin.growing_file import Batch, GrowingFile
from opbench.results.errors import RunFolderError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.jsonl"


@pytest.fixture
def file(path, tmp_path):
    return GrowingFile(path, tmp_path, limit=1000)


def append(path, text):
    with path.open("ab") as file:
        file.write(text)


def test_only_what_was_added_is_read(path, file):
    append(path, b"one\ntwo\n")
    assert file.read() == Batch((b"one", b"two"), anew=True, rest=0)
    assert file.read() == Batch((), anew=False, rest=0)
    append(path, b"three\n")
    assert file.read() == Batch((b"three",), anew=False, rest=0)


def test_a_line_that_is_being_written_is_read_when_it_is_whole(path, file):
    append(path, b"one\ntw")
    assert file.read() == Batch((b"one",), anew=True, rest=2)
    append(path, b"o\n")
    assert file.read() == Batch((b"two",), anew=False, rest=0)


def test_a_file_that_shrank_is_read_anew(path, file):
    append(path, b"one\ntwo\n")
    file.read()
    path.write_bytes(b"new\n")
    assert file.read() == Batch((b"new",), anew=True, rest=0)


def test_another_file_of_the_same_name_is_read_anew(path, file, tmp_path):
    append(path, b"one\n")
    file.read()
    (tmp_path / "other").write_bytes(b"two\nthree\n")
    (tmp_path / "other").replace(path)
    assert file.read() == Batch((b"two", b"three"), anew=True, rest=0)


def test_a_file_that_was_written_over_in_place_is_read_anew(path, file):
    append(path, b"one\n")
    file.read()
    path.write_bytes(b"two\nthree\n")
    assert file.read() == Batch((b"two", b"three"), anew=True, rest=0)


def test_a_file_beyond_the_limit_is_not_read(path, file):
    append(path, b"x" * 1001)
    with pytest.raises(RunFolderError, match="more than the"):
        file.read()
