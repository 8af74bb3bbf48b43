"""The HTML of a report: what it holds as JSON in the page, and the script that unpacks it.

The plugin's modules are used as they are. Only `static/api.js` stands in for the one that asks a
server, and `static/start.js` for what TensorBoard does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from pathlib import Path

from opbench.dashboards.plugin.static_files import CHARTS, static_files
from opbench.dashboards.report.collected import Collected
from opbench.dashboards.report.modules import addresses, module_name
from opbench.results.errors import OpbenchError

_START = Path(__file__).parent / "static" / "start.js"
#: Nothing is asked of anybody, and no script runs but the page's own.
_POLICY = (
    "default-src data: blob:; script-src 'nonce-{nonce}' data: blob:; "
    "style-src 'unsafe-inline' data:; object-src 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,">
<title>opbench</title>
</head>
<body>
<noscript>This report is drawn by scripts, which are turned off here.</noscript>
<script type="application/json" id="contents">{contents}</script>
<script nonce="{nonce}">
{start}</script>
</body>
</html>
"""


def page(collected: Collected) -> str:
    """The page that shows what was collected. Raises OpbenchError where plotly is missing."""
    contents = _embedded(_contents(collected))
    # Another one for other contents.
    nonce = hashlib.sha256(contents.encode()).hexdigest()[:32]
    return _PAGE.format(
        policy=_POLICY.format(nonce=nonce),
        contents=contents,
        nonce=nonce,
        start=_START.read_text(encoding="utf-8"),
    )


def _contents(collected: Collected) -> dict[str, object]:
    """What the script unpacks, and what answers the views."""
    files = static_files()
    if CHARTS not in files.files:
        raise OpbenchError("a report needs plotly: pip install plotly")
    return {
        "imports": addresses(files),
        "charts": module_name(CHARTS),
        "library": _as_text(files.compressed(CHARTS)),
        "tags": collected.tags,
        "bodies": {tag: _as_text(body) for tag, body in collected.bodies.items()},
        "refusals": collected.refusals,
        "elsewhere": f"tensorboard --logdir {shlex.quote(collected.log.logdir)}",
    }


def _as_text(content: bytes) -> str:
    """Bytes as text that any page can hold."""
    return base64.b64encode(content).decode()


def _embedded(contents: dict[str, object]) -> str:
    """JSON that no name in it can end: a script ends at "</script>", wherever that stands."""
    return json.dumps(contents, separators=(",", ":")).replace("<", "\\u003c")
