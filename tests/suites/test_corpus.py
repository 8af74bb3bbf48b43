"""`python -m benchmarks.exam`: the corpus is large enough, and a part of it is judged."""

import json

import pytest

import opbench
from benchmarks import exam
from benchmarks.corpus.catalogue import corpus
from benchmarks.corpus.ways import WAYS

#: What takes small shapes alone.
SMALL = tuple(way for way in WAYS if way != "run")


@pytest.fixture(scope="module")
def entries():
    return corpus()


def test_the_corpus_is_as_large_as_the_figures_need(entries):
    wrong = [e for e in entries if not e.right]
    assert len(wrong) >= 120
    assert len(entries) - len(wrong) >= 60
    assert sum(e.held_out for e in wrong) / len(wrong) >= 1 / 5
    assert all(e.kind for e in entries)


def test_no_contender_has_the_name_of_one_in_the_catalogue(entries):
    impls = opbench.load().impls
    assert [e.key for e in entries if e.name in impls[e.op]] == []


def test_a_part_of_the_corpus(monkeypatch, capsys, tmp_path):
    kept = ("wrong_when_training", "b_alone_lost", "right_laid_apart", "ignores_strides")
    part = tuple(e for e in corpus() if e.name in kept and e.op.startswith("batched"))
    monkeypatch.setattr(exam, "corpus", lambda: part)
    file = tmp_path / "verdicts.json"
    monkeypatch.setattr("sys.argv", ["exam", "--by", ",".join(SMALL), "--json", str(file)])
    exam.main()
    out = capsys.readouterr().out
    assert "right" in out
    assert "called wrong by check, though right: 0" in out
    noticed = {(e["op"], e["name"]): e["noticed"] for e in json.loads(file.read_text())}
    assert len(noticed) == len(part) == 4
    for (_, name), by in noticed.items():
        assert set(by) == set(SMALL)
        assert bool(by["check"]) == (name != "right_laid_apart")
        assert by["allclose"] is None
        assert by["kernelbench"] is None


def test_other_kinds_are_left_out(monkeypatch, capsys):
    argv = ["exam", "--kinds", "training,right", "--by", "allclose", "--runs", "0"]
    monkeypatch.setattr("sys.argv", argv)
    exam.main()
    rows = capsys.readouterr().out.splitlines()
    assert any(row.startswith("training") for row in rows)
    assert not any(row.startswith("layout") for row in rows)
