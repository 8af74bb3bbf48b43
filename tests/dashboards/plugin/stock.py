"""A log directory in which every view has something to show, some of it hostile."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

from opbench.results.records import Ceilings, Environment, Unsupported, run_folder
from opbench.results.records.run_folder import RunFolder
from tests.results.examples import ENVIRONMENT, case, info, make_run, measured, profile, record
from tests.results.explanations import evidence, explained, use
from tests.results.gates import make_gate
from tests.results.histories import make_runs, noisy

#: Names that do harm where they are read as anything but text.
HOSTILE = (
    "<img src=x onerror=document.title='harmed'>",
    "../../x",
    "a\"b'c",
    "long" * 75,
    "\u202egnihton",
    "<b>%{x}</b>$x$",
)
CEILINGS = Ceilings(
    environment_key=ENVIRONMENT.key,
    device="cpu",
    threads=1,
    memory=((4096, 4e10), (1 << 20, 8e10), (1 << 30, 2e10)),
    matmul=(("float32", 1e11),),
    dispatch_s=5e-7,
)
ACCEPTED = """
[[accepted]]
op = "patch_pooling"
contender = "copies"
reason = "sums in float64 since #12"
by = "ada"
until = 2027-03-31
"""
#: By contender what a call costs before it begins, and seconds per byte: they cross at a megabyte.
CROSSING = {"starts_fast": (1e-6, 4e-10), "runs_fast": (2e-4, 2e-10)}


def stock(root: Path) -> Path:
    """The folder with a run, a gate, a history and profiles."""
    crossing_run(root)
    grid_run(root)
    profiles(make_run(root))
    gate = make_gate(root)
    (gate.path / "opbench-accepted.toml").write_text(ACCEPTED, encoding="utf-8")
    times = {"steady": noisy([1e-4] * 24), "changed": noisy([1e-4] * 14 + [1.3e-4] * 10, seed=1)}
    make_runs(root, times, sources=["old"] * 14 + ["new"] * 10)
    for number in range(24):
        add_commit(RunFolder(root / f"run-{number:03}"), "old1" if number < 14 else "new1+")
    hostile_run(root)
    elsewhere_run(root)
    return root


def add_commit(folder: RunFolder, commit: str) -> None:
    """Let a run say its commit."""
    head = folder.info
    settings = (*head.settings, ("commit", json.dumps(commit)))
    text = run_folder.codec.dumps(replace(head, settings=settings))
    (folder.path / "run.json").write_text(text, encoding="utf-8")


def crossing_run(root: Path, run_id="crossing") -> RunFolder:
    """Two contenders over five sizes, one of which is quicker below a megabyte."""
    folder = run_folder.create(root, info(run_id))
    folder.append(CEILINGS)
    for number, size in enumerate(10**power for power in range(3, 8)):
        on = case(shape=f"s{number}", axes=(("S", size), ("D", 8)))
        for seed, (name, (fixed, per_byte)) in enumerate(CROSSING.items()):
            outcome = measured(
                fixed + per_byte * size, seed=seed, noise=0.002, bytes=size, flops=2 * size
            )
            folder.append(record(name, outcome, on))
    return folder


def grid_run(root: Path, run_id="grid") -> RunFolder:
    """The same two over two sizes, of which the product counts; and a third size in two values."""
    folder = run_folder.create(root, info(run_id))
    for size, depth, batch in product((100, 1000, 10_000), (1, 10, 100, 1000), (1, 100)):
        axes = (("S", size), ("D", depth), ("B", batch))
        on = case(shape=f"S{size}_D{depth}_B{batch}", axes=axes)
        elements = size * depth * batch
        for seed, (name, (fixed, per_byte)) in enumerate(CROSSING.items()):
            outcome = measured(fixed + per_byte * elements, seed=seed, noise=0.002, bytes=elements)
            folder.append(record(name, outcome, on))
    return folder


def profiles(folder: RunFolder) -> RunFolder:
    """Two versions of one contender and another beside them, each with a trace."""
    for contender, side in (("einsum", "base"), ("einsum", "head"), ("loop", "")):
        whole = replace(profile(contender), side=side)
        if side == "head":
            whole = replace(whole, operators=(*whole.operators[1:], _copy()))
        path = f"traces/x/{contender}{side}.pt.trace.json"
        folder.append(replace(whole, trace=path))
        write_trace(folder.path / path, ("aten::zeros", "aten::bmm"))
    bmm, copy = use("aten::bmm", 1e-3), use("aten::copy_", 1e-3, path=("aten::clone",))
    head, base = (
        evidence("einsum", *uses, side=side) for side, *uses in (("head", bmm, copy), ("base", bmm))
    )
    folder.append(explained(head, base))
    return folder


def hostile_run(root: Path) -> RunFolder:
    """A run in which all names are hostile, and so are the paths of its traces."""
    folder = run_folder.create(root, info("hostile"))
    for size, shape in ((1000, HOSTILE[0]), (1_000_000, HOSTILE[3])):
        on = case(op=HOSTILE[0], shape=shape, axes=(("S", size),), inputs=HOSTILE[0])
        for number, name in enumerate(HOSTILE, start=1):
            # All change places.
            time_s = 1e-6 * number if size == 1000 else 1e-3 / number
            outcome = measured(time_s, noise=0.002, bytes=size)
            folder.append(record(name, outcome, on, caveats=((HOSTILE[0], name),)))
    of_hostile = [
        evidence(name, use(name, 1e-3 * n)) for n, name in enumerate(HOSTILE[:2], start=1)
    ]
    folder.append(explained(*reversed(of_hostile), on=case(op=HOSTILE[0])))
    for number, name in enumerate(HOSTILE):
        found = replace(profile(name, case(op=HOSTILE[0])), trace=f"traces/{number}.json")
        rows = tuple(replace(row, name=name + row.name) for row in found.operators)
        folder.append(replace(found, operators=rows))
        write_trace(folder.path / found.trace, HOSTILE)
    return folder


#: Of another machine, whose facts do harm as well.
ELSEWHERE = Environment("gpu-5678", (("cpu", HOSTILE[0]), ("torch", "2.13.0")))


def elsewhere_run(root: Path) -> RunFolder:
    """A case of the hostile run on another machine, where others win and one isn't supported."""
    folder = run_folder.create(root, info("elsewhere", environment=ELSEWHERE))
    on = case(op=HOSTILE[0], shape=HOSTILE[0], axes=(("S", 1000),), inputs=HOSTILE[0])
    for number, name in enumerate(reversed(HOSTILE[1:]), start=1):
        folder.append(record(name, measured(1e-6 * number, noise=0.002), on))
    folder.append(record(HOSTILE[0], Unsupported(f"no {HOSTILE[0]} here"), on))
    return folder


