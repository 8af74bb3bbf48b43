"""A program of its own kind: it trains a few steps, and calls ops by whatever way there is.

What it does after that its first argument says; `-o`, say, is none of opbench's here.
"""

import os
import signal
import sys

os.environ["OMP_NUM_THREADS"] = "1"
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.functional import softmax as soft

from opbench import impl


@impl("batched_logsumexp")
def own(matrix):
    return matrix.exp().sum(1).log()


def train(steps):
    """The loss after some steps."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=(1, 1)), nn.ReLU(), nn.Flatten())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        logits = net(torch.randn(2, 3, 4, 4))
        loss = cross_entropy(logits, torch.tensor([0, 3]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            own(logits)
            soft(logits.reshape(2, 8, 8), dim=-1)
            logits.softmax(0)
    return loss.item()


if __name__ == "__main__":
    assert torch.get_num_threads() == 1
    sys.stdout.write(f"{train(3)!r} {sys.argv[1:]}\n")
    sys.stdout.flush()
    ending = sys.argv[1] if sys.argv[1:] else ""
    if ending == "raises":
        raise ValueError("on purpose")
    if ending == "exits":
        sys.exit(3)
    if ending.isdecimal():
        # As a terminal or `kill` would, once it is under way.
        os.kill(os.getpid(), int(ending))
    if ending == "waits" or ending.isdecimal():
        signal.pause()
