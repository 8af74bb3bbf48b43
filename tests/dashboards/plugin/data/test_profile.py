"""The answer about one profile, or two."""

from dataclasses import replace

import pytest

from opbench.dashboards.plugin.data import profile as module
from opbench.dashboards.plugin.data.profile import answer
from opbench.dashboards.plugin.data.profiles import answer as list_of
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.results.errors import SelectionError
from tests.dashboards.plugin.stock import profiles, write_trace
from tests.results.examples import make_run, profile


@pytest.fixture
def folder(tmp_path):
    return profiles(make_run(tmp_path))


def ask(folder, *positions):
    """The answer about profiles by their positions in the list."""
    log = LogFolder(str(folder.path.parent))
    ids = [one["id"] for one in list_of(log, {})["profiles"]]
    names = zip(("profile", "other"), positions, strict=False)
    return answer(log, {name: [ids[position]] for name, position in names})


def test_one_profile_with_its_trace(folder):
    found = ask(folder, 1)
    (one,) = found["profiles"]

    assert found["changes"] is None
    assert [row["name"] for row in one["operators"]] == ["aten::zeros", "aten::bmm"]
    assert one["flame"]["names"][0] == "call"
    assert one["flame"]["total_s"][0] == pytest.approx(900e-6)
    assert max(one["memory"]["held"]) == 7168
    assert one["fault"] == ""


def test_two_versions_with_their_differences(folder):
    found = ask(folder, 1, 2)

    assert {one["name"]: one["status"] for one in found["changes"]} == {
        "aten::copy_": "new",
        "aten::bmm": "both",
        "aten::zeros": "vanished",
    }


def test_why_one_is_slower_stands_beside_the_operators(folder):
    base, head = ask(folder, 1, 2)["profiles"]

    (why,) = head["why"]
    assert why["other"] == {"contender": "einsum", "side": "base"}
    assert why["headline"].startswith("einsum (head) takes 2 times as long as einsum (base)")
    assert [cause["title"] for cause in why["causes"]] == ["copies"]
    assert base["why"][0]["other"]["side"] == "head"
    (loop,) = ask(folder, 3)["profiles"]
    assert loop["why"] == []


def test_a_trace_that_is_gone_or_broken_is_named_and_the_rest_is_there(folder):
    (one,) = ask(folder, 0)["profiles"]
    assert "is gone" in one["fault"]
    assert one["operators"]
    (folder.path / "traces/x/einsumbase.pt.trace.json").write_text("{")
    (one,) = ask(folder, 1)["profiles"]
    assert "the trace cannot be read" in one["fault"]
    assert one["flame"] is None


def test_a_huge_trace_is_not_drawn(folder, monkeypatch):
    monkeypatch.setattr(module, "TRACE_LIMIT", 100)
    (one,) = ask(folder, 1)["profiles"]

    assert "larger than" in one["fault"]


@pytest.mark.parametrize("path", ["../../secret.json", "/etc/hostname", "link.json", ".", "\0"])
def test_a_trace_outside_of_its_run_is_not_read(folder, tmp_path, path):
    write_trace(tmp_path / "secret.json", ("secret",))
    (folder.path / "link.json").symlink_to(tmp_path / "secret.json")
    folder.append(replace(profile("spy"), trace=path))
    (one,) = ask(folder, 4)["profiles"]

    assert one["flame"] is None
    assert one["fault"]


def test_a_profile_that_is_not_there_is_refused(folder):
    with pytest.raises(SelectionError, match="there is no profile 'x'"):
        answer(LogFolder(str(folder.path.parent)), {"profile": ["x"]})
