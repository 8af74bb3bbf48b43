"""Declare ops and their contenders: values only, importing a module has no effect.

A module declares an op by binding an `Op`, and a contender by tagging a function with `impl`.
`opbench.load` finds both. Torch is not imported here, so that listing stays quick.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from opbench.harness.declaration.fields import (
    CASE_NAMES,
    OutputMode,
    Promise,
    check_chain,
    check_impl,
    check_op,
)
from opbench.harness.declaration.named_arguments import (
    NamedCallable,
    names_of_kind,
    parameters_of,
)
from opbench.harness.declaration.observed import observed, original
from opbench.harness.declaration.origins import name_of_file, path_for_people
from opbench.harness.declaration.samples import Samples
from opbench.harness.declaration.support import Support
from opbench.results.errors import DeclarationError, UnsupportedError

#: The axes of one named shape: sizes, and the values of some of the op's options (a stride).
Shape = Mapping[str, int | float | str | bool]

#: Names that the condition of a caveat may ask for.
CAVEAT_NAMES = CASE_NAMES | {"layout", "machine"}
#: Of inputs in memory: as they are made; first and last axis swapped; a gap around each element;
#: rows that are part of wider ones; not at the start of their memory.
SAME_VALUES = ("contiguous", "transposed", "sliced", "padded", "offset")
#: Those; elements repeated along an axis without memory of their own; rows 2^31 elements apart.
LAYOUTS = (*SAME_VALUES, "expanded", "far")

#: By dtype, the error that an element may have, relative to its magnitude.
DEFAULT_TOLERANCE: Mapping[str, float] = {
    "float64": 1e-13,
    "float32": 5e-6,
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "int64": 0.0,
}


class Unavailable(UnsupportedError):
    """Raise it in a contender's target or preparation that cannot work on this machine.

        raise Unavailable("needs AVX-512")

    The contender is then unsupported, for that reason.
    """


@dataclass(frozen=True, slots=True)
class Cost:
    """Compulsory work of one call: each input read once, each output written once.

        cost=lambda B, S, D, e: Cost(flops=B * S * D, bytes=2 * B * S * D * e)

    What a contender reads or computes beyond that doesn't count.
    """

    #: Floating-point operations.
    flops: int
    #: Bytes read and written.
    bytes: int

    @staticmethod
    def of_pass(forward: Cost, backward: Cost, direction: str) -> Cost:
        """The cost of the pass `direction`: "forward", "backward", or "both", their sum."""
        if direction == "both":
            return Cost(forward.flops + backward.flops, forward.bytes + backward.bytes)
        return forward if direction == "forward" else backward


@dataclass(frozen=True, slots=True)
class Caveat:
    """A weakness of a contender: an expected failure.

        caveats={"huge": Caveat("exp overflows", lambda dtype: dtype != "float64")}

    The check fails a contender whose weakness doesn't show where it should.
    """

    #: The weakness and its cause.
    text: str
    #: Whether it shows on a case: True (on one such case at least), False (on none) or None (on
    #: some, perhaps). It may name `dtype`, `device`, `direction`, `board`, `layout`, and `machine`:
    #: the facts of the environment by name, such as "onednn_isa".
    shows: NamedCallable = lambda: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Impl:
    """A contender as it was declared; made by `impl`.

    Raises DeclarationError where `target` or `prepare` isn't of the form "module:attribute".
    """

    #: The name of its op.
    op: str
    name: str
    #: The function that was tagged; another one runs where there is a `target`.
    function: Callable[..., Any]
    #: By input kind or layout.
    caveats: Mapping[str, Caveat] = field(default_factory=dict)
    #: The cases that it can run.
    supports: Support = field(default_factory=lambda: Support(()))
    #: Modules that have to be installed.
    requires: tuple[str, ...] = ()
    #: "module:attribute" of the function that runs.
    target: str | None = None
    #: Applied to the function before it is timed: a callable, or its "module:attribute".
    prepare: str | Callable[..., Any] | None = None
    #: The output mode that it was declared with; "" stands for the default of its op.
    board: OutputMode | Literal[""] = ""
    #: Of a contender that is composed of others: the op and the name of each.
    made_of: tuple[tuple[str, str], ...] = ()
    #: Those contenders, which the function takes before its arguments; as `load` found them.
    parts: tuple[Impl, ...] = ()
    #: The module that tagged it.
    module: str = ""
    #: The file and the line of the tag: "./rms.py:12".
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
        """The place of the declaration, for messages."""
        file = self.place.rpartition(":")[0]
        # A file that was loaded by its path has no name that people know.
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
    board: OutputMode | Literal[""] = "",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tag a function as a contender of `op`; the function itself is left as it is.

        @impl("softmax", caveats={"huge": "exp overflows"}, supports=floating)
        def naive(x):
            powers = x.exp()
            return powers / powers.sum(-1, keepdim=True)

    name: defaults to the function's own.
    caveats: weaknesses, by input kind or layout: texts ("0 * NaN leaks") or `Caveat`s.
    supports: the cases that it can run, see `supported`.
    requires: modules that have to be installed; looked for without importing them.
    target: "module:attribute" of the function that runs in its place, imported at preparation.
    prepare: callable, or its "module:attribute", applied to the function before it is timed.
    board: the output mode, for an op with several: "view" for a view of an argument (which is
        copied where fresh memory is asked for), "materialise" for fresh memory, the default.
    Raises DeclarationError where one of these isn't what it should be.
    """
    parameters: dict[str, Any] = {"caveats": caveats, "supports": supports, "requires": requires}
    parameters |= {"target": target, "prepare": prepare, "board": board}
    check_impl(op, name, parameters)
    # Now: when the function is tagged, the frame is that of the decorator.
    origin = _calling(sys._getframe(1))

    def tag(function: Callable[..., Any]) -> Callable[..., Any]:
        own = original(function)
        contender = _declared(op, name or _name_of(op, own), own, parameters, origin)
        return _tagged(contender)

    return tag


