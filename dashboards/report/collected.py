"""The answers that a report holds, up to a size: of those that are alike, one.

Each answer is compressed by itself, and the page unpacks those that
are looked at: a report with ten thousand rows opens as quickly as a small one.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
from dataclasses import dataclass, field
from typing import Any

from opbench.dashboards.plugin import data
from opbench.dashboards.plugin.answers import Module
from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.routes import MODULES
from opbench.results.errors import OpbenchError

#: So much of a page all answers may take, in characters; the page itself has two million.
MOST = 5_700_000


@dataclass(slots=True)
class Collected:
    """What was answered, to be asked for again without the runs."""

    log: LogFolder
    #: So many characters of a page the answers may take.
    most: int = MOST
    #: By question, the tag of its answer.
    tags: dict[str, str] = field(default_factory=dict, init=False)
    #: By tag, compressed JSON.
    bodies: dict[str, bytes] = field(default_factory=dict, init=False)
    #: By question, why there is no answer.
    refusals: dict[str, str] = field(default_factory=dict, init=False)
    #: How many answers are missing since the report would be too large.
    left_out: int = field(default=0, init=False)
    _size: int = field(default=0, init=False)

    def ask(self, route: str, **parameters: str) -> dict[str, Any]:
        """The answer to a question, which is kept; an empty one where there is none."""
        module: Module = importlib.import_module(f"{data.__name__}.{MODULES[f'/{route}']}")
        try:
            found = module.answer(self.log, {name: [value] for name, value in parameters.items()})
        except OpbenchError as error:
            key, text = question(route, parameters), str(error)
            if self._take(len(json.dumps([key, text]))):
                self.refusals[key] = text
            return {}
        self.put(route, parameters, found)
        return found

    def put(self, route: str, parameters: dict[str, str], answer: object) -> None:
        """Keep an answer, unless the report would be too large with it."""
        text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
        body = gzip.compress(text.encode(), mtime=0)
        tag = hashlib.sha256(body).hexdigest()[:20]
        size = 0 if tag in self.bodies else _as_text(body)
        if self._tag(question(route, parameters), tag, size):
            self.bodies[tag] = body

    def repeat(self, route: str, given: dict[str, str], **more: str) -> None:
        """Let a question with more parameters have the answer of the one without them."""
        tag = self.tags.get(question(route, given))
        if tag is not None:
            self._tag(question(route, given | more), tag, 0)

    def _tag(self, key: str, tag: str, size: int) -> bool:
        """Whether there was room for a question with an answer of some size; it is noted then."""
        fits = self._take(len(json.dumps([key, tag])) + size)
        if fits:
            self.tags[key] = tag
        return fits

    def _take(self, size: int) -> bool:
        """Whether there is room for so much more, which then is taken."""
        if self._size + size > self.most:
            self.left_out += 1
            return False
        self._size += size
        return True


def question(route: str, parameters: dict[str, str]) -> str:
    """A question as the page looks its answer up; `api.js` makes the same of it."""
    return "\n".join([route, *(f"{name}={value}" for name, value in sorted(parameters.items()))])


def _as_text(body: bytes) -> int:
    """The characters of an answer in a page, its tag among them."""
    return len(body) * 4 // 3 + 30
