"""HTTP responses of the plugin: compressed, and kept by browsers as far as they may."""

from __future__ import annotations

import gzip
import json

from werkzeug.wrappers import Request, Response

#: A year: an address with a version never has other content.
_FOR_GOOD = "private, max-age=31536000, immutable"


def compressed(
    request: Request, body: bytes, content_type: str, *, tag: str = "", status: int = 200
) -> Response:
    """A response of compressed content.

    tag: by which a browser asks whether what it has is still right; without one it is right for
    good.
    """
    headers = {
        "Cache-Control": "no-cache" if tag else _FOR_GOOD,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if tag and request.if_none_match.contains(tag):
        known = headers | {"ETag": f'"{tag}"'}
        return Response(status=304, headers=known, content_type=content_type)
    if tag:
        headers["ETag"] = f'"{tag}"'
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        body = gzip.decompress(body)
    return Response(body, status=status, headers=headers, content_type=content_type)


def refused(text: str, *, status: int) -> Response:
    """A response that says why there is no answer."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    body = json.dumps({"error": text})
    return Response(body, status=status, headers=headers, content_type="application/json")
