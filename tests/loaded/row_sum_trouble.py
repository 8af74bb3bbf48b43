"""Contenders for somebody else's op: one wrong, one that raises, one that exits the check only."""

from opbench import impl


@impl("row_sum")
def planted_wrong(x):
    return x.mean(1)


@impl("row_sum")
def planted_raise(x):
    raise RuntimeError("no luck today")
