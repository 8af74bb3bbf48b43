"""The declared races: what is refused, what text looks like, and what the inputs hold."""

import math

import pytest
import torch

from opbench import load
from opbench.harness.declaration.named_arguments import call_named
from opbench.suites import spans
from opbench.suites.text import text_lengths

CATALOG = load("opbench.suites.pooling", "opbench.suites.boundaries", entry_points=False)
OPS = CATALOG.ops


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def refused(op, error, *parts, **values):
    declared = OPS[op]
    defaults = dict.fromkeys(declared.options)
    with pytest.raises(error) as caught:
        call_named(declared.validate, {**defaults, **values})
    message = str(caught.value)
    assert message.startswith(f"{op}: ")
    for part in parts:
        assert part in message


TOKENS = torch.zeros(2, 6, 3)


@pytest.mark.parametrize(
    ("tokens", "lengths", "error", "parts"),
    [
        (TOKENS, torch.tensor([[1, 2], [4, 5]]), ValueError, ("row 1", "9", "[3, 9]", "6")),
        (TOKENS, torch.tensor([[1, 2], [4, -5]]), ValueError, ("row 1", "-5")),
        (TOKENS, torch.ones(3, 2, dtype=torch.int64), ValueError, ("lengths: 3 rows", "2")),
        (TOKENS[0], torch.ones(2, 2, dtype=torch.int64), ValueError, ("tokens", "[6, 3]")),
        (TOKENS, torch.ones(2, dtype=torch.int64), ValueError, ("lengths", "[2]")),
        (TOKENS.long(), torch.ones(2, 2, dtype=torch.int64), TypeError, ("tokens", "int64")),
        (TOKENS, torch.ones(2, 2), TypeError, ("lengths", "float32")),
        (TOKENS, torch.ones(2, 2, dtype=torch.bool), TypeError, ("lengths", "bool")),
    ],
)
def test_patch_pooling_refuses(tokens, lengths, error, parts):
    refused("patch_pooling", error, *parts, tokens=tokens, lengths=lengths)


@pytest.mark.parametrize(
    ("ids", "num_patches", "error", "parts"),
    [
        (torch.zeros(2, 5, dtype=torch.int64), 3, ValueError, ("ids", "[2, 5]", "[2, 6]")),
        (torch.zeros(2, 6), 3, TypeError, ("ids", "float32")),
        (torch.zeros(2, 6, dtype=torch.int64), -1, ValueError, ("num_patches", "-1")),
        (torch.zeros(2, 6, dtype=torch.int64), 2.0, TypeError, ("num_patches", "2.0")),
    ],
)
def test_patch_pooling_ids_refuses(ids, num_patches, error, parts):
    values = {"tokens": TOKENS, "ids": ids, "num_patches": num_patches}
    refused("patch_pooling_ids", error, *parts, **values)


@pytest.mark.parametrize(
    ("changed", "error", "parts"),
    [
        ({"boundaries": torch.full((2, 6), 0.5)}, ValueError, ("boundaries", "0.5", "0 and 1")),
        ({"boundaries": torch.zeros(6)}, ValueError, ("boundaries", "[6]")),
        ({"hidden": torch.zeros(6, 3, 4)}, ValueError, ("hidden", "[6, 3, 4]")),
        ({"hidden": torch.zeros(6, 2, 4, dtype=torch.int32)}, TypeError, ("hidden", "int32")),
        ({"null_group": torch.zeros(4)}, ValueError, ("null_group", "[4]", "[1, 1, 4]")),
        ({"null_group": torch.zeros(1, 1, 4).half()}, TypeError, ("null_group", "float16")),
        ({"groups": -1}, ValueError, ("groups", "-1")),
        ({"groups": 1.5}, TypeError, ("groups", "1.5")),
    ],
)
def test_boundary_downsample_refuses(changed, error, parts):
    values = {
        "boundaries": torch.zeros(2, 6),
        "hidden": torch.zeros(6, 2, 4),
        "null_group": torch.zeros(1, 1, 4),
    }
    refused("boundary_downsample", error, *parts, **{**values, **changed})


