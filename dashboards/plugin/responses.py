"""HTTP responses of the plugin: compressed, and kept by browsers as far as they may."""

from __future__ import annotations

import gzip
import json

from werkzeug.wrappers import Request, Response

#: A year: an address with a version never has other content.
_FOR_GOOD = "private, max-age=31536000, immutable"


def compressed(
    request: Request, body: bytes, content_type: str, *, is_lasting: bool = True
) -> Response:
    """A response of compressed content.

    is_lasting: whether its address has a version, so that a browser need never ask again.
    """
    headers = {
        "Cache-Control": _FOR_GOOD if is_lasting else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, headers=headers, content_type=content_type)


def refused(text: str, *, status: int) -> Response:
    """A response that says why there is no answer."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    body = json.dumps({"error": text})
    return Response(body, status=status, headers=headers, content_type="application/json")
