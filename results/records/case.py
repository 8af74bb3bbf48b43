"""A case: which op, on what, how."""

from __future__ import annotations

from dataclasses import dataclass

AxisValue = int | float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One situation in which the contenders of an op meet."""

    op: str
    shape: str
    axes: tuple[tuple[str, AxisValue], ...]
    inputs: str
    dtype: str = "float32"
    device: str = "cpu"
    layout: str = "contiguous"
    direction: str = "forward"
    cache: str = "warm"
    threads: int = 1
    seed: int = 0
    board: str = "compute"

    @property
    def sizes(self) -> str:
        """The axes for people: "B=8 S=1024"."""
        return " ".join(f"{name}={value}" for name, value in self.axes)

    @property
    def key(self) -> str:
        """Identifies the case within a run, and across runs."""
        axes = ",".join(f"{name}={value}" for name, value in self.axes)
        return (
            f"{self.op}/{self.shape}({axes})/{self.inputs}/{self.layout}/{self.dtype}/"
            f"{self.device}/{self.direction}/{self.cache}/t{self.threads}/s{self.seed}"
            # Left out where it says nothing, as in the keys of runs that knew no boards.
            + ("" if self.board == "compute" else f"/{self.board}")
        )

    @property
    def label(self) -> str:
        """Short name for tables and charts: what differs between the cases of one op."""
        usual = (
            *(("layout", "contiguous"), ("cache", "warm"), ("device", "cpu")),
            ("board", "compute"),
        )
        rest = [getattr(self, name) for name, value in usual if getattr(self, name) != value]
        # What was timed by another program may lack the dtype, the pass or the device.
        parts = (self.shape, self.inputs, self.dtype, self.direction, *rest)
        return " ".join(part for part in parts if part)