def move(folder: RunFolder, environment: Environment) -> None:
    """Let a run have been made in another environment."""
    text = run_folder.codec.dumps(replace(folder.info, environment=environment))
    (folder.path / "run.json").write_text(text, encoding="utf-8")


def write_trace(path: Path, names=("aten::add",), *, calls=3) -> Path:
    """A trace as the profiler writes it: calls in which operators with these names follow."""
    events: list[dict] = [{"ph": "M", "name": "process_name", "args": {"name": "python"}}]
    for call in range(calls):
        start = 1e6 + 1000.0 * call
        events.append(span(f"call#{call}", start, 900.0, kind="user_annotation"))
        for number, name in enumerate(names):
            begin = start + 100.0 * number
            events.append(span(name, begin, 90.0))
            events.append(span(f"{name} inside", begin + 10, 50.0))
            events.append(memory(begin + 20, 4096))
            events.append(memory(begin + 80, -1024))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"traceEvents": events}), encoding="utf-8")
    return path


def span(name, start, length, *, kind="cpu_op", thread=1) -> dict:
    """An operator at work."""
    return {
        "ph": "X",
        "cat": kind,
        "name": name,
        "pid": 7,
        "tid": thread,
        "ts": start,
        "dur": length,
    }


def memory(time, size, *, device=0) -> dict:
    """An allocation."""
    details = {"Bytes": size, "Device Type": device}
    return {"ph": "i", "cat": "cpu_instant_event", "name": "[memory]", "ts": time, "args": details}


def _copy():
    return replace(profile().operators[1], name="aten::copy_")