@pytest.mark.parametrize(
    ("boundaries", "shortened", "parts"),
    [
        (torch.tensor([[0, 1], [1, 1]]), torch.zeros(2, 2, 4), ("row 1", "2", "[1, 2]")),
        (torch.zeros(2, 2), torch.zeros(0, 2, 4), ("shortened", "[0, 2, 4]")),
        (torch.zeros(2, 2), torch.zeros(1, 3, 4), ("shortened", "[1, 3, 4]")),
    ],
)
def test_boundary_upsample_refuses(boundaries, shortened, parts):
    refused("boundary_upsample", ValueError, *parts, boundaries=boundaries, shortened=shortened)


@pytest.mark.parametrize(("size", "patches"), [(1024, 256), (37, 11), (5, 40), (0, 3), (9, 0)])
def test_text_fits(size, patches):
    lengths = text_lengths(4, size, patches, rng())
    assert lengths.shape == (4, patches)
    assert (lengths >= 0).all()
    assert (lengths.sum(1) <= size).all()
    # Once a row is empty it stays so: the text has ended.
    assert not ((lengths[:, 1:] > 0) & (lengths[:, :-1] == 0)).any()


def test_text_is_seeded_and_its_rows_differ():
    first, same, other = (text_lengths(2, 512, 128, rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_text_has_the_lengths_of_words():
    lengths = text_lengths(16, 1 << 20, 1024, rng())
    assert 4 < lengths.float().mean() < 6
    assert lengths.max() > 12


@pytest.mark.parametrize(
    "make", [spans.cuts, spans.skewed, spans.giant, spans.half_empty, spans.short, spans.equal]
)
@pytest.mark.parametrize(("size", "patches"), [(301, 29), (3, 8), (8, 8), (0, 3), (5, 0), (1, 1)])
def test_spans_fit(make, size, patches):
    lengths = make(5, size, patches, rng())
    assert lengths.shape == (5, patches)
    assert (lengths >= 0).all()
    assert (lengths.sum(1) <= size).all()


def test_spans_are_what_they_are_called():
    assert (spans.cuts(5, 64, 64, rng()) == 1).all()
    assert ((spans.half_empty(5, 64, 16, rng()) == 0).sum(1) == 8).all()
    assert (spans.giant(5, 64, 16, rng()).max(1).values == 64).all()
    assert (spans.short(5, 66, 8, rng()).sum(1) <= 22).all()
    skewed = spans.skewed(5, 4096, 16, rng()).sort(1, descending=True).values
    assert (skewed[:, 0] >= 2 * skewed[:, 1] - 1).all()


def test_nonfinite_spans():
    ids = torch.arange(8).repeat_interleave(4)[None]
    values = spans.with_nonfinite(torch.zeros(1, 32, 16), ids, rng())[0].view(8, -1)
    assert values[[0, 2, 6]].isfinite().all()
    assert values[[1, 7]].isnan().any(1).all()
    assert (values[3].max(), values[5].min()) == (math.inf, -math.inf)
    assert (values[4].max(), values[4].min()) == (math.inf, -math.inf)


def test_cost_of_patch_pooling():
    op = OPS["patch_pooling"]
    axes = {"B": 1, "S": 6, "D": 5, "P": 3}
    values = {**axes, "lengths": torch.tensor([[3, 1, 1]]), "e": 2}
    forward = call_named(op.cost, {**values, "direction": "forward"})
    assert (forward.flops, forward.bytes) == (25, 2 * (25 + 15) + 24)
    backward = call_named(op.cost, {**values, "direction": "backward"})
    assert (backward.flops, backward.bytes) == (15, 2 * (15 + 30) + 24)
    both = call_named(op.cost, {**values, "direction": "both"})
    assert (both.flops, both.bytes) == (40, forward.bytes + backward.bytes)


def test_cost_of_boundaries():
    values = {"L": 6, "B": 2, "D": 4, "e": 4, "direction": "forward", "groups": None}
    values["boundaries"] = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]])
    down = call_named(OPS["boundary_downsample"].cost, values)
    assert (down.flops, down.bytes) == (48, 4 * (48 + 24))
    up = call_named(OPS["boundary_upsample"].cost, {**values, "shortened": torch.zeros(3, 2, 4)})
    assert (up.flops, up.bytes) == (0, 4 * (48 + 24))
