"""The catalogue of the verbs: what is installed, and the modules that --load names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opbench.harness.catalog import Catalog
    from opbench.harness.planning.selection import Race, Selection


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


def ensure_shapes(catalog: Catalog, selection: Selection, races: Iterable[Race]) -> None:
    """Raise SelectionError where an op refuses a shape that the selection itself gives."""
    from opbench.harness.planning.given_shapes import gives_shapes

    if gives_shapes(selection):
        from opbench.harness.preparation.taken_shapes import ensure_taken

        ensure_taken(catalog.ops, (race.case for race in races))
