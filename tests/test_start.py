"""Whatever keeps the command from starting never looks like a regression."""

import subprocess
import sys

import pytest

from opbench.__main__ import main

COMMAND = "opbench.harness.cli.app"


class Raising:
    """Finds the command's own module, as it were, and raises while it is imported."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name == COMMAND:
            raise self.error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ImportError("not argparse"), 70, "opbench cannot start: not argparse ("),
        (RuntimeError("mine"), 70, "opbench cannot start: RuntimeError: mine ("),
        (SyntaxError("invalid syntax"), 70, "opbench cannot start: SyntaxError: invalid syntax ("),
        (SystemExit(1), 70, "opbench cannot start: SystemExit: 1 ("),
        (KeyboardInterrupt(), 130, "opbench: interrupted; nothing was recorded"),
    ],
)
def test_errors_while_it_is_imported(monkeypatch, capsys, error, code, message):
    """A module of the project may be called as one that the command needs."""
    monkeypatch.delitem(sys.modules, COMMAND, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Raising(error), *sys.meta_path])
    assert main() == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
    assert code == 130 or f"{__file__}, line " in line


def test_the_command_starts_without_what_takes_long_to_import():
    heavy = {"torch", "numpy", "pandas", "scipy", "rich", "fsspec", "tensorboard"}
    code = f"import opbench.harness.cli.app, sys; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
