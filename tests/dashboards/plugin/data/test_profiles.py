"""The list of profiles."""

from opbench.dashboards.plugin.data.profiles import answer
from opbench.dashboards.plugin.log_folder import LogFolder
from tests.dashboards.plugin.stock import HOSTILE, hostile_run, profiles
from tests.results.examples import make_run


def test_profiles_of_one_run_or_of_all(tmp_path):
    profiles(make_run(tmp_path))
    hostile_run(tmp_path)
    log = LogFolder(str(tmp_path))

    one = answer(log, {"run": ["example"]})["profiles"]
    assert [(found["contender"], found["side"]) for found in one] == [
        ("einsum", ""),
        ("einsum", "base"),
        ("einsum", "head"),
        ("loop", ""),
    ]
    every = answer(log, {})["profiles"]
    assert len(every) == 4 + len(HOSTILE)
    assert len({found["id"] for found in every}) == len(every)
    assert all(found["id"].isalnum() for found in every)
