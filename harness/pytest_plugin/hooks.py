"""The pytest plugin: the contenders of ops as pytest-benchmark items, without code of the user's.

It is active in every pytest of an environment that opbench is installed in. It imports nothing
until one of its options is given, and these all begin with --opbench.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_benchmark.stats import Metadata


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the selection options of the command that make sense here; -k is pytest's own."""
    add = parser.getgroup("opbench", "contenders of ops as benchmarks").addoption
    add(
        "--opbench",
        action="store_true",
        help="collect every op, case and contender of the installed suites, and no tests; where "
        "files are given, those that they declare",
    )
    add("--opbench-grid", default="quick", metavar="GRID", help="quick (default) or full")
    add(
        "--opbench-pass",
        default="forward",
        metavar="PASS",
        help="forward (default), backward or both",
    )
    add("--opbench-device", default="cpu", metavar="DEVICE", help="to time on (default: cpu)")
    add("--opbench-dtype", default="", metavar="DTYPE", help="default: each op's first")
    add("--opbench-threads", type=int, default=0, metavar="N", help="default: every core")
    add(
        "--opbench-load",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module or a .py file with more ops or contenders; may be repeated",
    )
    parser.addini(
        "opbench_files",
        type="args",
        default=[],
        help="globs of files whose ops and contenders are collected, without --opbench too",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Collect nothing else if the whole catalogue is requested."""
    if _is_everything(config):
        config.args = []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file that was named with --opbench, or that the project's `opbench_files` match."""
    if not _declares(file_path, parent):
        return None
    from opbench.harness.pytest_plugin.collectors import Declarations

    return Declarations.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Add the catalogue, or the ops of --opbench-load, to what was collected from files."""
    report = yield
    config = collector.config
    loaded = _is_everything(config) or config.getoption("opbench_load")
    if isinstance(collector, pytest.Session) and report.result is not None and loaded:
        from opbench.harness.pytest_plugin.collectors import Catalogue

        report.result.append(Catalogue.of(collector, everything=_is_everything(config)))
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: Sequence[Metadata], output_json: dict[str, Any]
) -> None:
    """Add the head of a run, for `opbench import`, to the benchmarks."""
    from opbench.results.formats.pytest_benchmark_items import OWN, own

    if any(OWN in benchmark.extra_info for benchmark in benchmarks):
        from opbench.harness.pytest_plugin.items import head

        info = head(output_json["datetime"], config.invocation_params.args)
        output_json[OWN] = own(run=info)


def _is_everything(config: pytest.Config) -> bool:
    """Whether --opbench was given and no path."""
    return bool(config.getoption("opbench")) and config.args_source is not config.ArgsSource.ARGS


def _declares(path: Path, parent: pytest.Collector) -> bool:
    """Whether a file is collected: by its path with --opbench, or by `opbench_files`."""
    if path.suffix != ".py":
        return False
    if parent.config.getoption("opbench") and parent.session.isinitpath(path):
        return True
    return any(path.match(pattern) for pattern in parent.config.getini("opbench_files"))
