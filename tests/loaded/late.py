"""A contender that leaves something behind of which another one dies."""

import os

from opbench import impl

LEFT = []


@impl("row_sum")
def leaves_a_trap(x):
    LEFT.append("trap")
    return x.sum(1)


@impl("row_sum")
def falls_into_it(x):
    if LEFT:
        os._exit(1)
    return x.sum(1)
