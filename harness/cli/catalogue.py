"""The catalogue of the verbs: what is installed, and the modules that --load names."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog


def load_catalog(modules: tuple[str, ...]) -> Catalog:
    """Load the installed suites and the modules, and stay in the working directory.

    modules: as given by --load. Raises DeclarationError if something declared doesn't fit.
    """
    from opbench.harness.catalog import load

    if not modules:
        return load()
    # The command writes where it was called, whatever directory a module changes to.
    with contextlib.chdir("."):
        return load(*modules)
