"""A case: one op on given inputs, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AxisValue = int | float | str | bool
#: The pass that is timed; "" where another program timed the op and doesn't say.
Direction = Literal["forward", "backward", "both", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One situation in which the contenders of an op meet.

    Inputs are drawn from a generator that is seeded by the case, so that any process can rebuild
    them from its fields. A case of another program lacks what that doesn't record: those fields are
    "".
    """

    op: str
    #: The name of the shape.
    shape: str
    #: The sizes and options that the shape stands for, by name.
    axes: tuple[tuple[str, AxisValue], ...]
    #: The input kind: how values are drawn.
    inputs: str
    dtype: str = "float32"
    device: str = "cpu"
    #: How tensors lie in memory: "contiguous", "transposed", "sliced", …
    layout: str = "contiguous"
    #: The pass.
    direction: Direction = "forward"
    #: The state of the caches before a call: "warm" or "cold".
    cache: str = "warm"
    threads: int = 1
    #: Of the generator that draws the inputs.
    seed: int = 0
    #: The output mode.
    board: str = "compute"

    @property
    def sizes(self) -> str:
        """The axes for people: "B=8 S=1024"."""
        return " ".join(f"{name}={value}" for name, value in self.axes)

    @property
    def key(self) -> str:
        """Identifies the case within a run, and across runs.

        "patch_pooling/tiny(B=2)/normal/contiguous/float32/cpu/forward/warm/t1/s0", say.
        """
        axes = ",".join(f"{name}={value}" for name, value in self.axes)
        return (
            f"{self.op}/{self.shape}({axes})/{self.inputs}/{self.layout}/{self.dtype}/"
            f"{self.device}/{self.direction}/{self.cache}/t{self.threads}/s{self.seed}"
            # Left out where it says nothing, as in the keys of runs before there were output modes.
            + ("" if self.board == "compute" else f"/{self.board}")
        )

    @property
    def label(self) -> str:
        """Short name for tables and charts: the fields in which cases of one op differ.

        "tiny normal float32 forward", say; fields at their defaults are left out.
        """
        defaults = (
            *(("layout", "contiguous"), ("cache", "warm"), ("device", "cpu")),
            ("board", "compute"),
        )
        rest = [getattr(self, name) for name, value in defaults if getattr(self, name) != value]
        # A case that another program timed may lack the dtype, the pass or the device.
        parts = (self.shape, self.inputs, self.dtype, self.direction, *rest)
        return " ".join(part for part in parts if part)
