"""Train a small language model of bytes: bytes to words to phrases, and back.

    python byte_model.py TEXT... [--steps N] [--length BYTES] [--tables FOLDER]

Bytes are pooled to words and words to phrases, where attention is cheap, and what is found there is
spread out again. A word ends at its first space or punctuation, a phrase at a stop. No byte sees a
word or a phrase that ends after it, so that each may predict the next one.

Its four pooling and spreading calls are functions that it is given: as one would write them first,
or, with --tables, what `opbench choose` found to be the fastest for their shapes.
"""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

import opbench
from opbench.impls import boundary_downsample, boundary_upsample, patch_pooling

Ops = Mapping[str, Callable[..., Tensor]]
#: Plain PyTorch, in the way of the models that these ops come from.
FIRST: Ops = {
    "patch_pooling": patch_pooling.scatter_reduce,
    "boundary_downsample": boundary_downsample.einsum,
    "boundary_upsample": boundary_upsample.einsum,
}
#: By byte, whether it separates words, and whether it ends a phrase.
SEPARATES = torch.tensor([byte < 128 and not chr(byte).isalnum() for byte in range(256)])
STOPS = torch.tensor([chr(byte) in ".,:;!?()\n|" for byte in range(256)])


class ByteModel(nn.Module):
    """Predicts the byte after each: x[B, L] of uint8 -> logits[B, L, 256]."""

    def __init__(self, ops: Ops, *, width: int = 64) -> None:
        super().__init__()
        self.ops = ops
        self.bytes = nn.ModuleList(nn.Embedding(256, width) for _ in range(4))
        self.mix = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.no_word = nn.Parameter(torch.zeros(1, 1, width))
        self.no_phrase = nn.Parameter(torch.zeros(1, 1, width))
        self.words = Attention(width)
        self.phrases = Attention(width)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 256))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the next bytes."""
        word_ends, lengths, phrase_ends = ends_of(x)
        # Of each byte, itself and the three before it.
        padded = nn.functional.pad(x.long(), (3, 0))
        seen = [table(padded[:, i : i + x.shape[1]]) for i, table in enumerate(self.bytes)]
        here = self.mix(torch.stack(seen).sum(0))
        words = self.ops["patch_pooling"](here, lengths).transpose(0, 1)  # [P, B, D]
        phrases = self.ops["boundary_downsample"](phrase_ends, words, self.no_phrase)
        spread = self.ops["boundary_upsample"](phrase_ends, self.phrases(phrases))
        words = torch.cat([self.no_word.expand(1, len(x), -1), self.words(words + spread)])
        spread = self.ops["boundary_upsample"](word_ends, words)  # [L, B, D]
        return self.head(here + spread.transpose(0, 1))


class Attention(nn.Module):
    """Each row of x[S, B, D] sees those before it."""

    def __init__(self, width: int, *, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Attention, and what is made of it: x[S, B, D] -> [S, B, D]."""
        asked = self.ask(self.before(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = asked.permute(2, 1, 3, 0, 4)  # each [B, H, S, D/H]
        seen = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.answer(seen.permute(2, 0, 1, 3).flatten(2))
        return x + self.think(self.between(x))


def ends_of(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of x[B, L]: word ends[B, L], the lengths[B, P] of words, and which end a phrase [B, P]."""
    separates = SEPARATES[x.long()]
    ends = separates & ~nn.functional.pad(separates, (1, 0))[:, :-1]
    word = ends.cumsum(1) - ends.long()  # of each byte
    number = int(ends.sum(1).max())
    empty = torch.zeros(len(x), number + 1, dtype=torch.int64)
    lengths = empty.scatter_add(1, word, torch.ones_like(word))[:, :number]
    stops = empty.scatter_add(1, word, (ends & STOPS[x.long()]).long())[:, :number]
    return ends.float(), lengths, stops.float()


def ops_of(tables: Path | None) -> Ops:
    """The ops as first written; with a folder of tables, those that OP.json there chooses."""
    if tables is None:
        return FIRST
    return {name: opbench.dispatch(name, tables / f"{name}.json") for name in FIRST}


def steps(ops: Ops, text: bytes, *, batch: int = 4, length: int = 1024) -> Iterator[float]:
    """Train for ever on random pieces of a text; the loss of each step, in bits per byte."""
    torch.manual_seed(0)
    model = ByteModel(ops)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    data = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    rng = torch.Generator().manual_seed(0)
    while True:
        starts = torch.randint(len(data) - length, (batch, 1), generator=rng)
        pieces = data[starts + torch.arange(length + 1)]
        logits = model(pieces[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten().long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item() / math.log(2)


def main() -> None:
    """Train, and print the loss and the steps a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--length", type=int, default=1024, help="bytes of a piece")
    parser.add_argument("--tables", type=Path, help="where OP.json of `opbench choose -o` lie")
    args = parser.parse_args()
    torch.set_num_threads(1)
    text = b"".join(path.read_bytes() for path in args.text)
    training = steps(ops_of(args.tables), text, length=args.length)
    begun, losses = time.perf_counter(), []
    for number, loss in enumerate(itertools.islice(training, args.steps), start=1):
        losses.append(loss)
        if number % 20 == 0 or number == args.steps:
            print(f"step {number}: {sum(losses) / len(losses):.4f} bits per byte")
            losses.clear()
    print(f"{args.steps / (time.perf_counter() - begun):.2f} steps a second")


if __name__ == "__main__":
    main()
