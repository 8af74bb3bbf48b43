"""Check the fields of a declaration, and name the field that isn't what it should be.

Checks run when a value is made, so that an error has the line of the declaration in its traceback,
long before anything is planned. They cover types, names that functions ask for, references among
fields (kinds, dtypes, arguments), and the axes of shapes. What needs a call of the op's functions
is found when a case is prepared, and is an OpFaultError then.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Literal, get_args

from opbench.harness.declaration.named_arguments import NamedCallable, parameter_names
from opbench.harness.declaration.samples import Samples
from opbench.harness.declaration.suggestions import near
from opbench.results.errors import DeclarationError

#: The output modes: what the result of a contender may be.
OutputMode = Literal["compute", "materialise", "view", "consume"]
BOARDS: tuple[OutputMode, ...] = ("compute", "materialise", "view", "consume")
#: What an op may promise of its contenders beside values and gradients.
Promise = Literal["second_derivative", "vmap", "compile"]
PROMISES: tuple[Promise, ...] = get_args(Promise)
#: Names that callables may ask for besides the op's own axes, arguments and options.
CASE_NAMES = frozenset({"dtype", "device", "direction", "board"})

#: Whether a value is fit for a field.
Test = Callable[[object], bool]


# Names stand in lists on the command line, in paths and in the keys of cases.
def _is_name(value: object) -> bool:
    """Whether a value can be typed as a name in an option."""
    return isinstance(value, str) and bool(value) and not any(c in value for c in " ,/\n\t")


def _is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


# To Python a bool is an int.
def _is_number(value: object) -> bool:
    """Whether a value is a number, and not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    """Whether a value can stand for an axis of a shape."""
    return isinstance(value, int | float | str | bool)


def _mapping(test: Test) -> Test:
    """A test of mappings from names to values that pass `test`."""
    return lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(key, str) and test(item) for key, item in value.items())
    )


def _optional(test: Test) -> Test:
    """A test of values that pass `test`, and None."""
    return lambda value: value is None or test(value)


def _names(value: object) -> bool:
    """Whether it is a tuple of texts."""
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


_SHAPES = (_mapping(_mapping(_is_size)), "a mapping of names to sizes: {'small': {'N': 64}}")
_NAMES = (_names, "a tuple of names: ('x',)")
_FUNCTION = (_optional(callable), "a function")
#: By field of an op: the test of its value, and the expected value in words.
_OF_OP: Mapping[str, tuple[Test, str]] = {
    "name": (_is_name, "a name without blanks, commas and slashes"),
    "oracle": (callable, "a function"),
    "axes": (_mapping(_is_text), "a mapping of axes to what they mean: {'N': 'rows'}"),
    "inputs": (_mapping(callable), "a mapping of kinds to functions: {'normal': lambda N, rng: …}"),
    "quick": _SHAPES,
    "full": _SHAPES,
    "edge": _SHAPES,
    "cost": (callable, "a function that returns a Cost"),
    "timed": _NAMES,
    "dtypes": _NAMES,
    "tolerance": (_mapping(_is_number), "a mapping of dtypes to numbers: {'float32': 1e-5}"),
    "magnitude": _FUNCTION,
    "validate": _FUNCTION,
    "grad": _NAMES,
    "boards": _NAMES,
    "consumer": _FUNCTION,
    "canonical": _FUNCTION,
    "draws": _FUNCTION,
    "ungraded": _NAMES,
    "long_sums": _NAMES,
    "promises": _NAMES,
    "exact": (lambda value: isinstance(value, bool), "True or False"),
    "samples": (
        lambda value: value is None or isinstance(value, Samples),
        "the function of torch that the op is: Samples('nn.functional.conv2d')",
    ),
    "torch_functions": (
        _mapping(callable),
        "a mapping of names below torch to functions: {'softmax': lambda input, dim: …}",
    ),
    "parts": (
        _mapping(callable),
        "a mapping of ops to functions of axes: {'linear': lambda N, C: {'N': N, 'C': C}}",
    ),
    "output_dtype": (_is_text, "the name of a dtype"),
    "source": (_is_text, "a text"),
}


def check_op(op: Any) -> None:
    """Raise DeclarationError, naming the op and the field, where one isn't what it should be."""
    # A list is as good as a tuple, but could be changed later, and can't be hashed.
    for name in ("timed", "dtypes", "grad", "boards", "ungraded", "long_sums", "promises"):
        if isinstance(getattr(op, name), list):
            # The op is frozen, but nobody has it yet.
            object.__setattr__(op, name, tuple(getattr(op, name)))
    for name, (test, expected) in _OF_OP.items():
        ensure(f"op {op.name!r}: {name}", getattr(op, name), test, expected)
    _check_oracle(op)
    _check_callables(op)
    _check_values(op)
    _check_shapes(op)


def ensure(what: str, value: object, test: Test, expected: str) -> None:
    """Raise DeclarationError where a field's value fails its test; `expected` says which pass."""
    if not test(value):
        text = repr(value)
        excerpt = text if len(text) <= 60 else f"{text[:57]}..."
        kind = type(value).__name__
        raise DeclarationError(f"{what} is {excerpt} (of type {kind}); it has to be {expected}")


def _check_oracle(op: Any) -> None:
    """The oracle's parameters have to name the op's arguments and options."""
    try:
        parameters = inspect.signature(op.oracle).parameters
    except (TypeError, ValueError) as error:
        raise DeclarationError(
            f"op {op.name!r}: oracle has no signature that names the op's arguments: write a "
            "function that calls it"
        ) from error
    for name, parameter in parameters.items():
        if parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            raise DeclarationError(
                f"op {op.name!r}: oracle takes {parameter}: it has to name the op's arguments, "
                "and its options behind a *"
            )
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty:
            raise DeclarationError(f"op {op.name!r}: oracle: the option {name!r} needs a default")


