"""Temporary folders, and whether the process that made them has surely ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opbench.harness.system import owned_folders

#: Makes a folder, prints its path, and waits to be killed.
MAKER = (
    "import sys, time\n"
    "from opbench.harness.system import owned_folders\n"
    "print(owned_folders.make().path, flush=True)\n"
    "time.sleep(600)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def maker(tmp_path):
    """A process that has made a folder, and the folder."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", MAKER], stdout=subprocess.PIPE, text=True, env=env
    )
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    process.stdout.close()


def renamed(folder, **changed):
    """What the folder would be called if its owner were another."""
    names = ("machine", "boot", "space", "process", "started", "random")
    parts = dict(zip(names, folder.name.removeprefix(owned_folders.PREFIX).split("-"), strict=True))
    parts |= changed
    return folder.with_name(owned_folders.PREFIX + "-".join(parts.values()))


def test_folder_is_abandoned_once_its_owner_has_ended(maker):
    process, folder = maker
    (folder / "file").touch()
    assert not owned_folders.is_abandoned(folder)
    assert owned_folders.abandoned() == ()
    process.kill()
    process.wait()
    assert owned_folders.is_abandoned(folder)
    assert owned_folders.abandoned() == (folder,)


def test_a_zombie_owner_counts_as_ended(maker):
    process, folder = maker
    os.kill(process.pid, signal.SIGKILL)
    stat = Path(f"/proc/{process.pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert owned_folders.is_abandoned(folder)


def test_own_folder_is_not_abandoned_and_is_removed_on_release():
    owned = owned_folders.make()
    assert not owned_folders.is_abandoned(owned.path)
    owned_folders.release(owned)
    assert not owned.path.exists()


def test_name_of_a_missing_folder_shows_its_owner(maker):
    process, folder = maker
    folder.rmdir()
    assert not owned_folders.is_abandoned(folder)
    process.kill()
    process.wait()
    assert owned_folders.is_abandoned(folder)


def test_another_process_with_the_same_id_is_not_the_owner(maker):
    _, folder = maker
    assert owned_folders.is_abandoned(renamed(folder, started="1"))


def test_owners_on_other_machines_and_in_other_containers_may_be_alive(maker):
    """Only a lock tells of another container, and only where its folder is seen."""
    process, folder = maker
    assert not owned_folders.is_abandoned(renamed(folder, space="000000", process="1"))
    assert not owned_folders.is_abandoned(renamed(folder, machine="000000", boot="000000"))
    contained = renamed(folder, space="000000")
    folder.rename(contained)
    assert not owned_folders.is_abandoned(contained)
    process.kill()
    process.wait()
    assert owned_folders.is_abandoned(contained)


def test_owner_of_an_earlier_boot_has_ended(maker):
    _, folder = maker
    assert owned_folders.is_abandoned(renamed(folder, boot="000000"))


@pytest.mark.parametrize(
    "name",
    [
        *("opbench-gate-", "opbench-gate-x", "opbench-gate-mine", "opbench-gate-1-2-3-4-5"),
        *("opbench-gate-zz-1-1-1-1-abc", "my-opbench-gate-1-1-1-1-1-abc", "other"),
    ],
)
def test_folders_with_similar_names_are_not_abandoned(tmp_path, name):
    (tmp_path / name).mkdir()
    assert not owned_folders.is_abandoned(tmp_path / name)
    assert owned_folders.abandoned() == ()


def test_a_link_in_place_of_a_folder_is_not_followed(maker, tmp_path):
    process, folder = maker
    process.kill()
    process.wait()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    folder.rmdir()
    folder.symlink_to(tmp_path / "precious")
    assert not owned_folders.is_abandoned(folder)
    owned_folders.remove(folder)
    assert (tmp_path / "precious" / "file").exists()


def test_remove_deletes_unwritable_files_and_follows_no_links(tmp_path):
    """Of root, nothing is unwritable; then it is only seen that nothing else is touched."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    folder = tmp_path / "folder"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "file").touch()
    (folder / "deep" / "link").symlink_to(outside)
    for path in (folder / "deep" / "deeper", folder / "deep"):
        path.chmod(0o500)
    owned_folders.remove(folder)
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o500
