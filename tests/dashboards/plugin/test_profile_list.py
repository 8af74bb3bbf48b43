"""How profiles are known."""

import dataclasses

import pytest

from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.profile_list import known_profiles, profile_named
from opbench.results.errors import RunFolderError
from tests.dashboards.plugin.stock import profiles
from tests.results.examples import make_run


@pytest.fixture
def folder(tmp_path):
    return profiles(make_run(tmp_path))


def test_a_profile_keeps_its_name_when_it_is_made_anew(folder):
    root = str(folder.path.parent)
    first = known_profiles(LogFolder(root), {})[1]
    folder.append(dataclasses.replace(first.profile, peak_bytes=1))

    again = profile_named(LogFolder(root), {"profile": [first.id]}, "profile")
    assert again.profile.peak_bytes == 1


def test_a_trace_is_read_up_to_a_limit(folder):
    known = known_profiles(LogFolder(str(folder.path.parent)), {})[1]
    size = (folder.path / known.profile.trace).stat().st_size

    assert len(known.trace(limit=size)) == size
    with pytest.raises(RunFolderError, match="larger than"):
        known.trace(limit=size - 1)
