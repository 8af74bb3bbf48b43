"""The page's modules by a linter, as `make check` runs it: what it has to find is found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

LINTER = Path(sys.executable).with_name("oxlint")

pytestmark = pytest.mark.skipif(not LINTER.exists(), reason="oxlint isn't installed: [dev]")


def lint(folder):
    """What it says of the modules in a folder, by the project's rules."""
    command = (LINTER, "--deny-warnings", "--config", ROOT / ".oxlintrc.json", folder)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export const a = nowhere + 1;", "'nowhere' is not defined"),
        ("const left = 1;", "'left' is declared but never used"),
        ('import { gone } from "./dom.js";\nexport const a = gone;', "gone"),
        ("export const read = (place, text) => { place.innerHTML = text; };", "innerHTML"),
        ("export const a = (", "Expected"),
    ],
)
def test_faults_of_modules_are_found(tmp_path, text, message):
    shutil.copy(ROOT / "dashboards/plugin/static/dom.js", tmp_path)
    assert lint(tmp_path)[0] == 0
    (tmp_path / "faulty.js").write_text(text)
    status, said = lint(tmp_path)
    assert status != 0
    assert message in said
