"""Patch lengths of real text: what a byte-level model that splits before spaces would see."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

#: A word, a run of signs or the white space between them; a word takes the space before it.
_PATCH = re.compile(rb"\s?\w+|\s?[^\w\s]+|\s+")


def text_lengths(rows: int, size: int, patches: int, rng: Generator) -> Tensor:
    """Lengths [rows, patches] of the patches of `size` bytes of text, zero where it has ended.

    Each row reads from another place. The last patch is cut where the row's bytes end, and the
    text is cut where there are more patches than asked for.
    """
    lengths = torch.zeros(rows, patches, dtype=torch.int64)
    words = torch.tensor(_word_lengths(), dtype=torch.int64)
    starts = torch.randint(len(words), (rows,), generator=rng)
    for row, start in zip(lengths, starts.tolist(), strict=True):
        taken = words.roll(-start)[:patches]
        ends = taken.cumsum(0).clamp(max=size)
        row[: len(taken)] = ends.diff(prepend=ends.new_zeros(1))
    return lengths


@cache
def _word_lengths() -> tuple[int, ...]:
    """Bytes of every patch of the language reference that comes with each CPython."""
    from pydoc_data.topics import topics

    text = "\n".join(topics.values()).encode()
    return tuple(len(patch) for patch in _PATCH.findall(text))
