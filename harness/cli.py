"""The command `opbench`: one handler per verb, importing what it needs when it runs.

Only this module prints and exits. Tables go to standard output, progress and errors to standard
error.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import options
from harness.exits import Exit, code_of, of_boards, of_outcomes, of_verdicts, worst
from harness.lazy import import_lazily
from harness.terminal import draw, progress
from results.errors import OpbenchError

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.planning import Race
    from harness.supervisor import Supervisor
    from results.store import RunFolder


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = options.parser().parse_args(argv)
    try:
        return int(_HANDLERS[words.verb](words))
    except OpbenchError as error:
        print(f"opbench {words.verb}: {error}", file=sys.stderr)
        return Exit.USAGE
    except KeyboardInterrupt:
        print(
            f"opbench {words.verb}: interrupted; a run goes on with `opbench run --resume RUN`",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough (`opbench show | head`).
        sys.stdout = None
        return Exit.OK


def _list(words: argparse.Namespace) -> Exit:
    from harness.listing import LISTS

    import_lazily("torch")
    catalog = _load(words)
    if words.markdown:
        from harness.pages import write_pages

        for path in write_pages(catalog, options.selection(words).names, Path(words.markdown)):
            print(f"wrote {path}")
        return Exit.OK
    columns, rows = LISTS[words.what](catalog, options.selection(words))
    if words.json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        from results.table import Table

        draw([Table(words.what, columns, tuple(rows))])
    return Exit.OK


def _check(words: argparse.Namespace) -> Exit:
    from harness.checking import check
    from harness.planning import plan_checks
    from harness.verdicts import problems, tables

    with _supervisors(words, words.jobs) as supervisors:
        catalog = _load(words)
        races = plan_checks(catalog, options.selection(words))
        with progress(races, quiet=words.json) as reporter:
            report = check(catalog, races, supervisors=supervisors, reporter=reporter)
    if words.json:
        _print_json([_plain(checked) for checked in report.checked])
    else:
        draw(tables(report, pairs=words.pairs))
        print(*problems(report.checked), sep="\n")
    return of_verdicts(c.verdict for c in report.checked if not c.admitted)


def _run(words: argparse.Namespace) -> Exit:
    from harness.pipeline import run
    from harness.planning import plan
    from harness.policy import Policy
    from results.leaderboard import boards_of
    from results.store import open_run
    from results.table import leaderboard_table

    if words.resume:
        options.recall(words, open_run(words.resume).info.settings)
    with _supervised(words) as supervisor:
        catalog = _load(words)
        races = plan(catalog, options.selection(words))
        folder = open_run(words.resume) if words.resume else _create(words, supervisor)
        _set_up(folder, races)
        policy = Policy(folder.info.rules, budget_s=words.budget)
        with progress(races, quiet=words.json) as reporter:
            records = run(
                catalog,
                races,
                folder,
                policy=policy,
                processes=words.processes,
                supervisor=supervisor,
                reporter=reporter,
            )
    found = boards_of(folder)
    if words.json:
        _print_json({"run": str(folder.path), "boards": [_plain(board) for board in found]})
    else:
        draw(leaderboard_table(board) for board in found)
        print(f"\nrun: {folder.path}   dashboard: opbench dashboard {folder.path}")
    code = of_outcomes(record.outcome for record in records)
    asked = words.precision is not None
    return worst((code, of_boards(found, folder.info.rules))) if asked else code


def _profile(words: argparse.Namespace) -> Exit:
    from harness.pipeline import profile
    from harness.planning import plan
    from results.record import Measured, Profile, Record
    from results.store import open_run
    from results.table import format_bytes, operators_table

    with _supervised(words) as supervisor:
        catalog = _load(words)
        races = plan(catalog, options.selection(words))
        folder = open_run(words.run) if words.run else _create(words, supervisor)
        with progress(races, quiet=words.json) as reporter:
            found = profile(catalog, races, folder, supervisor=supervisor, reporter=reporter)
    profiles = [item for item in found if isinstance(item, Profile)]
    refused = [item for item in found if isinstance(item, Record)]
    if words.json:
        _print_json({"run": str(folder.path), "profiles": [_plain(p) for p in profiles]})
    else:
        for item in profiles:
            table = operators_table(item)
            draw([dataclasses.replace(table, rows=table.rows[: words.top])])
            print(f"peak memory per call: {format_bytes(item.peak_bytes)}   trace: {item.trace}\n")
        for record in refused:
            assert not isinstance(record.outcome, Measured)
            print(f"{record.contender}: {record.outcome.reason}")
        print(f"run: {folder.path}")
    if not profiles:
        return Exit.NOTHING
    return worst((Exit.OK, *(code_of(record.outcome) for record in refused)))


def _calibrate(words: argparse.Namespace) -> Exit:
    from harness.ceilings import measure
    from harness.environment import describe
    from results.ceilings import save
    from results.table import ceilings_table

    key = describe().key
    threads = words.threads or len(os.sched_getaffinity(0))
    for device in words.device.split(",") if words.device else ("cpu",):
        measured = measure(
            device=device, threads=threads, budget_s=words.seconds, environment_key=key
        )
        kept = save(measured, fresh=words.fresh)
        if words.json:
            _print_json(_plain(kept))
        else:
            draw(ceilings_table(kept))
    return Exit.OK


def _show(words: argparse.Namespace) -> Exit:
    from harness.planning import matches
    from results.leaderboard import boards_of
    from results.table import leaderboard_table, operators_table

    folder = _recorded(words)
    found = [
        board
        for board in boards_of(folder)
        if (not words.names or board.case.op in words.names)
        and matches(words.expression, board.case.key)
    ]
    if words.json:
        _print_json({"run": str(folder.path), "boards": [_plain(board) for board in found]})
    else:
        draw(leaderboard_table(board) for board in found)
        draw(operators_table(item) for item in folder.profiles())
        for job in folder.unfinished():
            print(f"unfinished: {job.contender} on {job.case.op} {job.case.label}")
    return of_outcomes(r.outcome for r in folder.records())


def _publish(words: argparse.Namespace) -> Exit:
    from dashboards.publish import publish

    folder = _recorded(words)
    publish(folder)
    print(f"published {folder.tensorboard}   look at it: opbench dashboard {folder.path}")
    return Exit.OK


def _dashboard(words: argparse.Namespace) -> Exit:
    from dashboards.serve import serve

    folder = _recorded(words)
    with serve(folder.path, host=words.host, port=words.port) as server:
        print(f"TensorBoard: {server.page('hparams')}\nCtrl-C ends it", flush=True)
        server.wait()
    return Exit.OK


def _export(words: argparse.Namespace) -> Exit:
    from results.formats import FORMATS

    folder = _recorded(words)
    FORMATS[words.format](folder.path, Path(words.output), by=words.by)
    print(f"wrote {words.output}")
    return Exit.OK


_HANDLERS = {
    "list": _list,
    "check": _check,
    "run": _run,
    "profile": _profile,
    "calibrate": _calibrate,
    "show": _show,
    "publish": _publish,
    "dashboard": _dashboard,
    "export": _export,
}


def _load(words: argparse.Namespace) -> Catalog:
    from harness.catalog import load

    return load(*words.load)


def _recorded(words: argparse.Namespace) -> RunFolder:
    from results.store import latest, open_run

    return open_run(words.run) if words.run else latest(Path("runs"))


@contextmanager
def _supervised(words: argparse.Namespace) -> Iterator[Supervisor | None]:
    """The supervisor of the processes that contenders run in; None where they run in this one."""
    with _supervisors(words, 1) as supervisors:
        yield supervisors[0] if supervisors else None


@contextmanager
def _supervisors(words: argparse.Namespace, number: int) -> Iterator[Sequence[Supervisor]]:
    """Supervisors for work that is done side by side; none where all is done in this process."""
    if words.in_process:
        from harness.worker import hush

        hush()
        yield ()
        return
    from harness.supervisor import Limits, Supervisor, usual_memory

    # This process plans and records; only its workers wait for torch.
    import_lazily("torch")
    limits = Limits(words.timeout, words.memory_limit or usual_memory() // number)
    with ExitStack() as stack:
        modules = tuple(words.load)
        yield [stack.enter_context(Supervisor(modules, limits=limits)) for _ in range(number)]


def _create(words: argparse.Namespace, supervisor: Supervisor | None) -> RunFolder:
    from datetime import datetime

    from harness.conditions import warnings
    from results.record import RunInfo
    from results.store import create

    now = datetime.now().astimezone()
    seen = warnings(threads=words.threads or len(os.sched_getaffinity(0)))
    for warning in seen:
        print(f"opbench {words.verb}: warning: {warning}", file=sys.stderr)
    if supervisor is None:
        from harness.environment import describe

        environment = describe()
    else:
        environment = supervisor.environment()
    info = RunInfo(
        words.id or now.strftime("%Y%m%d-%H%M%S-%f"),
        now.isoformat(),
        ("opbench", *sys.argv[1:]),
        environment,
        settings=options.remember(words),
        rules=options.rules(words),
        warnings=seen,
    )
    return create(Path(words.out), info)


def _set_up(folder: RunFolder, races: Sequence[Race]) -> None:
    """Put the machine's ceilings into the run, where they are known."""
    from results.ceilings import find

    key = folder.info.environment.key
    there = {(c.device, c.threads) for c in folder.ceilings()}
    wanted = dict.fromkeys((race.case.device, race.case.threads) for race in races)
    for device, threads in wanted:
        if (device, threads) in there:
            continue
        known = find(key, device, threads=threads)
        if known is not None:
            folder.append(known)
            continue
        words = f"--device {device} --threads {threads}"
        print(
            f"opbench run: the ceilings of this machine are not known; measure them once with "
            f"`opbench calibrate --ceilings {words}`",
            file=sys.stderr,
        )


def _plain(value: object) -> Any:
    from results.codec import dumps

    assert dataclasses.is_dataclass(value)
    return json.loads(dumps(value))


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


if __name__ == "__main__":
    sys.exit(main())
