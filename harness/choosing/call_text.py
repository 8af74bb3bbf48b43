"""A call in words, for those who ask why it isn't among what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from opbench.harness.choosing.call_axes import read_axis
from opbench.harness.declare import Op
from opbench.results.choosing.table import Table


def call_text(table: Table, op: Op, args: Sequence[Any], options: Mapping[str, Any]) -> str:
    """What a table looks at in a call: "float32 with gradients t2: B=4, S=1024".

    As `Situation.label` says it, as far as a call shows it; options that aren't at their default
    go last, as a contender may lack them.
    """
    values = {**dict(zip(op.arguments, args, strict=False)), **options}
    main = read_axis(table.tensor, values) if table.tensor else None
    parts = [str(main.dtype).removeprefix("torch.")] if isinstance(main, torch.Tensor) else []
    parts += ["with gradients" if _needs_gradient(op, values) else "without gradients"]
    parts += [f"t{torch.get_num_threads()}"]
    if isinstance(main, torch.Tensor) and not main.is_cpu:
        parts.append(str(main.device))
    sizes = [f"{axis}={read_axis(text, values)}" for axis, text in table.reads.items()]
    sizes += [f"{name} given" for name in options if options[name] is not op.defaults.get(name)]
    return f"{' '.join(parts)}: {', '.join(sizes)}"


def _needs_gradient(op: Op, values: Mapping[str, Any]) -> bool:
    """Whether a call is to have a backward pass."""
    given = [values.get(name) for name in op.grad]
    tensors = [t for v in given for t in (v if isinstance(v, tuple | list) else (v,))]
    return torch.is_grad_enabled() and any(getattr(t, "requires_grad", False) for t in tensors)
