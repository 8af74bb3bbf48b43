"""Packages that others wrote, for tests."""

import subprocess
import sys
from pathlib import Path


def install(folder: Path, source: str) -> Path:
    """Install `source` as a package of suites into an environment of its own, below `folder`.

    Returns the environment's Python, which has all that this one has.
    """
    package = folder / "package"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "their-ops"\nversion = "1"\n'
        '[project.entry-points."opbench.suites"]\ntheirs = "their_ops"\n'
        '[tool.setuptools]\npy-modules = ["their_ops"]\n'
    )
    (package / "their_ops.py").write_text(source)
    python = environment(folder)
    site = next((folder / "env").glob("lib/python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(site), str(package)], check=True)
    return python


def environment(folder: Path) -> Path:
    """The Python of a new environment, `folder`/env, which has all that this one has."""
    made = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    site = next(made.glob("lib/python*/site-packages"))
    (site / "outer.pth").write_text("\n".join(p for p in sys.path if p) + "\n")
    return made / "bin" / "python"
