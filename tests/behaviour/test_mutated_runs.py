"""Whatever befalls run folders and benchmark files: a line that says so, and nothing is lost.

The mutations are drawn anew from the same seed each time.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opbench.results.formats import FORMATS
from opbench.results.records import Ceilings, Right, Started, codec
from opbench.results.records.run_folder import create
from tests.behaviour.commands import files, run
from tests.results.benchmark_files import document, entry
from tests.results.examples import case, info, measured, profile, record
from tests.results.gates import make_gate

ODD = (
    *(None, True, 0, -1, 7, 0.0, -0.5, 1e-320, 1e300, 2**63, 10**30, math.inf, math.nan),
    *(
        "",
        "inf",
        "x" * 300,
        "\ud83d",
        "µ漢\u202e",
        "[/b]|`$_{",
        "a\nb\0",
        "../../up",
        "UNSERIALIZABLE[x]",
    ),
    *([], [[]], [1, 2], {}, {"type": "Right"}, {"type": "Case", "op": 1}),
)
#: Each time a value of its own, as the next mutation may change what is in it.
odd = st.sampled_from(ODD).map(copy.deepcopy)
ENDINGS = {0, 1, 2, 3, 4, 5, 6}


def seeded(examples: int) -> settings:
    """The same examples each time, however long they take."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A race, a gate and a profile, each small; and the race as a benchmark file."""
    root = tmp_path_factory.mktemp("material")
    lines: list[Any] = [
        Ceilings(
            environment_key="cpu-1234",
            device="cpu",
            threads=1,
            memory=((1024, 1e9),),
            matmul=(("float32", 1e10),),
            dispatch_s=1e-6,
        )
    ]
    for size in (10, 11):
        on = case(shape=f"s{size}", size=size)
        for number, name in enumerate(("mine", "yours")):
            outcome = measured((number + 1) * 1e-4, range(4), seed=number, bytes=size)
            lines += [Started(name, on), record(name, outcome, on, caveats=(("odd", "is"),))]
    create(root / "runs", info("race"), [*lines, profile()])
    create(root / "runs", info("profiled", created="2026-01-03T00:00:00+00:00"), [profile()])
    make_gate(root / "runs")
    FORMATS["pytest-benchmark"](root / "runs" / "race", root / "own.json")
    return root


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each value in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key, item in inner if isinstance(value, dict | list) else ():
            found += places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]
    return found


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """JSON with up to three values replaced, removed or added."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        known = places(value)
        if not known:
            return value
        *path, last = draw(st.sampled_from(known))
        at = value
        for key in path:
            at = at[key]
        what = draw(st.sampled_from(("replace", "replace", "replace", "remove", "add", "double")))
        if what == "remove":
            del at[last]
        elif what == "replace":
            at[last] = draw(odd)
        elif isinstance(at, dict):
            at[draw(st.sampled_from(("type", "schema", "extra")))] = draw(odd)
        else:
            at.append(at[last] if what == "double" else draw(odd))
    return value


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes that were cut, overwritten or doubled somewhere."""
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    what = draw(st.sampled_from(("cut", "hole", "overwrite", "double")))
    middle = {
        "cut": b"",
        "hole": bytes(end - start),
        "overwrite": draw(st.binary(max_size=20)),
        "double": content[start:end] * 2,
    }[what]
    return content[:start] + middle + (b"" if what == "cut" else content[end:])


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of lines of JSON, one of which or all of which were changed."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(content))
    lines = content.splitlines()
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        value = draw(changed(json.loads(lines[at])))
        lines[at] = json.dumps(value).encode()
    return b"\n".join(lines) + b"\n"


def reported(words: tuple[str, ...]) -> str:
    """Run a command that must end well, whatever it was given; what it printed."""
    done = run(*words)
    assert done.code in ENDINGS, (words, done)
    assert "Traceback" not in done.err, (words, done)
    assert done.code != 2 or done.err.strip(), (words, done)
    return done.out


def exported(run_path: str, name: str, by: str, target: Path) -> None:
    """Export a run; a file that was written has something in it, and is there only then."""
    out = reported(("export", run_path, "--format", name, "--by", by, "-o", str(target)))
    assert target.exists() == ("wrote" in out)
    if target.exists():
        assert target.stat().st_size > 10
        target.unlink()


