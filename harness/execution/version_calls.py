"""Contenders of loaded versions of a project, each bound to its inputs as a timed call.

What both ways of timing two versions share: as twins (`race_twins`), or block by block in a process
for each (`time_blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from opbench.harness.correctness import oracle
from opbench.harness.declare import Impl, Op
from opbench.harness.execution import process_state
from opbench.harness.execution.monitor import UnseenInputs
from opbench.harness.execution.ready import Ready, interpreted, make_ready, reference_of
from opbench.harness.machine.device import ensure_device
from opbench.harness.outcomes import catch
from opbench.harness.preparation import timed_call
from opbench.harness.preparation.inputs import Inputs, build
from opbench.harness.preparation.output_modes import as_tuple, function_in_mode
from opbench.harness.preparation.resolve import ensure_supported, resolve
from opbench.harness.timing import interleaving
from opbench.harness.timing.blocks import Call
from opbench.harness.versions.loaded import LoadedVersion, LoadedVersions
from opbench.harness.versions.patches import patches
from opbench.harness.versions.registrations import Registered, by_versions
from opbench.harness.versions.sources import Version
from opbench.results.errors import VersionError
from opbench.results.records import Case, Failed, Outcome, SideName

#: A case's reference and unseen inputs; or its op and inputs, if nothing is to be checked.
Workload = UnseenInputs | tuple[Op, Inputs]


@dataclass(frozen=True, slots=True)
class BoundCall:
    """A contender's call, ready to be timed."""

    call: Call
    #: The outcome of the contender if its answers are wrong by now; None if they aren't.
    recheck: Callable[[], interleaving.Excluded | None]


def load_versions(
    loaded: LoadedVersions, versions: Mapping[SideName, Version], modules: tuple[str, ...]
) -> dict[SideName, LoadedVersion]:
    """Load the version of every side.

    modules: of the harness, loaded with each of them. Raises VersionError if one doesn't load, or
    changes what they share.
    """
    before, known = process_state.read(), Registered.now()
    sides = {side: loaded.load(version, modules) for side, version in versions.items()}
    loaded.deactivate()
    if len(versions) > 1:
        changed = process_state.restore(before)
        if changed:
            raise VersionError(f"loading it changes {'; '.join(changed)}, for both versions")
        own = {name for version in sides.values() for name in version.modules}
        for name in patches(own):
            raise VersionError(f"both versions have what is theirs in {name}, which they share")
        names = by_versions(known, Registered.now(), loaded.trees)
        if names:
            raise VersionError(f"both versions register {names[0]} with torch under one name")
    return sides


def workload_of(version: LoadedVersion, case: Case, checked: bool) -> Workload:
    """The reference of a case, or its inputs alone if nothing is to be checked."""
    if checked:
        return UnseenInputs(reference_of(version.catalog, case))
    ensure_device(case.device)
    op = version.catalog.op(case.op)
    return op, build(op, case)


def bind(workload: Workload, contender: Impl, case: Case) -> BoundCall | Outcome:
    """The timed call of a contender, which is checked first where there is a reference."""
    if isinstance(workload, UnseenInputs):
        ready = make_ready(workload.reference, contender)
        if not isinstance(ready, Ready):
            return ready
        return BoundCall(ready.call, partial(workload.recheck, ready.function, ready.timed))
    refusal = interpreted(contender)
    if refusal is not None:
        return refusal
    return catch("prepare", partial(_unchecked, *workload, contender, case))


def _unchecked(op: Op, given: Inputs, contender: Impl, case: Case) -> BoundCall:
    """Prepare a contender without checking it, and bind its call.

    The upstream gradients of a backward pass have the shapes of its own outputs. Raises what the
    contender raises.
    """
    ensure_supported(op, contender, given.values, case)
    function: Callable[..., Any] = function_in_mode(op, contender, resolve(contender), case.board)
    outputs = as_tuple(function(*given.args, **given.options))
    upstream = oracle.upstream_of(op, outputs, dtype=case.dtype, seed=case.seed)
    timed = timed_call.bind(
        function, given, direction=case.direction, grad=op.grad, upstream=upstream
    )
    return BoundCall(timed.call, _unchecked_again)


def _unchecked_again() -> None:
    """Give no outcome: what was never checked isn't checked again."""


def mixed_refusal(loaded: LoadedVersions, version: LoadedVersion) -> Failed | None:
    """The refusal of a version that has by now imported modules of another; None if it hasn't."""
    loaded.activate(version)
    try:
        loaded.ensure_own(version)
    except VersionError as error:
        return Failed("prepare", str(error), cause="mixed")
    return None
