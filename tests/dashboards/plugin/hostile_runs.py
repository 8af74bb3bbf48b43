"""Run folders as nobody's opbench writes them: names that attack a page, files that lead out."""

from __future__ import annotations

import os
from pathlib import Path

from opbench.results.records import SCHEMA, Environment, Unsupported
from opbench.results.records.run_folder import RunFolder
from tests.dashboards.plugin.stock import move
from tests.results.examples import case, make_run, measured, profile, record

#: What runs in a page that takes a name for HTML.
SCRIPT = '<img src=x onerror="top.attacked=true;window.attacked=true">'
NAMES = (
    SCRIPT,
    "<script>window.attacked = true</script>",
    "javascript:window.attacked=true",
    "../../../../etc/passwd",
    "a\"b'c`${1}&amp;%{x}",
    "x" * 300,
    "\u202eright-to-left \u05d0\u05d1",
    "line\nbreak\tand \x00 control",
    "__proto__",
    "constructor",
)
#: What must never be sent: it stands in a file outside of the log directory.
SECRET = "the content of a file outside of the log directory"


def make_hostile_runs(root: Path) -> Path:
    """A log directory below `root`, full of them; beside it lies what they lead to."""
    outside, logs = root / "outside", root / "logs"
    outside.mkdir()
    logs.mkdir()
    make_run(outside, SECRET)
    (outside / "secret").write_text(f"{SECRET}\n")
    _named(logs)
    _linked(logs, outside)
    _damaged(logs)
    return logs


def _named(logs: Path) -> None:
    """A run whose every name is an attack, its own as well."""
    make_run(logs, "elsewhere")
    move(RunFolder(logs / "elsewhere"), Environment(SCRIPT, tuple((name, name) for name in NAMES)))
    folder = make_run(logs, "names").path.rename(logs / SCRIPT.replace("/", ""))
    run = RunFolder(folder)
    for number, name in enumerate(NAMES):
        on = case(name, name, inputs=name, axes=((name, number), ("text", name)))
        caveats = ((name, name),)
        run.append(
            record(name, measured(1e-4 * (number + 1)), on, caveats=caveats, output=name),
            record(f"other {name}", measured(2e-4 * (number + 1), seed=1), on),
            record(f"lacking {name}", Unsupported(name), on),
            profile(name, on),
        )


def _linked(logs: Path, outside: Path) -> None:
    """Runs that lead out: by their folder, their head and their records."""
    (logs / "linked").symlink_to(outside / SECRET)
    head = make_run(logs, "linked-head").path / "run.json"
    head.unlink()
    head.symlink_to(outside / "secret")
    records = make_run(logs, "linked-records").path / "records.jsonl"
    records.unlink()
    records.symlink_to(outside / SECRET / "records.jsonl")
    traces = make_run(logs, "linked-traces").path / "traces"
    traces.symlink_to(outside)


def _damaged(logs: Path) -> None:
    """Runs that can't be read, or only in part."""
    future = make_run(logs, "future").path / "run.json"
    future.write_text(future.read_text().replace(f'"schema":{SCHEMA}', '"schema":99'))
    (make_run(logs, "binary").path / "run.json").write_bytes(os.urandom(4096))
    (make_run(logs, "empty").path / "run.json").write_text("")
    cut = make_run(logs, "truncated").path / "records.jsonl"
    os.truncate(cut, cut.stat().st_size - 100)
    garbage = make_run(logs, "garbage").path / "records.jsonl"
    garbage.write_bytes(b"\xff\xfe{[\n" * 50 + garbage.read_bytes() + b'{"type":"Record"}\n')
    huge = make_run(logs, "huge").path / "records.jsonl"
    os.truncate(huge, 5_000_000_000)
    pipe = make_run(logs, "pipe").path / "records.jsonl"
    pipe.unlink()
    os.mkfifo(pipe)
    directory = make_run(logs, "directory").path / "run.json"
    directory.unlink()
    directory.mkdir()
    deep = make_run(logs, "deep").path / "records.jsonl"
    deep.write_text("[" * 100_000 + "\n")
