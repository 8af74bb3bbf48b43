"""What the compiler made of a contender: graphs, the breaks between them, and kernels."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from opbench.results.errors import UnsupportedError


def forget() -> None:
    """Begin counting: what was compiled before belongs to others."""
    if "torch._dynamo" in sys.modules:
        from torch._dynamo.utils import counters

        counters.clear()
    if "torch._inductor.metrics" in sys.modules:
        from torch._inductor import metrics

        metrics.reset()


def gather() -> Iterator[tuple[str, float]]:
    """The figures of what was compiled since `forget`.

    Raises UnsupportedError where nothing was.
    """
    if "torch._dynamo" not in sys.modules:
        raise UnsupportedError("not needed: nothing was compiled")
    from torch._dynamo.utils import counters

    graphs = counters["stats"].get("unique_graphs", 0)
    if not graphs:
        raise UnsupportedError("not needed: nothing was compiled")
    yield "graphs", float(graphs)
    yield "graph_breaks", float(sum(counters["graph_break"].values()))
    if "torch._inductor.metrics" in sys.modules:
        from torch._inductor import metrics

        yield "compiled_kernels", float(metrics.generated_kernel_count)
