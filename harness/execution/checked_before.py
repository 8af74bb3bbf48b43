"""Which of opbench's own contenders were found right on the small cases before.

They aren't checked there again until something changes that the answer may depend on: a source of
opbench, the environment, a package that contenders use, a variable that torch's libraries read.
Of other people's contenders nobody knows what they depend on: nothing is remembered of them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from opbench.harness.catalog import Catalog
from opbench.harness.execution.process_state import COMPILERS_OWN
from opbench.harness.machine.environment import describe
from opbench.harness.planning.selection import Race
from opbench.harness.versions import own_packages
from opbench.results.records.machine_cache import default_root

#: Packages that contenders use, beside torch.
_PACKAGES = ("einops", "numpy", "triton")
#: How the names of variables begin that change what an operator computes, or with which code.
_VARIABLES = (
    *("ATEN_", "CPATH", "CUBLAS", "CUDA", "CXX", "DNNL_", "GOMP_", "KMP_", "LD_", "MKL_"),
    *("NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTORCH_", "TORCH", "TRITON_"),
)
_SOURCES = (".py", ".cpp", ".h")
#: Days after which what was remembered in other circumstances is forgotten.
_DAYS = 30


def right_before(catalog: Catalog, race: Race) -> tuple[str, ...]:
    """The contenders of a race that were right on the small cases of its op, device and seed."""
    folder = _folder()
    return tuple(
        name
        for name in race.contenders
        if is_remembered(catalog, race.case.op, name) and (folder / _mark(race, name)).exists()
    )


def remember(catalog: Catalog, race: Race, names: Iterable[str]) -> None:
    """Note that contenders are right; where that can't be written they are checked again."""
    folder = _folder()
    marks = [_mark(race, n) for n in names if is_remembered(catalog, race.case.op, n)]
    with contextlib.suppress(OSError):
        if marks and not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _forget_others(folder)
        for mark in marks:
            (folder / mark).touch()


def is_remembered(catalog: Catalog, op: str, name: str) -> bool:
    """Whether both a contender and its op are opbench's own, and their functions are."""
    contender = catalog.impl(op, name)
    functions = (contender.function, catalog.op(op).oracle)
    modules = (contender.module, *(getattr(one, "__module__", "") for one in functions))
    return all(map(own_packages.is_own, modules))


def _mark(race: Race, name: str) -> str:
    """The name of the file that stands for a contender which is right."""
    case = race.case
    return f"{case.op}.{name}.{case.device.replace(':', '-')}.{case.seed}"


def _forget_others(folder: Path) -> None:
    """Delete what was remembered in circumstances that haven't been met for long."""
    for other in folder.parent.iterdir():
        if other != folder and time.time() - other.stat().st_mtime > _DAYS * 86400:
            shutil.rmtree(other, ignore_errors=True)


@functools.cache
def _sources() -> str:
    """A hash of all sources of opbench."""
    digest, root = hashlib.sha256(), own_packages.folder()
    # In a checkout the parts of the package are links.
    for folder, _, files in sorted(os.walk(root, followlinks=True)):
        for path in (Path(folder, name) for name in sorted(files)):
            if path.suffix in _SOURCES:
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _folder() -> Path:
    """Where it is remembered what was right in the present circumstances."""
    circumstances = {
        "sources": _sources(),
        "environment": describe().key,
        "packages": {name: _version(name) for name in _PACKAGES},
        "variables": _variables(),
    }
    digest = hashlib.sha256(json.dumps(circumstances).encode()).hexdigest()
    return default_root() / "checked" / digest[:16]


def _variables() -> dict[str, str]:
    """The variables that may matter, but for those that torch's compilers set themselves."""
    names = (name for name in sorted(os.environ) if name not in COMPILERS_OWN)
    return {name: os.environ[name] for name in names if name.startswith(_VARIABLES)}


def _version(package: str) -> str:
    """The version of a package; "" where it isn't installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
