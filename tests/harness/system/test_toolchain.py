"""Where this machine can't compile, a contender is unsupported; what it compiles badly, failed."""

import os
import subprocess
import sys

import pytest

from opbench.harness.system.toolchain import missing_toolchain

#: A process that compiles a function as a contender is prepared, and prints what becomes of it.
PROGRAM = """\
import torch
from opbench.harness.outcomes import catch
outcome = catch("prepare", lambda: torch.compile(lambda x: x.sin() + 2 * x)(torch.ones(64)))
print(type(outcome).__name__, getattr(outcome, "reason", ""))
"""


def script(folder, name, body):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "lack", ["no such compiler", "one that fails", "one that is killed", "no folder", "no path"]
)
def test_torch_compile_without_a_compiler_is_unsupported(tmp_path, lack):
    dies = (
        'case "$*" in *--version*) exec /usr/bin/env g++ "$@";; esac\n'
        "echo 'x.cpp:1: fatal error: Python.h: No such file or directory' >&2; exit 1"
    )
    changes, reported = {
        "no such compiler": ({"CXX": "no-such-compiler"}, "needs a C++ compiler"),
        "one that fails": ({"CXX": script(tmp_path, "bad", "exit 1")}, "needs a C++ compiler"),
        "one that is killed": ({"CXX": script(tmp_path, "dies", dies)}, "fatal error: Python.h"),
        "no folder": ({"TORCHINDUCTOR_CACHE_DIR": "/dev/null/x"}, "can't be compiled here"),
        "no path": ({"PATH": str(tmp_path)}, "needs a C++ compiler"),
    }[lack]
    fresh = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**os.environ, **fresh, **changes},
    )
    assert done.stdout.startswith("Unsupported"), done.stdout + done.stderr
    assert reported in done.stdout


class BackendCompilerFailed(RuntimeError):
    """Named as torch's."""


def raised(inner, outer):
    """An exception that another led to."""
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            raised(RuntimeError("Failed to find C compiler. Please"), ValueError("x")),
            "needs a C compiler",
        ),
        (RuntimeError("Ninja is required to load C++ extensions (pip)"), "needs ninja"),
        (OSError("CUDA_HOME environment variable is not set."), "needs the CUDA toolkit"),
        (raised(OSError(30, "Read-only file system"), BackendCompilerFailed("x")), "Read-only"),
        (
            BackendCompilerFailed("C++ compile error\n/usr/bin/ld: cannot find -lgomp\nmore"),
            "can't be compiled here: /usr/bin/ld: cannot find -lgomp",
        ),
        (RuntimeError("torch.compile is not supported on Python 3.99+"), "on Python 3.99"),
    ],
)
def test_reason_names_the_missing_tool(error, reason):
    assert reason in missing_toolchain(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(30, "Read-only file system"),
        FileNotFoundError("weights.pt"),
        RuntimeError("fatal error: of its own"),
        BackendCompilerFailed("C++ compile error\nx.cpp:3: error: 'y' was not declared"),
        ValueError("x"),
    ],
)
def test_other_errors_are_no_missing_toolchain(error):
    assert missing_toolchain(error) is None
