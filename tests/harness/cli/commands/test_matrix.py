"""`opbench matrix`: run folders and stores, side by side."""

import json
from dataclasses import replace

import pytest

from opbench.results.records import Environment
from opbench.results.store.attempts import StoredRun
from tests.behaviour.commands import run
from tests.results.examples import ENVIRONMENT, case, info, make_run, measured, record

OTHER = Environment("gpu-99", (("gpu", "Example GPU"), ("torch", "2.13.0")))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def url(tmp_path):
    store = f"file://{tmp_path}/store"
    for environment in (ENVIRONMENT, OTHER):
        lines = [
            record("a", measured(1e-4, seed=1), environment_key=environment.key),
            record("b", measured(2e-4, seed=2), environment_key=environment.key),
        ]
        head = replace(info(), environment=environment, settings=(("kind", '"epyc"'),))
        StoredRun(store, "n").put(head, case(), lines)
    return f"{store}/runs/n"


def test_a_url_stands_for_all_its_environments(url):
    done = run("matrix", url, "--wide")
    assert (done.code, done.err) == (0, "")
    assert "epyc cpu t1" in done.out
    assert "patch_pooling · winners" in done.out
    assert "of 1 cases 1 have a winner in common" in done.out
    one = json.loads(run("matrix", f"{url}#gpu", "--json").out)
    assert [kind["machine"]["environment_key"] for kind in one["kinds"]] == ["gpu-99"]


def test_run_folders_and_urls_are_put_together(url, tmp_path):
    make_run(tmp_path / "runs", "mine")
    document = json.loads(run("matrix", "runs/mine", url, "-k", "small", "--json").out)
    assert [kind["runs"] for kind in document["kinds"]] == [["mine", "n-cpu-1234"], ["n-gpu-99"]]
    by_case = {(one["case"]["op"], one["case"]["direction"]): one for one in document["cases"]}
    assert set(by_case) == {("patch_pooling", "forward"), ("patch_pooling", "backward")}
    cells = by_case["patch_pooling", "forward"]["standings"][1]["cells"]
    assert {c["contender"]: c["verdict"] for c in cells if c["verdict"] != "absent"} == {
        "a": "best",
        "b": "slower",
    }


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("runs/none",), 2, "runs/none is not a run"),
        (("runs/mine", "-k", "nosuch"), 2, "matches -k 'nosuch'"),
        (("runs/mine", "--impl", "nosuch"), 2, "there is no contender"),
    ],
)
def test_what_cannot_be_shown_is_said(tmp_path, words, code, text):
    make_run(tmp_path / "runs", "mine")
    done = run("matrix", *words)
    assert (done.code, text in done.err) == (code, True), done.err
