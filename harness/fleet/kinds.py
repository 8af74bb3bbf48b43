"""The kinds of machine that a run is to be made on, and the nodes of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opbench.harness.declaration.suggestions import near
from opbench.results.errors import SelectionError

#: The device of torch, by the first part of a kind.
DEVICES = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda", "xpu": "xpu", "mps": "mps"}
#: The label of a node that says which kind it is, and the one that engines set by themselves.
LABEL, ACCELERATOR = "opbench-kind", "ray.io/accelerator-type"


@dataclass(frozen=True, slots=True)
class FleetKind:
    """A kind of machine as it was asked for."""

    #: "gpu:h100", say; "" where kinds were not asked for.
    name: str
    #: The device of torch that it uses; "" for that of the run's options.
    device: str
    #: The label that its nodes have; "" for any.
    label: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node, as an engine knows it."""

    #: Unique in the engine, and never used again.
    id: str
    #: For people, and the same when it comes back.
    name: str
    labels: Mapping[str, str]


def parse_kinds(text: str) -> tuple[FleetKind, ...]:
    """The kinds of "cpu:epyc,gpu:h100"; one of any node where there is no text.

    Raises SelectionError where a device isn't known, or a kind is named twice.
    """
    if not text:
        return (FleetKind("", "", ""),)
    kinds = tuple(_kind(name.strip()) for name in text.split(","))
    if len(kinds) > 1 and (plain := [kind.name for kind in kinds if not kind.label]):
        raise SelectionError(
            f"--kinds: {plain[0]!r} has no label, and would take the nodes of others: name it "
            f"{plain[0]}:LABEL, and start its nodes with --labels {LABEL}=LABEL"
        )
    if len({kind.label for kind in kinds}) < len(kinds):
        raise SelectionError(f"--kinds {text!r} has a kind twice: a node is of one kind")
    return kinds


def _kind(name: str) -> FleetKind:
    """One kind. Raises SelectionError where it isn't one."""
    device, _, label = name.partition(":")
    if device not in DEVICES:
        raise SelectionError(
            f"--kinds: {name!r} begins with no device{near(device, DEVICES)}; "
            "kinds are such as cpu:epyc or gpu:h100"
        )
    return FleetKind(name, DEVICES[device], label)


def kind_of(node: NodeFacts, kinds: Iterable[FleetKind]) -> FleetKind | None:
    """The kind that a node belongs to; None where it belongs to none."""
    labels = {node.labels.get(name, "").casefold() for name in (LABEL, ACCELERATOR)}
    return next((kind for kind in kinds if kind.label.casefold() in (labels | {""})), None)


def plan_lines(
    kinds: Iterable[FleetKind],
    cases: Mapping[str, int],
    nodes: Iterable[NodeFacts],
    budget_s: float,
) -> list[str]:
    """What is about to be done by each kind, a line each, before anything starts.

    cases: how many, by the kind's name. budget_s: seconds of the race of a case.
    """
    kinds, nodes = tuple(kinds), tuple(nodes)
    lines = []
    for kind in kinds:
        own = [node for node in nodes if kind_of(node, kinds) == kind]
        what = f"{kind.name or 'all nodes'}: {cases[kind.name]} cases"
        if not own:
            lines.append(f"{what}, not run unless a node comes: {why_no_node(kind)}")
            continue
        races_s = -(-cases[kind.name] // len(own)) * budget_s
        number = f"{len(own)} node{'s' if len(own) > 1 else ''}"
        lines.append(f"{what} on {number}, {races_s:.0f} s of races on each and what comes on top")
    return lines


def why_no_node(kind: FleetKind) -> str:
    """Why a kind has no node, and what would be one."""
    if kind.label:
        return f"no node has the label {LABEL}={kind.label}"
    return "no node has the resource that says that opbench may use it"
