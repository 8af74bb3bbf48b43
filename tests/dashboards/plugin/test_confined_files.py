"""Files are read below the log directory only, and only files."""

import os

import pytest

from opbench.dashboards.plugin.confined_files import open_confined, read_confined
from opbench.results.errors import RunFolderError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def test_a_file_within_is_read(root):
    (root / "run.json").write_text("text")
    assert read_confined(root / "run.json", root, limit=4) == b"text"


def test_a_link_within_is_followed(root):
    (root / "real.json").write_text("text")
    (root / "run.json").symlink_to("real.json")
    assert read_confined(root / "run.json", root, limit=4) == b"text"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd"])
def test_a_link_out_is_not_followed(root, target):
    (root.parent / "secret").write_text("secret")
    (root / "run.json").symlink_to(target)
    with pytest.raises(RunFolderError, match="link out of the log directory"):
        open_confined(root / "run.json", root)


def test_a_folder_that_is_a_link_out_is_not_followed(root):
    (root.parent / "other").mkdir()
    (root.parent / "other" / "run.json").write_text("secret")
    (root / "linked").symlink_to("../other")
    with pytest.raises(RunFolderError, match="link out of the log directory"):
        open_confined(root / "linked" / "run.json", root)


def test_a_neighbour_whose_name_begins_alike_is_outside(root):
    (root.parent / "logs-secret").write_text("secret")
    with pytest.raises(RunFolderError, match="link out of the log directory"):
        open_confined(root / ".." / "logs-secret", root)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_read(root, make):
    make(root / "run.json")
    with pytest.raises(RunFolderError, match="it is no file"):
        open_confined(root / "run.json", root)


def test_a_file_that_is_too_large_is_not_read(root):
    (root / "run.json").write_text("texts")
    with pytest.raises(RunFolderError, match="is larger than"):
        read_confined(root / "run.json", root, limit=4)


def test_a_file_that_is_not_there_is_reported_as_such(root):
    with pytest.raises(FileNotFoundError):
        open_confined(root / "run.json", root)
