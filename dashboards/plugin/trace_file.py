"""The trace of a profile, sent as it is: to Perfetto, and to people who keep it."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import wrap_file

from opbench.dashboards.plugin.log_folder import LogFolder
from opbench.dashboards.plugin.profile_list import profile_named
from opbench.dashboards.plugin.responses import refused
from opbench.results.errors import OpbenchError


def trace_file(log: LogFolder, request: Request) -> Response:
    """The trace of the profile that `profile` names, found by what its record says."""
    try:
        known = profile_named(log, request.args.to_dict(flat=False), "profile")
        file = known.open_trace()
    except OpbenchError as error:
        return refused(str(error), status=404)
    headers = {
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="{known.id}.pt.trace.json"',
    }
    return Response(
        wrap_file(request.environ, file),
        headers=headers,
        content_type="application/json",
        direct_passthrough=True,
    )
