"""Declare ops and their contenders: values only, nothing happens when a module is imported.

A module declares an op by binding an `Op`, and a contender by tagging a function with `impl`.
`opbench.load` finds both. Torch is not imported here, so that listing stays quick.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from opbench.harness.declaration.fields import CASE_NAMES, check_impl, check_op
from opbench.harness.declaration.named_arguments import (
    NamedCallable,
    call_named,
    names_of_kind,
    parameter_names,
)
from opbench.harness.declaration.origins import name_of_file, shown
from opbench.results.errors import DeclarationError, UnsupportedError

#: The axes of one named shape: sizes, and values of the op's options (a stride, an order).
Shape = Mapping[str, int | float | str | bool]

#: What the condition of a caveat may name.
CAVEAT_NAMES = CASE_NAMES | {"layout", "machine"}
LAYOUTS = ("contiguous", "transposed", "sliced")

#: Units of rounding that a right answer may be off by, per unit of magnitude summed over.
DEFAULT_TOLERANCE: Mapping[str, float] = {
    "float64": 1e-13,
    "float32": 5e-6,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "int64": 0.0,
}


class Unavailable(UnsupportedError):
    """Raised by a contender's target or preparation that cannot work on this machine."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Compulsory work of one call: each input read once, each output written once."""

    flops: int
    bytes: int

    @staticmethod
    def of_pass(forward: Cost, backward: Cost, direction: str) -> Cost:
        """The cost of the pass that is timed: "forward", "backward", or "both" of them."""
        if direction == "both":
            return Cost(forward.flops + backward.flops, forward.bytes + backward.bytes)
        return forward if direction == "forward" else backward


@dataclass(frozen=True, slots=True)
class Support:
    """A predicate with a reason; combine several with `&`, the first that fails is told."""

    tests: tuple[tuple[NamedCallable, str], ...]

    def __and__(self, other: Support) -> Support:
        return Support(self.tests + other.tests)

    def names(self) -> set[str]:
        """Every name that the tests ask for."""
        return {name for test, _ in self.tests for name in parameter_names(test)}

    def refusal(self, values: Mapping[str, object]) -> str | None:
        """The reason why `values` are not supported, or None where they are."""
        for test, reason in self.tests:
            if not call_named(test, values):
                return reason
        return None


def supported(reason: str) -> Callable[[NamedCallable], Support]:
    """Make a `Support` of a function; `reason` says why a case is refused.

    The function may name the op's arguments and options, `dtype` and `device` (both strings),
    `direction` ("forward", "backward" or "both") and `board`.
    """

    def wrap(test: NamedCallable) -> Support:
        return Support(((test, reason),))

    return wrap


cpu = supported("runs on the CPU only")(lambda device: device == "cpu")
cuda = supported("runs on CUDA devices only")(lambda device: device.split(":")[0] == "cuda")
#: For Triton kernels: the interpreter runs them on the CPU, to be checked and never to be timed.
triton_device = supported("runs on CUDA devices only (TRITON_INTERPRET=1 checks it on the CPU)")(
    lambda device: device.split(":")[0] == "cuda" or interprets_triton()
)
floating = supported("takes floating-point inputs only")(lambda dtype: "float" in dtype)
forward_only = supported("has no gradient")(lambda direction: direction == "forward")


@dataclass(frozen=True, slots=True)
class Caveat:
    """A weakness of a contender, and where it shows.

    text: what goes wrong, and why.
    shows: whether it shows on a case: True (on one such case at least), False (on none) or None
        (it may). It may name `dtype`, `device`, `direction`, `board`, `layout`, and `machine`: the
        facts of the environment by name, such as "onednn_isa". True by default.
    """

    text: str
    shows: NamedCallable = lambda: True


@dataclass(frozen=True, slots=True)
class Impl:
    """One contender: how to find its function, and what is known about it."""

    op: str
    name: str
    function: Callable[..., Any]
    caveats: Mapping[str, Caveat] = field(default_factory=dict)
    supports: Support = field(default_factory=lambda: Support(()))
    requires: tuple[str, ...] = ()
    target: str | None = None
    prepare: str | Callable[..., Any] | None = None
    board: str = ""
    #: The module that tagged it, and the file and the line.
    module: str = ""
    place: str = ""

    def __post_init__(self) -> None:
        for label, text in (("target", self.target), ("prepare", self.prepare)):
            if isinstance(text, str) and text.count(":") != 1:
                raise DeclarationError(
                    f"contender {self.name!r} of {self.op!r}: {label}={text!r} is not of the form "
                    "'module:attribute'"
                )

    @property
    def origin(self) -> str:
        """Where it was declared, for messages."""
        file = self.place.rpartition(":")[0]
        if file and self.module == name_of_file(Path(file)):
            return self.place
        return f"{self.module}.{getattr(self.function, '__qualname__', self.name)}"


