"""Check that a contender's function can be called as its op is: by position, options by name.

Arguments are given by position, in the op's order, so that a contender may call them anything;
options are given by name, where they aren't at their default, so that a contender may lack some. A
mistake found here is an error when modules are loaded, and not a failure of each case.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any

from opbench.harness.declaration.suggestions import near


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """A callable's signature; None where it shows none, as builtins and TorchScript."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def accepts(function: Callable[..., Any], option: str) -> bool:
    """Whether a callable takes a keyword of that name; true where it shows no signature."""
    signature = signature_of(function)
    if signature is None:
        return True
    return any(
        parameter.kind is Parameter.VAR_KEYWORD
        or (parameter.name == option and parameter.kind is not Parameter.POSITIONAL_ONLY)
        for parameter in signature.parameters.values()
    )


def misfit(
    function: Callable[..., Any], arguments: tuple[str, ...], options: Mapping[str, object]
) -> str | None:
    """The reason why `function` can't be called as its op is; None where it can.

    arguments: of the op, given by position, whatever the function calls them.
    options: of the op, with their defaults; each is given by name where it isn't the default.
    """
    signature = signature_of(function)
    if signature is None:
        return None
    parameters = list(signature.parameters.values())
    by_position = [p for p in parameters if p.kind in _POSITIONAL]
    first, rest = by_position[: len(arguments)], by_position[len(arguments) :]
    return (
        _wrong_number(parameters, by_position, arguments, options)
        or _wrong_order(first, arguments)
        or _wrong_option([*rest, *(p for p in parameters if p.kind is _NAMED)], first, options)
    )


#: Kinds of parameters that can be given by position, and by name alone.
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = Parameter.KEYWORD_ONLY


def _wrong_number(
    parameters: list[Parameter],
    by_position: list[Parameter],
    arguments: tuple[str, ...],
    options: Mapping[str, object],
) -> str | None:
    """The reason why it can't take the op's arguments by position."""
    # A parameter with a default may be there in addition.
    needed = [p for p in by_position if p.default is Parameter.empty]
    endless = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    if len(needed) <= len(arguments) and (endless or len(arguments) <= len(by_position)):
        return None
    theirs = ", ".join(map(_without_annotation, parameters))
    named = f" and by name {', '.join(options)}" if options else ""
    return f"takes ({theirs}); the op gives it ({', '.join(arguments)}) by position{named}"


def _wrong_order(first: list[Parameter], arguments: tuple[str, ...]) -> str | None:
    """Parameters may have any name but that of another argument of the op."""
    # Not strict: their number is checked before, and a `*args` takes the rest.
    for parameter, argument in zip(first, arguments, strict=False):
        if parameter.name != argument and parameter.name in arguments:
            theirs = ", ".join(p.name for p in first)
            return f"takes ({theirs}); the op gives it ({', '.join(arguments)}), in this order"
    return None


def _wrong_option(
    named: list[Parameter], first: list[Parameter], options: Mapping[str, object]
) -> str | None:
    """The reason why its options aren't the op's."""
    taken = {p.name for p in named}
    for parameter in first:
        if parameter.name in options:
            return f"has {parameter.name!r} in the place of an argument; it is an option of the op"
    for parameter in named:
        name = parameter.name
        if name in options:
            if parameter.default is Parameter.empty:
                return f"option {name!r} needs a default; the op's is {options[name]!r}"
            continue
        # An option of its own with a default does no harm, unless it misspells one of the op's.
        suggestion = near(name, set(options) - taken)
        if parameter.default is Parameter.empty or suggestion:
            known = ", ".join(sorted(options)) or "none"
            return f"option {name!r}, which is not one of {known}{suggestion}"
    return None


def _without_annotation(parameter: Parameter) -> str:
    """A parameter without its annotation."""
    return str(parameter.replace(annotation=Parameter.empty))
