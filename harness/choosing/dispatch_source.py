"""The source of a dispatcher: a function of an op's arguments that picks by comparing sizes.

What a call costs is the attributes that are read of its tensors, and nothing else is done: no
dictionary, no signature, no object is made. Of a table with one threshold it is

    def dispatch(x, y):
        if threads() == 1 and x.dtype is dtype_float32 and x.is_cpu:
            shape_0 = x.shape
            axis_B = shape_0[0]
            axis_S = shape_0[1]
            if 1 <= axis_B <= 64 and 1 <= axis_S <= 1024:
                if axis_B * axis_S <= 100:
                    return contender_0(x, y)
                else:
                    return contender_1(x, y)
        return outside(x, y)

and `pick`, which returns 0 or 1 by the same comparisons.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from opbench.harness.declare import Op
from opbench.results.choosing.features import sides
from opbench.results.choosing.rules import Leaf, Rule
from opbench.results.choosing.table import Section, Table

#: How a tensor says that it is on a device.
_DEVICES = {"cpu": "{}.is_cpu", "cuda": "{}.is_cuda"}
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Program:
    """The source of a dispatcher, and the values that it asks for by name."""

    text: str
    #: The part of it that runs what it picks.
    dispatch: str
    #: Of dtypes, the name of each by that of the variable.
    dtypes: Mapping[str, str]
    #: By contender, the number of its function.
    numbers: Mapping[str, int]


def program_of(
    table: Table, op: Op, guards: Mapping[str, str], lacking: Collection[str]
) -> Program:
    """The source for a table.

    guards: of contenders that refuse some calls, when they don't. lacking: contenders that lack an
    option, which run where all are at their default.
    Its names: `dispatch`, which runs what it picks; `pick`, which returns the number of that; and
    `traced`, which a compiler sees in place of `dispatch`.
    """
    numbers = {name: number for number, name in enumerate(table.contenders)}
    dtypes = {f"dtype_{s.situation.dtype}": s.situation.dtype for s in table.sections}
    writer = _Writer(table=table, op=op, guards=guards, lacking=frozenset(lacking), numbers=numbers)
    parts = ["\n".join(p) + "\n" for p in (writer.dispatch(), writer.pick(), writer.traced())]
    return Program("\n".join(parts), parts[0], dtypes, numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Writes the lines of a dispatcher."""

    table: Table
    op: Op
    guards: Mapping[str, str]
    lacking: frozenset[str]
    numbers: Mapping[str, int]

    @property
    def signature(self) -> str:
        """The parameters of the op, with the defaults of its options."""
        options = [f"{name}=default_{name}" for name in self.op.options]
        return ", ".join((*self.op.arguments, *(["*", *options] if options else [])))

    @property
    def given(self) -> str:
        """The arguments and options, as they are handed on."""
        return ", ".join((*self.op.arguments, *(f"{name}={name}" for name in self.op.options)))

    def dispatch(self) -> Iterator[str]:
        """Picks and runs."""
        yield f"def dispatch({self.signature}):"
        yield from _indented(self._sections(run=True))
        yield f"{_INDENT}return outside({self.given})"

    def pick(self) -> Iterator[str]:
        """Picks, and returns the number of what would run."""
        signature = self.signature
        yield f"def pick(needs_gradient{', ' if signature else ''}{signature}):"
        yield from _indented(self._sections(run=False))
        yield f"{_INDENT}return outside_number({self.given})"

    def traced(self) -> Iterator[str]:
        """Picks by what the arguments are when they are traced, and runs that."""
        # Other options say nothing, and the compiler can't hand on all that they may be.
        options = [f"{name}={name}" for name in self.op.options if name in self.table.reads]
        given = ", ".join((self._gradient() or "False", *self.op.arguments, *options))
        yield f"def traced({self.signature}):"
        yield f"{_INDENT}chosen = pick({given})"
        for name, number in self.numbers.items():
            yield f"{_INDENT}if chosen == {number}:"
            yield from _indented(_indented(self._traced(name)))

    def _sections(self, *, run: bool) -> Iterator[str]:
        """A test of its situation for each section, and below it the rule."""
        for section in self.table.sections:
            yield f"if {self._situation(section, run)}:"
            yield from _indented(self._sizes(section))
            bounds, rule = self._bounds(section), self._rule(section.rule, run)
            if bounds:
                yield f"{_INDENT}if {bounds}:"
                rule = _indented(rule)
            yield from _indented(rule)

    def _situation(self, section: Section, run: bool) -> str:
        """Whether a call is in a section's situation."""
        situation, tensor = section.situation, self.table.tensor
        tests = [f"threads() == {situation.threads}"]
        if tensor:
            tests.append(f"{tensor}.dtype is dtype_{situation.dtype}")
            is_there = _DEVICES.get(situation.device, f"str({{}}.device) == {situation.device!r}")
            tests.append(is_there.format(tensor))
        if gradient := self._gradient() if run else self._gradient() and "needs_gradient":
            tests.append(gradient if situation.direction != "forward" else f"not ({gradient})")
        tests += [f"{self.table.reads[axis]} == {value!r}" for axis, value in situation.fixed]
        # Of a number that is given as it is, a call may have a tuple.
        numbers = [r for r in self.table.reads.values() if r.isidentifier()]
        fixed = {self.table.reads[axis] for axis, _ in situation.fixed}
        tests += [f"type({name}) is int" for name in dict.fromkeys(numbers) if name not in fixed]
        return " and ".join(tests)

    def _gradient(self) -> str:
        """Whether a call needs gradients; "" where the op has none."""
        needs = [f"{name}.requires_grad" for name in self.op.grad]
        if self.op.grad and self.table.tensor.endswith("[0]"):
            needs = [f"any(t.requires_grad for t in {name})" for name in self.op.grad]
        return f"graph() and ({' or '.join(needs)})" if needs else ""

    def _sizes(self, section: Section) -> Iterator[str]:
        """Read each shape once, and the axes off it."""
        measured = [axis for axis in self.table.reads if axis in section.bounds]
        texts = {axis: self.table.reads[axis] for axis in measured}
        shapes = {part for t in texts.values() for part in _shapes_in(t)}
        for number, shape in enumerate(sorted(shapes)):
            yield f"shape_{number} = {shape}"
            texts = {a: t.replace(shape, f"shape_{number}") for a, t in texts.items()}
        for axis, text in texts.items():
            yield f"axis_{axis} = {text}"

    def _bounds(self, section: Section) -> str:
        """Whether the sizes are among the measured ones."""
        bounds = {axis: ends for axis, ends in section.bounds.items() if axis in self.table.reads}
        return " and ".join(_within(axis, *ends) for axis, ends in bounds.items())

    def _rule(self, rule: Rule, run: bool) -> Iterator[str]:
        """The comparisons of a rule, down to its leaves."""
        if isinstance(rule, Leaf):
            yield from self._leaf(rule.contender, run)
            return
        over, under = (" * ".join(f"axis_{axis}" for axis in side) for side in sides(rule.feature))
        yield f"if {over} <= {rule.at:.17g}{f' * {under}' if under else ''}:"
        yield from _indented(self._rule(rule.below, run))
        # Each branch returns, or falls through to what is outside.
        yield "else:"
        yield from _indented(self._rule(rule.above, run))

    def _leaf(self, name: str, run: bool) -> Iterator[str]:
        """Run a contender, or return its number; nothing for a call that it refuses."""
        if run:
            lines = list(self._run(name))
        elif name in self.lacking:
            lines = [f"if {self._plain('==')}:", f"{_INDENT}return {self.numbers[name]}"]
        else:
            lines = [f"return {self.numbers[name]}"]
        if name in self.guards:
            yield f"if {self.guards[name]}:"
            lines = list(_indented(lines))
        yield from lines

    def _run(self, name: str) -> Iterator[str]:
        """Call a contender, with options where not all are at their default."""
        call = f"return contender_{self.numbers[name]}"
        if not self.op.options:
            yield f"{call}({', '.join(self.op.arguments)})"
            return
        yield f"if {self._plain('is')}:"
        yield f"{_INDENT}{call}({', '.join(self.op.arguments)})"
        # Else on to what is outside.
        if name not in self.lacking:
            yield f"{call}({self.given})"

    def _traced(self, name: str) -> Iterator[str]:
        """Call a contender in traced code; the fallback for options that it lacks."""
        call = f"return contender_{self.numbers[name]}"
        if name not in self.lacking:
            yield f"{call}({self.given})"
            return
        yield f"if {self._plain('==')}:"
        yield f"{_INDENT}{call}({', '.join(self.op.arguments)})"
        yield f"return contender_{self.numbers[self.table.fallback]}({self.given})"

    def _plain(self, same: str) -> str:
        """Whether all options are at their default.

        same: "is", or "==" for a compiler, which doesn't know whether a number is the same object.
        """
        return " and ".join(f"{name} {same} default_{name}" for name in self.op.options)


def _within(axis: str, low: float, high: float) -> str:
    """Whether an axis has a size from the least to the largest."""
    if low == high:
        return f"axis_{axis} == {low:.17g}"
    return f"{low:.17g} <= axis_{axis} <= {high:.17g}"


def _shapes_in(text: str) -> Iterator[str]:
    """The shapes that an expression reads lengths of: "tokens.shape"."""
    for part in text.split(" // "):
        name, found, _ = part.partition(".shape")
        if found:
            yield f"{name}.shape"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    """The lines, one level further in."""
    return (_INDENT + line for line in lines)
