"""What was right on the small cases before isn't checked there again."""

import os
import time
from dataclasses import replace

import pytest

import opbench
from opbench.harness.execution import checked_before, spot_check
from opbench.harness.execution.check_case import CaseChecker
from opbench.harness.execution.observer import NullObserver
from opbench.harness.planning.selection import Selection
from tests.places import LOADED

OWN, STRANGERS = ("gather_2d", "gather"), ("row_scale", "right")


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return opbench.load(LOADED / "wrong_row_scale.py")


@pytest.fixture
def checked(monkeypatch):
    """By name, how often a contender was checked on a case."""
    counts = {}
    check_case = CaseChecker.check_case

    def counted(self, race, **options):
        for name in race.contenders:
            counts[name] = counts.get(name, 0) + 1
        return check_case(self, race, **options)

    monkeypatch.setattr(CaseChecker, "check_case", counted)
    return counts


def race_of(catalog, op, *names):
    selection = Selection(names=(op,), impls=names, threads=1)
    return next(iter(opbench.plan(catalog, selection))).only(names)


def check(catalog, *words):
    spot_check.spot_check(catalog, race_of(catalog, *words), observer=NullObserver())


def test_the_catalogues_own_are_checked_once(catalog, checked):
    check(catalog, *OWN)
    times = checked["gather"]
    assert times > 1
    check(catalog, *OWN)
    assert checked == {"gather": times}
    check(catalog, *OWN, "take_along_dim")
    assert checked["gather"] == times
    assert checked["take_along_dim"] > 1


def test_in_other_circumstances_it_is_checked_again(catalog, checked, monkeypatch):
    check(catalog, *OWN)
    times = checked["gather"]
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    check(catalog, *OWN)
    assert checked["gather"] == 2 * times
    monkeypatch.setattr(checked_before, "_sources", lambda: "changed")
    check(catalog, *OWN)
    assert checked["gather"] == 3 * times


def test_of_strangers_nothing_is_remembered(catalog, checked, tmp_path):
    check(catalog, *STRANGERS)
    times = checked["right"]
    check(catalog, *STRANGERS)
    assert checked["right"] == 2 * times > 0
    assert not list(tmp_path.rglob("checked/*/*"))


def test_of_a_function_in_place_of_the_catalogues_nothing_is_remembered(catalog):
    op, name = OWN
    own = catalog.impl(op, name)
    assert checked_before.is_remembered(catalog, op, name)
    other = replace(own, function=lambda matrix, indexes: matrix.gather(1, indexes))
    changed = replace(catalog, impls={**catalog.impls, op: {**catalog.impls[op], name: other}})
    assert not checked_before.is_remembered(changed, op, name)


def test_what_is_wrong_is_not_remembered(catalog, tmp_path, monkeypatch):
    wrong = catalog.impl("row_scale", "wrong_without_shift")
    race = race_of(catalog, "row_scale", wrong.name)
    monkeypatch.setattr(checked_before, "is_remembered", lambda *_: True)
    spot_check.spot_check(catalog, race, observer=NullObserver())
    assert checked_before.right_before(catalog, race) == ()


def test_without_a_cache_it_is_checked_every_time(catalog, checked, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    check(catalog, *OWN)
    times = checked["gather"]
    check(catalog, *OWN)
    assert checked["gather"] == 2 * times


def test_what_is_remembered_of_old_circumstances_is_forgotten(catalog, tmp_path):
    folders = [tmp_path / "opbench" / "checked" / name for name in ("old", "recent")]
    for folder in folders:
        folder.mkdir(parents=True)
    before = time.time() - 31 * 86400
    os.utime(folders[0], (before, before))
    check(catalog, *OWN)
    assert [folder.exists() for folder in folders] == [False, True]