def impl(
    op: str,
    *,
    name: str | None = None,
    caveats: Mapping[str, str | Caveat] | None = None,
    supports: Support | None = None,
    requires: str | tuple[str, ...] = (),
    target: str | None = None,
    prepare: str | Callable[..., Any] | None = None,
    board: str = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tag a function as a contender of `op`; the function itself is left as it is.

    name: defaults to the function's own.
    caveats: weaknesses it admits, by input kind or layout: texts ("0 * NaN leaks") or `Caveat`s.
    supports: what it can run, see `supported`.
    requires: modules that must be importable; found without importing them.
    target: "module:attribute" of the function that really runs, imported at preparation.
    prepare: callable, or its "module:attribute", applied to the function before it is timed.
    board: what it returns, for an op with several boards: "view" of an argument, which the harness
        also copies for the materialise board, or "materialise" for fresh memory, the default.
    Raises DeclarationError where one of these isn't what it should be.
    """
    words = {"caveats": caveats, "supports": supports, "requires": requires, "target": target}
    check_impl(op, name, {**words, "prepare": prepare, "board": board})
    place = _calling(sys._getframe(1))
    needs = (requires,) if isinstance(requires, str) else tuple(requires)
    admitted = {kind: _caveat(given) for kind, given in (caveats or {}).items()}
    rest = (admitted, supports or Support(()), needs, target, prepare, board)

    def tag(function: Callable[..., Any]) -> Callable[..., Any]:
        contender = Impl(op, name or _name_of(op, function), function, *rest, *place)
        _tags_of(op, function).append(contender)
        return function

    return tag


def _calling(frame: FrameType) -> tuple[str, str]:
    """The module that is at work in a frame, and the file and the line."""
    module = str(frame.f_globals.get("__name__", ""))
    return module, f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def _name_of(op: str, function: Callable[..., Any]) -> str:
    found = getattr(function, "__name__", None)
    if not isinstance(found, str):
        raise DeclarationError(
            f'@impl({op!r}): what it tags has no name of its own: @impl({op!r}, name="mine")'
        )
    return found


def _tags_of(op: str, function: Callable[..., Any]) -> list[Impl]:
    """The list of tags that a callable carries."""
    if not callable(function):
        raise DeclarationError(f"@impl({op!r}) tags {function!r}, which can't be called")
    try:
        tags: list[Impl] = function.__dict__.setdefault("__opbench__", [])
    except AttributeError as error:
        raise DeclarationError(
            f"@impl({op!r}): {function!r} can't be tagged: tag a function that calls it"
        ) from error
    return tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One race: a contract, an oracle, inputs, and the shapes that matter.

    name: identifier of the op.
    oracle: the contract in plain loops, evaluated in float64; its positional parameters name the
        op's arguments, its keyword-only ones the options.
    axes: name of each axis and what it means.
    inputs: kind → function of axes and `rng` (a CPU torch.Generator) that returns a mapping of
        argument (and perhaps option) names to values; the first kind is checked at every shape.
    quick, full: named shapes that are timed; edge: shapes that are only checked (empty, one, odd).
        An axis named like an option sets that option.
    timed: the kinds that are timed where none is asked for; the first kind by default.
    dtypes: the first is timed where none is asked for; all are checked.
    tolerance: by dtype, the error allowed per unit of magnitude.
    magnitude: of the same parameters as the oracle: what the op sums over, in absolute values;
        by default the oracle of the absolute values.
    cost: `Cost` of one call, from axes, arguments, options, `e` (bytes per element) and
        `direction`.
    validate: raises ValueError or TypeError for arguments outside the contract.
    grad: names of the differentiable arguments.
    boards: some of BOARDS, never ranked across: what a contender's result may be, and what is
        done with it.
    consumer: of the output, for the board "consume": the op that reads it, timed with it.
    canonical: of `output` and any arguments and options: what is compared in place of the outputs,
        where several outputs are right.
    ungraded: the input kinds on which several gradients are right.
    output_dtype: of floating-point outputs, where it isn't that of the inputs.
    source: where the op comes from.
    """

    name: str
    oracle: NamedCallable
    axes: Mapping[str, str]
    inputs: Mapping[str, NamedCallable]
    quick: Mapping[str, Shape]
    cost: NamedCallable
    full: Mapping[str, Shape] = field(default_factory=dict)
    edge: Mapping[str, Shape] = field(default_factory=dict)
    timed: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float32",)
    tolerance: Mapping[str, float] = field(default_factory=lambda: DEFAULT_TOLERANCE)
    magnitude: NamedCallable | None = None
    validate: NamedCallable | None = None
    grad: tuple[str, ...] = ()
    boards: tuple[str, ...] = ("compute",)
    consumer: Callable[[Any], Any] | None = None
    canonical: NamedCallable | None = None
    ungraded: tuple[str, ...] = ()
    output_dtype: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        check_op(self)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the positional arguments, in order."""
        return names_of_kind(self.oracle, keyword_only=False)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the keyword-only options."""
        return names_of_kind(self.oracle, keyword_only=True)

    @property
    def defaults(self) -> dict[str, object]:
        """The options' default values."""
        parameters = inspect.signature(self.oracle).parameters
        return {name: parameters[name].default for name in self.options}

    @property
    def doc(self) -> str:
        """The contract in one paragraph: the oracle's docstring."""
        return inspect.getdoc(self.oracle) or ""

    @property
    def timed_kinds(self) -> tuple[str, ...]:
        """The input kinds that are timed where none is asked for."""
        return self.timed or (next(iter(self.inputs)),)


def _caveat(given: str | Caveat) -> Caveat:
    return given if isinstance(given, Caveat) else Caveat(given)


def board_of(op: Op, contender: Impl) -> str:
    """The board that says what a contender returns."""
    return contender.board or ("materialise" if "materialise" in op.boards else op.boards[0])


def races_on(op: Op, contender: Impl, board: str) -> bool:
    """Whether a contender is raced on a board: its own, or one that its result is made fit for."""
    own = board_of(op, contender)
    if board == "consume" and op.consumer is not None:
        return True
    return own == board or (own == "view" and board == "materialise")


def interprets_triton() -> bool:
    """Whether Triton kernels run in Triton's interpreter in this process."""
    return os.environ.get("TRITON_INTERPRET") == "1"
