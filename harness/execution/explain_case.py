"""Gather evidence of one contender of a case, pass by pass, in one process.

The contender is prepared and checked as for a race. Each pass is reported when it is done, as the
next may end this process.
"""

from __future__ import annotations

from opbench.harness.catalog import Catalog
from opbench.harness.execution.observer import Observer
from opbench.harness.execution.ready import (
    Ready,
    TaintedError,
    ensure_untainted,
    make_ready,
    settings,
    try_reference,
)
from opbench.harness.explaining import compiled_code, machine_code
from opbench.harness.explaining.passes import Subject, observe
from opbench.harness.planning.selection import Race
from opbench.results.records import EvidencePass


def explain_case(
    catalog: Catalog,
    race: Race,
    *,
    passes: tuple[EvidencePass, ...],
    modules: tuple[str, ...] | None,
    observer: Observer,
) -> None:
    """Report what each pass observed of each contender, or the outcome that keeps it from that.

    modules: that the catalogue was loaded of; None for a version of a project. Raises
    TaintedError after a contender whose leaks can't be undone, or a pass that changed the process.
    """
    libraries = machine_code.mapped()
    with settings(race.case):
        compiled_code.forget()
        reference = try_reference(catalog, race, observer)
        if reference is None:
            return
        for name in race.contenders:
            observer.begin(name, "prepare")
            contender = catalog.impl(race.case.op, name)
            ready = make_ready(reference, contender)
            if not isinstance(ready, Ready):
                observer.done(name, ready)
                ensure_untainted(ready)
                continue
            subject = Subject(
                call=ready.call,
                case=race.case,
                is_compiled=contender.prepare is not None,
                libraries=libraries,
                contender=name,
                modules=modules,
            )
            _observe(subject, passes, observer)


def _observe(subject: Subject, passes: tuple[EvidencePass, ...], observer: Observer) -> None:
    """Report what each pass observed. Raises TaintedError after one that changed the process."""
    for part in passes:
        observer.begin(subject.contender, "profile")
        observed = observe(part, subject)
        observer.done(subject.contender, observed)
        if part == "allocator" and observed.figures:
            raise TaintedError("its allocator keeps memory from now on")
