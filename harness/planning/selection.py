"""A selection of a catalogue, and the races that it stands for, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from opbench.harness.catalog import Catalog
from opbench.harness.declaration.fields import BOARDS
from opbench.harness.declaration.suggestions import listed, near
from opbench.harness.declare import Op
from opbench.harness.machine.device_names import ensure_devices
from opbench.results.errors import SelectionError
from opbench.results.records import Case, Direction

#: The passes that can be selected.
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward", "both")
#: The sets of shapes that can be timed.
Grid = Literal["quick", "full"]
GRIDS: tuple[Grid, ...] = ("quick", "full")
#: The state of the caches before a call.
CacheState = Literal["warm", "cold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The cases and contenders to be planned.

        Selection(names=("patch_pooling",), dtypes=("bfloat16",), expression="wide and not compile")

    Empty tuples stand for the default of each op.
    Raises SelectionError where a device is none that torch knows.
    """

    #: Ops or suites; all where empty.
    names: tuple[str, ...] = ()
    #: As pytest's -k, matched against the key of the case and the name of the contender.
    expression: str = ""
    #: Contenders; all where empty.
    impls: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    dtypes: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ("forward",)
    #: Input kinds.
    inputs: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ("contiguous",)
    #: "quick", or "full" for the larger set of shapes.
    grid: Grid = "quick"
    #: In place of the grid's, shapes of one's own: "B=4,S=2048", or "wide,S=2048" with the other
    #: axes of a declared one.
    shapes: tuple[str, ...] = ()
    #: Shapes of some ops, each with the op's name: ("patch_pooling", "B=4,S=2048,D=768,P=500").
    recorded: tuple[tuple[str, str], ...] = ()
    #: Axes of these shapes to go over: "S=256..8192".
    sweeps: tuple[str, ...] = ()
    #: "warm", or "cold" for calls that find their inputs in memory.
    cache: CacheState = "warm"
    #: Output modes, of which each op has some.
    boards: tuple[str, ...] = BOARDS
    #: Of a call; 0 stands for all cores that this process may use.
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
    """The ops that `names` (of ops or suites) stand for; all ops where empty.

    Raises SelectionError, with near names, where there is no op or suite of a name.
    """
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
    """Raise SelectionError, with near names, where one of `names` isn't known.

    what: what they are names of, in words.
    """
    for name in names:
        if name not in known:
            raise SelectionError(
                f"none of the ops has {what} {name!r}{near(name, known)}; they have {listed(known)}"
            )
