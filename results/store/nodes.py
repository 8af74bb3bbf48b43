"""The anchors of each node of a fleet, run after run: what it is held to.

<store>/nodes/<environment key>/<node>/<time>.json      seconds per call of each anchor
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from opbench.results.store.attempts import Objects, new_name

#: The latest measurements, that are its history.
LATEST = 20


class NodeHistory:
    """What the nodes of a store took for their anchors."""

    def __init__(self, store: str) -> None:
        """store: a URL. Raises RunFolderError where it can't be used."""
        self._objects = Objects(store, "nodes")

    def add(self, key: str, node: str, seconds: Mapping[str, float]) -> None:
        """Keep a measurement of a node. Raises RunFolderError where the store doesn't take it."""
        text = json.dumps(dict(seconds)).encode()
        self._objects.write(f"{_folder(key, node)}/{new_name()}.json", text)

    def of(self, key: str, node: str) -> tuple[dict[str, float], ...]:
        """The latest measurements of a node, the first of them first; what is damaged is left out.

        Raises RunFolderError where the store can't be read.
        """
        paths = sorted(self._objects.list(_folder(key, node)))[-LATEST:]
        found = (_seconds(self._objects.read(path)) for path in paths)
        return tuple(filter(None, found))


def _folder(key: str, node: str) -> str:
    """The folder of a node, whatever it is called."""
    return f"{key}/{re.sub(r'[^A-Za-z0-9._-]', '_', node).lstrip('.') or '_'}"


def _seconds(text: bytes) -> dict[str, float]:
    """A measurement; {} where it is none."""
    try:
        return {str(name): float(value) for name, value in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        return {}
