"""Call functions with those values, of many, that their parameters name.

The functions of an op (inputs, cost, predicates of support, conditions of caveats) take any subset
of the axes, arguments and options of a case, in any order. A parameter with a default isn't asked
for: it stays as the function declares it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import Parameter
from typing import Any

#: A callable that takes, by name, some of the values that the harness has for a case.
NamedCallable = Callable[..., Any]
#: Kinds of parameters that stand for any number of arguments.
_VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
#: Types whose values `==` compares; that of tensors doesn't return a bool.
_COMPARABLE = (bool, int, float, str, tuple, type(None))


def parameters_of(function: NamedCallable) -> Mapping[str, Parameter]:
    """The parameters by name; ValueError or TypeError where there is no signature.

    Remembered: a check asks for them a dozen times.
    """
    try:
        hash(function)
    # A callable object may hold a list.
    except TypeError:
        return _parameters(function)
    return _remembered(function)


def _parameters(function: NamedCallable) -> Mapping[str, Parameter]:
    """The parameters of a function, by name."""
    return inspect.signature(function).parameters


_remembered = lru_cache(maxsize=4096)(_parameters)


def parameter_names(function: NamedCallable) -> tuple[str, ...]:
    """The parameters without a default; ValueError or TypeError where there is no signature."""
    return tuple(
        name
        for name, parameter in parameters_of(function).items()
        if parameter.default is Parameter.empty and parameter.kind not in _VARIABLE
    )


def call_named(function: NamedCallable, values: Mapping[str, object]) -> Any:
    """Call `function` with those of `values` that it names; with all of them where it has `**`."""
    parameters = parameters_of(function)
    by_position: list[object] = []
    by_name: dict[str, object] = {}
    for name, parameter in parameters.items():
        if parameter.kind is Parameter.VAR_KEYWORD:
            by_name |= {n: value for n, value in values.items() if n not in parameters}
        elif parameter.kind is not Parameter.VAR_POSITIONAL and name in values:
            # Those before a `/` can't be given by name.
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                by_position.append(values[name])
            else:
                by_name[name] = values[name]
    return function(*by_position, **by_name)


def names_of_kind(function: NamedCallable, *, keyword_only: bool) -> tuple[str, ...]:
    """The names of a callable's keyword-only parameters, or of all others."""
    return tuple(
        name
        for name, parameter in parameters_of(function).items()
        if (parameter.kind is Parameter.KEYWORD_ONLY) == keyword_only
    )


def is_default(value: object, default: object) -> bool:
    """Whether an option's value is its default; a tensor only where it is the very same object."""
    return value is default or (isinstance(value, _COMPARABLE) and value == default)