def chain(
    op: str,
    parts: Mapping[str, tuple[str, ...]],
    *,
    caveats: Mapping[str, str | Caveat] | None = None,
    supports: Support | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Tag a function as contenders of `op` that are composed of contenders of other ops.

        @chain("merge_linear", {"merge": ("cat", "copy"), "linear": ("mm", "einsum")})
        def merged_then_linear(merge, linear, x, weight):
            return linear(merge(x), weight)

    parts: the ops that `op` is made of, as its own `parts` name them, and some contenders of each.
        The function takes one of each before its arguments; with every choice of them it is a
        contender, named "cat+mm", "cat+einsum", "copy+mm", "copy+einsum".
    caveats, supports: of all of them, as for `impl`. A part that needs a device or a dtype is
        unsupported elsewhere in a chain too.
    Raises DeclarationError where one of these isn't what it should be.
    """
    parameters: dict[str, Any] = {"caveats": caveats, "supports": supports, "requires": ()}
    parameters |= {"target": None, "prepare": None, "board": ""}
    check_impl(op, None, parameters)
    check_chain(op, parts)
    origin = _calling(sys._getframe(1))

    def tag(function: Callable[..., Any]) -> Callable[..., Any]:
        for names in itertools.product(*parts.values()):
            contender = _declared(op, "+".join(names), function, parameters, origin)
            made_of = tuple(zip(parts, names, strict=True))
            # A program doesn't call it as it calls the op: nothing counts its calls.
            _tags_of(op, function).append(replace(contender, made_of=made_of))
        return function

    return tag


def _declared(
    op: str,
    name: str,
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    origin: tuple[str, str],
) -> Impl:
    """The contender of a tag; `parameters` are the others of `impl`, by name."""
    requires = parameters["requires"]
    return Impl(
        op=op,
        name=name,
        function=function,
        caveats={kind: _caveat(given) for kind, given in (parameters["caveats"] or {}).items()},
        supports=parameters["supports"] or Support(()),
        requires=(requires,) if isinstance(requires, str) else tuple(requires),
        target=parameters["target"],
        prepare=parameters["prepare"],
        board=parameters["board"],
        module=origin[0],
        place=origin[1],
    )


def _calling(frame: FrameType) -> tuple[str, str]:
    """The module that runs in a frame, and the file and the line."""
    module = str(frame.f_globals.get("__name__", ""))
    return module, f"{path_for_people(frame.f_code.co_filename)}:{frame.f_lineno}"


def _name_of(op: str, function: Callable[..., Any]) -> str:
    """The name of a function that is tagged. Raises DeclarationError where it has none."""
    name = getattr(function, "__name__", None)
    if not isinstance(name, str):
        raise DeclarationError(
            f'@impl({op!r}): what it tags has no name of its own: @impl({op!r}, name="mine")'
        )
    return name


def _tagged(contender: Impl) -> Callable[..., Any]:
    """Tag the function of a contender, and return what a program calls in its place."""
    _tags_of(contender.op, contender.function).append(contender)
    return observed("contender", contender.op, contender.function)


def _tags_of(op: str, function: Callable[..., Any]) -> list[Impl]:
    """The list of tags that a callable carries."""
    if not callable(function):
        raise DeclarationError(f"@impl({op!r}) tags {function!r}, which can't be called")
    try:
        # On the function itself: importing registers nothing.
        tags: list[Impl] = function.__dict__.setdefault("__opbench__", [])
    except AttributeError as error:
        raise DeclarationError(
            f"@impl({op!r}): {function!r} can't be tagged: tag a function that calls it"
        ) from error
    return tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """A tensor operation: its contract, oracle, inputs, cost, and the shapes that matter.

        row_sum = Op(
            name="row_sum",
            oracle=lambda x: x.sum(-1),
            axes={"R": "rows", "N": "columns"},
            inputs={"normal": lambda R, N, rng: {"x": torch.randn(R, N, generator=rng)}},
            quick={"small": {"R": 64, "N": 1024}},
            cost=lambda R, N, e: Cost(flops=R * N, bytes=(R * N + R) * e),
            grad=("x",),
        )

    Its functions receive the axes, arguments and options that their parameters name.
    Raises DeclarationError, naming the field, where one of them isn't what it should be.
    """

    name: str
    #: The contract in plain loops, evaluated in float64. Its positional parameters name the op's
    #: arguments, its keyword-only ones the options; its docstring is the contract in words.
    oracle: NamedCallable
    #: Each axis and its meaning.
    axes: Mapping[str, str]
    #: By input kind, a function of axes and `rng` (a CPU torch.Generator) that returns a mapping of
    #: argument (and perhaps option) names to values. The first kind is checked at every shape.
    inputs: Mapping[str, NamedCallable]
    #: Named shapes that are timed. An axis named like an option sets that option.
    quick: Mapping[str, Shape]
    #: The `Cost` of one call, from axes, arguments, options, `e` (bytes per element), `dtype`,
    #: `device`, `direction` and `board`.
    cost: NamedCallable
    #: Shapes that are timed with `--grid full`.
    full: Mapping[str, Shape] = field(default_factory=dict)
    #: Shapes that are only checked: empty, one, odd.
    edge: Mapping[str, Shape] = field(default_factory=dict)
    #: The input kinds that are timed by default; the first where empty.
    timed: tuple[str, ...] = ()
    #: All are checked; the first is timed by default.
    dtypes: tuple[str, ...] = ("float32",)
    #: By dtype, the error that an element may have, relative to its magnitude.
    tolerance: Mapping[str, float] = field(default_factory=lambda: DEFAULT_TOLERANCE)
    #: Of the oracle's parameters, absolute values: how large the numbers are that each element is
    #: made of. By default it is found out from the oracle: leave it out unless that takes too long.
    magnitude: NamedCallable | None = None
    #: Raises ValueError or TypeError for arguments outside the contract.
    validate: NamedCallable | None = None
    #: Names of the differentiable arguments.
    grad: tuple[str, ...] = ()
    #: Its output modes, some of BOARDS: what a contender's result may be, and what is done with it.
    #: Contenders are never ranked across them.
    boards: tuple[OutputMode, ...] = ("compute",)
    #: Reads the output, and is timed with it, in the output mode "consume".
    consumer: Callable[[Any], Any] | None = None
    #: Of `output` and any arguments and options: what is compared in place of the outputs, where
    #: several outputs are right.
    canonical: NamedCallable | None = None
    #: Of `draw`, which calls the contender anew, and any arguments and options: what is wrong with
    #: the draws of an op that draws random numbers, a text each.
    draws: NamedCallable | None = None
    #: The input kinds on which several gradients are right, so that none is checked; perhaps the
    #: layout "expanded", in which elements are equal.
    ungraded: tuple[str, ...] = ()
    #: The input kinds that make long sums of one sign, in values or gradients: there the gradient
    #: of every output is 1. They are checked in half precision.
    long_sums: tuple[str, ...] = ()
    #: Whether the op only moves or repeats elements: outputs have to be equal to the last bit, and
    #: whole numbers are as large as int64 holds. Gradients may be sums, and have the tolerance.
    exact: bool = False
    #: What contenders have to do beside values and gradients, some of "second_derivative", "vmap"
    #: (of a new first axis) and "compile" (in one graph). What isn't promised isn't tried.
    promises: tuple[Promise, ...] = ()
    #: The function of torch that the op is, whose samples are checked too where the op is named.
    samples: Samples | None = None
    #: By name below `torch`, the functions of torch that are the op for some of their arguments, as
    #: `opbench record-shapes` recognises them: of these arguments, given as torch's function is,
    #: those of the op and options by name; None for a call that isn't one of the op. They are
    #: given the shapes of tensors, and no tensors.
    torch_functions: Mapping[str, Callable[..., Mapping[str, Any] | None]] = field(
        default_factory=dict
    )
    #: Of an op that is a chain of others: by the name of each, in their order, a function of the
    #: axes of this one that returns the shape that it has there.
    parts: Mapping[str, NamedCallable] = field(default_factory=dict)
    #: Of floating-point outputs, where it isn't that of the inputs.
    output_dtype: str = ""
    #: The program or paper that the op comes from.
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
        parameters = parameters_of(self.oracle)
        return {name: parameters[name].default for name in self.options}

    @property
    def doc(self) -> str:
        """The contract in one paragraph: the oracle's docstring."""
        return inspect.getdoc(self.oracle) or ""

    @property
    def timed_kinds(self) -> tuple[str, ...]:
        """The input kinds that are timed by default."""
        return self.timed or (next(iter(self.inputs)),)


def _caveat(given: str | Caveat) -> Caveat:
    """A caveat, where it was given as text alone."""
    return given if isinstance(given, Caveat) else Caveat(given)


def board_of(op: Op, contender: Impl) -> OutputMode:
    """The output mode of a contender: the one it declares, or its op's default."""
    return contender.board or ("materialise" if "materialise" in op.boards else op.boards[0])


def races_on(op: Op, contender: Impl, mode: str) -> bool:
    """Whether a contender is raced in an output mode: its own, or one that its result can serve."""
    own = board_of(op, contender)
    if mode == "consume" and op.consumer is not None:
        return True
    return own == mode or (own == "view" and mode == "materialise")
