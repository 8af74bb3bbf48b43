"""What is selected of a catalogue, and the races that come of it, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import Op
from opbench.harness.machine.device_names import ensure_devices
from opbench.results.errors import SelectionError
from opbench.results.records import Case, Direction

DIRECTIONS: tuple[Direction, ...] = ("forward", "backward", "both")


GRIDS = ("quick", "full")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for. Empty tuples mean what each op declares as its usual choice.

    names: ops or suites, all where empty. expression: as pytest's -k, over the case and the
    contender. boards: those that an op has, of these. threads: 0 means every core that this
    process may use. Raises SelectionError where a device is none, on this machine or another.
    """

    names: tuple[str, ...] = ()
    expression: str = ""
    impls: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    dtypes: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ("forward",)
    inputs: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ("contiguous",)
    grid: str = "quick"
    cache: str = "warm"
    boards: tuple[str, ...] = BOARDS
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        ensure_devices(self.devices)


@dataclass(frozen=True, slots=True)
class Race:
    """A case, and the contenders that meet on it."""

    case: Case
    #: Their names, in the order of the catalogue.
    contenders: tuple[str, ...]

    def only(self, contenders: Iterable[str]) -> Race:
        """The same race with these contenders alone."""
        return replace(self, contenders=tuple(contenders))


def filter_contenders(races: Iterable[Race], keep: Callable[[Race, str], bool]) -> Iterator[Race]:
    """The races with the contenders that `keep` is true of; races left without any are dropped."""
    for race in races:
        names = [name for name in race.contenders if keep(race, name)]
        if names:
            yield race.only(names)


def selected_ops(catalog: Catalog, names: tuple[str, ...]) -> tuple[Op, ...]:
    """The ops that `names` (of ops or suites) stand for, all of them where empty."""
    chosen: dict[str, Op] = {}
    for name in names or tuple(catalog.ops):
        members = (name,) if name in catalog.ops else catalog.suites.get(name)
        if members is None:
            known = (*catalog.ops, *catalog.suites)
            raise SelectionError(
                f"there is no op or suite named {name!r}{near(name, known)}; suites: "
                f"{listed(catalog.suites)}; ops: {listed(catalog.ops, more='opbench list')}"
            )
        chosen |= {member: catalog.ops[member] for member in members}
    return tuple(chosen.values())


def ensure_known(names: tuple[str, ...], known: set[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise SelectionError(
                f"none of the ops has {what} {name!r}{near(name, known)}; they have {listed(known)}"
            )
