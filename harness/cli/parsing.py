"""Parse command lines: a line for each error, options that may be repeated. No torch.

Names by commas add up where an option is repeated; an option that can't add up is refused the
second time.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from opbench.harness.cli.option_types import names
from opbench.harness.declaration.suggestions import near

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

#: argparse's message about a value that isn't one of the allowed.
_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)$")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with the nearest known word where there is one."""

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help. Raises OSError if that fails, which argparse doesn't."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with 2."""
        choice = _CHOICE.search(message)
        hint = near(choice[1], re.findall(r"[\w-]+", choice[2])) if choice else ""
        self.exit(2, f"{self.prog}: error: {message}{hint}; see `{self.prog} --help`\n")


#: Makes the parser of a command and, by name, those of its verbs.
Make = Callable[[], tuple["Parser", dict[str, "Parser"]]]


def parse(make: Make, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line; `given` of the result are the names of the arguments that were given.

    Exits with 2 where something is wrong.
    """
    root, verbs = make()
    args, unknown = root.parse_known_args(argv)
    if unknown:
        parser = verbs[args.verb]
        known = re.findall(r"(?<!\S)--?[\w-]+", parser.format_help().replace(",", " "))
        hint = near(unknown[0].partition("=")[0], dict.fromkeys(known))
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    args.given = _given(make, argv, args)
    return args


def _given(make: Make, argv: Sequence[str] | None, args: argparse.Namespace) -> frozenset[str]:
    """The names of the arguments that were given, whatever their defaults: parsed without any."""
    absent = object()
    root, verbs = make()
    values = {name: value for name, value in vars(args).items() if name != "verb"}
    # An argument that is a list is added to, and empty unless it was given.
    others = {name: absent for name, value in values.items() if not isinstance(value, list)}
    verbs[args.verb].set_defaults(**others)
    without_defaults = vars(root.parse_known_args(argv)[0])
    return frozenset(
        name
        for name in values
        if without_defaults[name] is not absent and without_defaults[name] != []
    )


def option_of(name: str) -> str:
    """The option, or the placeholder of the argument, that sets the argument `name`."""
    return _OPTIONS.get(name) or "--" + name.replace("_", "-")


def listed(names: Iterable[str]) -> str:
    """The options of several arguments, by commas."""
    return ", ".join(sorted(map(option_of, names)))


_OPTIONS = {
    "names": "OP",
    "expression": "-k",
    "impls": "--impl",
    "passes": "--pass",
    "table": "-o",
}


class Join(argparse.Action):
    """Adds up the names of an option that is given several times, as text with commas."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add the names to those that were given before. Raises ArgumentError for empty ones."""
        try:
            # Of `--impl=--` argparse makes a list of nothing.
            more = names(values if isinstance(values, str) else "")
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentError(self, str(error)) from error
        before = getattr(namespace, self.dest)
        known = before.split(",") if isinstance(before, str) and before else ()
        setattr(namespace, self.dest, ",".join(dict.fromkeys((*known, *more))))


class Once(argparse.Action):
    """Refuses an option that is given several times and could be meant in more than one way."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the value. Raises ArgumentError where there is another one already."""
        before = getattr(namespace, self.dest)
        if isinstance(before, str) and before and before != values:
            raise argparse.ArgumentError(
                self, "given twice: make one expression of both, with `and` or `or`"
            )
        setattr(namespace, self.dest, values)
