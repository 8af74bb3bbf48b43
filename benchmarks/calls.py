"""What a call of a C++ kernel takes before it works, beside torch's own ops of as many arguments.

    python -m benchmarks.calls

Tensors are so small that the work is next to nothing. Beside the kernels, as the floor, torch's own
`neg`, called by torch.ops as ours are. Ways are timed in turn; figures are µs more than torch's op
of the same round.
"""

from __future__ import annotations

import torch

from benchmarks.in_turn import Call, added, timed_in_turn
from opbench.impls.kernels import experts_cpp, pooling_cpp, reductions_cpp, transpose_cpp
from opbench.results.statistics.intervals import median


def pairs() -> dict[str, tuple[Call, Call]]:
    """By name: a kernel's call, and that of torch's op of as many tensors."""
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    images, lengths = torch.randn(1, 4, 2), torch.tensor([[1, 3]])
    index = torch.zeros(1, 2, 2, dtype=torch.long)
    neg = torch.ops.aten.neg.default
    return {
        "neg, by torch.ops": (lambda: neg(x), lambda: torch.neg(x)),
        "batched_softmax": (
            lambda: reductions_cpp.batched_softmax(x),
            lambda: torch.softmax(x, 1),
        ),
        "batched_dot_product_nd": (
            lambda: reductions_cpp.batched_dot_product_nd(x, y),
            lambda: torch.linalg.vecdot(x, y),
        ),
        "batch_transpose": (
            lambda: transpose_cpp.transpose(images),
            lambda: torch.transpose_copy(images, 1, 2),
        ),
        "moe_combine": (
            lambda: experts_cpp.moe_combine(images, x[:1, :4]),
            lambda: torch.einsum("tkd,tk->td", images, x[:1, :4]),
        ),
        "patch_pooling": (
            lambda: pooling_cpp.patch_pooling(images, lengths),
            lambda: torch.gather(images, 1, index),
        ),
    }


def main() -> None:
    """Print what each kernel's call adds to that of torch's op."""
    torch.set_num_threads(1)
    print(f"{'':24} torch, µs   more, µs")
    for name, (ours, torchs) in pairs().items():
        times = timed_in_turn({"ours": ours, "torch": torchs})
        more = added(times["ours"], times["torch"])
        print(f"{name:24} {median(times['torch']) * 1e6:9.2f}   {more}", flush=True)


if __name__ == "__main__":
    main()