def _check_callables(op: Any) -> None:
    """The op's functions may ask only for the names that they are called with."""
    own = {*op.arguments, *op.options}
    for what, function, allowed in (
        ("cost", op.cost, {*op.axes, *own, *CASE_NAMES, "e"}),
        *((f"inputs[{kind!r}]", make, {*op.axes, "rng"}) for kind, make in op.inputs.items()),
        ("validate", op.validate, own),
        ("magnitude", op.magnitude, own),
        ("canonical", op.canonical, {*own, "output"}),
        ("draws", op.draws, {*own, "draw"}),
        *((f"parts[{part!r}]", shape, {*op.axes}) for part, shape in op.parts.items()),
    ):
        if function is not None:
            _check_names(op.name, what, function, allowed)
    if op.magnitude is not None:
        _check_alike(op, op.magnitude)


def _check_alike(op: Any, magnitude: NamedCallable) -> None:
    """It is called as the oracle is: with the arguments in order, and with options that are set."""
    signature = inspect.signature(magnitude)
    by_shapes = {name: name for name in op.options if name in op.axes}
    try:
        taken = signature.bind(*op.arguments, **by_shapes).arguments
        fits = all(taken.get(name, name) == name for name in op.arguments)
    except TypeError:
        fits = False
    if not fits:
        raise DeclarationError(
            f"op {op.name!r}: magnitude takes {signature}; it is called as the oracle is, which "
            f"takes {inspect.signature(op.oracle)}"
        )


def _check_names(op: str, what: str, function: NamedCallable, allowed: set[str]) -> None:
    """Raise DeclarationError where a function asks for a name that isn't allowed."""
    try:
        names = parameter_names(function)
    except (TypeError, ValueError) as error:
        raise DeclarationError(
            f"op {op!r}: {what} has no signature that says what it takes: write a function"
        ) from error
    for name in names:
        if name not in allowed:
            raise DeclarationError(
                f"op {op!r}: {what} asks for {name!r}, which is not one of "
                f"{', '.join(sorted(allowed))}{near(name, allowed)}"
            )


def _check_values(op: Any) -> None:
    """Fields that mustn't be empty, and names that have to be known."""
    for what in ("inputs", "quick", "boards", "dtypes"):
        if not getattr(op, what):
            raise DeclarationError(f"op {op.name!r}: {what} is empty; declare at least one")
    # Each by the words that the message begins with.
    for what, names, allowed in (
        ("board", op.boards, BOARDS),
        ("timed", op.timed, tuple(op.inputs)),
        ("ungraded", op.ungraded, (*op.inputs, "expanded")),
        ("long_sums", op.long_sums, tuple(op.inputs)),
        ("promises", op.promises, PROMISES),
        ("grad", op.grad, op.arguments),
        ("dtypes without a tolerance:", op.dtypes, tuple(op.tolerance)),
    ):
        for name in names:
            if name not in allowed:
                raise DeclarationError(
                    f"op {op.name!r}: {what} {name!r} is not one of {', '.join(allowed)}"
                    f"{near(name, allowed)}"
                )


def _check_shapes(op: Any) -> None:
    """Every shape has the axes of the op."""
    for grid in ("quick", "full", "edge"):
        for shape, axes in getattr(op, grid).items():
            # In any order: they are given by name.
            if set(axes) != set(op.axes):
                raise DeclarationError(
                    f"op {op.name!r}: {grid}[{shape!r}] has the axes "
                    f"{', '.join(axes)}; the op has {', '.join(op.axes)}"
                )


def check_impl(op: object, name: object, parameters: Mapping[str, object]) -> None:
    """Raise DeclarationError where a parameter of `@impl(...)` isn't what it should be.

    parameters: the others, by name.
    """
    # `@impl` without parentheses is called with the function.
    if callable(op):
        what = getattr(op, "__name__", type(op).__name__)
        raise DeclarationError(
            f'@impl above {what!r} lacks the name of an op: write @impl("patch_pooling"), say'
        )
    ensure("@impl: op", op, _is_name, "the name of an op")
    ensure(f"@impl({op!r}): name", name, _optional(_is_name), _OF_OP["name"][1])
    for field, (test, expected) in _OF_IMPL.items():
        ensure(f"@impl({op!r}): {field}", parameters[field], test, expected)


def check_chain(op: str, parts: object) -> None:
    """Raise DeclarationError where the parts of `@chain(...)` aren't contenders of ops."""
    expected = "a mapping of ops to their contenders: {'linear': ('matmul', 'einsum')}"
    test = _mapping(lambda item: _names(item) and bool(item))
    ensure(f"@chain({op!r}): parts", parts, lambda value: bool(value) and test(value), expected)


#: As `_OF_OP`, by parameter of `impl`.
_OF_IMPL: Mapping[str, tuple[Test, str]] = {
    "caveats": (
        _optional(_mapping(lambda item: _is_text(item) or hasattr(item, "shows"))),
        "a mapping of input kinds or layouts to what is wrong there: {'nonfinite': 'NaN leaks'}",
    ),
    "supports": (
        _optional(lambda value: hasattr(value, "refusal")),
        "a Support: supported('why not')(lambda x: …)",
    ),
    "requires": (
        lambda value: _is_text(value) or _names(tuple(value) if type(value) is list else value),
        "the name of a module, or a tuple of names",
    ),
    "target": (_optional(_is_text), "'module:attribute'"),
    "prepare": (lambda value: value is None or callable(value) or _is_text(value), "a function"),
    "board": (lambda value: value == "" or value in BOARDS, f"one of {', '.join(BOARDS)}"),
}
