"""Versions of a project whose modules all say which version they are of."""

from opbench.harness.versions.sources import Version
from tests.harness.projects import OPS

#: Contenders, one of which imports a module while it runs.
OPS_OF = (
    OPS
    + """

import inner_module


@impl("row_sum")
def late(x):
    import late_module

    return inner_module.VALUE, late_module.VALUE
"""
)


def version(root, value, *, home=None, below="", modules=("ops.py",)):
    """A version of a project whose modules all say `value`, with those of its own `below`."""
    (root / below).mkdir(parents=True, exist_ok=True)
    (root / "ops.py").write_text(OPS_OF)
    for name in ("inner_module", "late_module"):
        (root / below / f"{name}.py").write_text(f"VALUE = {value!r}\n")
    return Version(label=root.name, root=root, home=home or root, modules=modules)
