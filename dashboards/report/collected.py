"""The answers that a report holds, up to a size: of those that are alike, one.

Answers stay compressed as the backend made them, each by itself, and the page unpacks those that
are looked at: a report with ten thousand rows opens as quickly as a small one.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from opbench.dashboards.plugin.answers import Answers
from opbench.results.errors import OpbenchError

#: So much of a page all answers may take, in characters; the page itself has two million.
MOST = 5_700_000


@dataclass(slots=True)
class Collected:
    """What was answered, to be asked for again without the runs."""

    answers: Answers
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
        try:
            query = {name: [value] for name, value in parameters.items()}
            answer = self.answers.of(f"/{route}", query)
        except OpbenchError as error:
            key, text = question(route, parameters), str(error)
            if self._take(len(json.dumps([key, text]))):
                self.refusals[key] = text
            return {}
        self.put(route, parameters, answer.body, answer.tag)
        found: dict[str, Any] = json.loads(gzip.decompress(answer.body))
        return found

    def put(self, route: str, parameters: dict[str, str], body: bytes, tag: str) -> None:
        """Keep an answer, unless the report would be too large with it.

        tag: the same for the same body, which is held once.
        """
        key = question(route, parameters)
        size = len(json.dumps([key, tag])) + (0 if tag in self.bodies else _as_text(body))
        if self._take(size):
            self.bodies[tag] = body
            self.tags[key] = tag

    def repeat(self, route: str, given: dict[str, str], **more: str) -> None:
        """Let a question with more parameters have the answer of the one without them."""
        tag = self.tags.get(question(route, given))
        if tag is not None:
            self.put(route, given | more, self.bodies[tag], tag)

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