READERS = (
    ("show", "{run}"),
    ("show", "{run}", "--json"),
    ("history", "--runs", "{runs}"),
    ("history", "--runs", "{runs}", "--all-environments", "--json"),
    ("history", "patch_pooling", "--runs", "{runs}", "--impl", "mine"),
    ("compare", "{run}", "{runs}/whole"),
    ("compare", "{runs}/whole", "{run}", "--json"),
    *(("export", "{run}", name) for name in FORMATS),
)


@seeded(250)
@given(data=st.data())
def test_mutated_runs(material, tmp_path_factory, data):
    here = tmp_path_factory.mktemp("here")
    name = data.draw(st.sampled_from(("race", "race", "gate", "profiled")))
    shutil.copytree(material / "runs" / "race", here / "runs" / "whole")
    mutant = here / "runs" / "mutant"
    shutil.copytree(material / "runs" / name, mutant)
    for file in data.draw(st.sampled_from((["run.json"], *[["records.jsonl"]] * 3))):
        path = mutant / file
        path.write_bytes(data.draw(mutated(path.read_bytes())))
    before = files(here)

    words = data.draw(st.sampled_from(READERS))
    with contextlib.chdir(here):
        if words[0] == "export":
            by = data.draw(st.sampled_from(("job", "sample")))
            exported(str(mutant), words[2], by, here / "out")
        else:
            reported(tuple(word.format(run=mutant, runs=here / "runs") for word in words))
    assert files(here) == before
    shutil.rmtree(here)


@seeded(150)
@given(data=st.data())
def test_mutated_benchmark_files(material, tmp_path_factory, data):
    here = tmp_path_factory.mktemp("here")
    entries = [entry(f"t.py::test[{n}-f]", params={"n": n, "f": "f"}, group="g") for n in (1, 2)]
    foreign = document(*entries, entry("t.py::test_alone"))
    source = data.draw(
        st.sampled_from((foreign, foreign, json.loads((material / "own.json").read_text())))
    )
    text = data.draw(changed(source).map(json.dumps).map(str.encode))
    if data.draw(st.integers(0, 5)) == 0:
        text = data.draw(damaged(text))
    (here / "x.json").write_bytes(text)
    before = files(here)

    more = data.draw(st.sampled_from(((), ("--contender", "n"), ("--contender", "f"))))
    with contextlib.chdir(here):
        out = reported(("import", "x.json", "--out", "made", "--id", "one", *more))
        kept = {path: held for path, held in files(here).items() if not path.startswith("made")}
        assert kept == before
        if "run: " in out:
            reported(("show", "made/one"))
            reported(("history", "--runs", "made"))
            exported("made/one", data.draw(st.sampled_from(sorted(FORMATS))), "job", here / "out")
        else:
            assert not (here / "made").exists()
    shutil.rmtree(here)


@seeded(12)
@given(data=st.data())
def test_mutated_runs_are_published(material, tmp_path_factory, data):
    here = tmp_path_factory.mktemp("here")
    mutant = here / "runs" / "mutant"
    shutil.copytree(material / "runs" / data.draw(st.sampled_from(("race", "gate"))), mutant)
    path = mutant / "records.jsonl"
    path.write_bytes(data.draw(mutated(path.read_bytes())))
    before = files(here)

    reported(("publish", str(mutant)))
    kept = {
        p: held for p, held in files(here).items() if not p.startswith("runs/mutant/tensorboard")
    }
    assert kept == before
    shutil.rmtree(here)


def test_every_damage_of_a_folder(material, tmp_path):
    """What no changed byte makes: files that are missing, empty, folders or other records."""
    for number, file in enumerate(("run.json", "records.jsonl")):
        for content in (
            None,
            b"",
            b"\0" * 99,
            b"null",
            b"[]\n",
            "folder",
            codec.dumps(Right(1.0)).encode(),
        ):
            root = tmp_path / f"{number}-{content!r}"[:30]
            shutil.copytree(material / "runs", root, dirs_exist_ok=True)
            path = root / "race" / file
            path.unlink()
            if content == "folder":
                path.mkdir()
            elif isinstance(content, bytes):
                path.write_bytes(content)
            before = files(root)
            for words in READERS[:-6]:
                reported(
                    tuple(
                        w.format(run=root / "race", runs=root).replace("whole", "gate")
                        for w in words
                    )
                )
            for name in FORMATS:
                exported(str(root / "race"), name, "job", tmp_path / "out")
            assert files(root) == before
