"""Count the instructions of a call by callgrind, in a process of its own, tens of times as slow.

Nothing of the machine's load shows in the count, and it needs no counters of the processor.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from opbench.harness.versions.git import without_local
from opbench.results.errors import UnsupportedError
from opbench.results.records import Case
from opbench.results.records.codec import dumps

#: To import torch alone takes a minute or two.
_PATIENCE_S = 900.0
_PROGRAM = """
import sys
sys.path[:] = sys.argv[4:]
from opbench.harness.execution import count_instructions
count_instructions.main(sys.argv[1:4])
"""
_TOTAL = re.compile(r"^(?:summary|totals):\s+(\d+)", re.MULTILINE)


def gather(modules: tuple[str, ...], case: Case, contender: str) -> Iterator[tuple[str, float]]:
    """The figure of the instructions of one call.

    modules: that hold the contender. Raises UnsupportedError without valgrind, or where it fails.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise UnsupportedError("not available: no valgrind")
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        command = [
            *(valgrind, "--tool=callgrind", "--collect-atstart=no", "--quiet"),
            f"--callgrind-out-file={counts}",
            *(sys.executable, "-c", _PROGRAM),
            *(dumps(case), contender, "\n".join(modules), *sys.path),
        ]
        yield "simulated_instructions", _counted(command, counts)


def _counted(command: list[str], counts: Path) -> float:
    """The instructions that a command of callgrind writes into a file, per call."""
    environment = {**without_local(os.environ), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnsupportedError(f"not available: valgrind failed: {error}") from error
    # A part is written each time that counting ends.
    parts = sorted(counts.parent.glob("counts*"))
    totals = [int(n) for part in parts for n in _TOTAL.findall(part.read_text())]
    if done.returncode or not totals:
        last = (done.stderr.strip() or f"code {done.returncode}").splitlines()[-1]
        raise UnsupportedError(f"not available: valgrind failed: {last}")
    return float(max(totals))
