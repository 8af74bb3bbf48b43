"""The TensorBoard plugin: which addresses there are, and what answers them."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tensorboard.plugins import base_plugin
from werkzeug.wrappers import Request, Response

from opbench.dashboards.plugin import perfetto
from opbench.dashboards.plugin.responses import compressed, refused
from opbench.dashboards.plugin.routes import MODULES
from opbench.dashboards.plugin.runs_below import runs_below
from opbench.dashboards.plugin.static_files import static_files

if TYPE_CHECKING:
    from opbench.dashboards.plugin.answers import Answers

#: Seconds after which runs are read ahead: TensorBoard's own page is sent first.
_AFTER_S = 0.5
#: What a server calls: the environment of a request, and how to begin a response.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Plugin(base_plugin.TBPlugin):  # type: ignore[misc] # tensorboard has no types
    """The pages of the runs below TensorBoard's log directory."""

    plugin_name = "opbench"

    def __init__(self, context: base_plugin.TBContext) -> None:
        """context: of which the log directory is used."""
        # It may be no path at all, "gs://…" say, or of somebody who has no home.
        self._logdir: str = os.path.expanduser(context.logdir or "")  # noqa: PTH111
        self._files = static_files()
        self._is_active = False

    def get_plugin_apps(self) -> Mapping[str, Application]:
        """What answers each address below data/plugin/opbench."""
        static = f"/static/{self._files.version}"
        routes: dict[str, Application] = {
            route: _application(functools.partial(self._answer, route)) for route in MODULES
        }
        return routes | {
            f"{static}/*": _application(self._file),
            f"{perfetto.ROUTE}/*": _application(perfetto.perfetto_file),
            "/trace": _application(self._trace),
        }

    def is_active(self) -> bool:
        """Whether there is a run, or was: TensorBoard asks again and again.

        A browser that asks may be about to show what the plugin has: reading begins meanwhile.
        """
        if not self._is_active and runs_below(self._logdir).places:
            self._is_active = True
            timer = threading.Timer(_AFTER_S, self._read_ahead)
            timer.daemon = True
            timer.start()
        return self._is_active

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """What TensorBoard's page has to know."""
        return base_plugin.FrontendMetadata(
            es_module_path=f"/static/{self._files.version}/index.js", tab_name="opbench"
        )

    def data_plugin_names(self) -> tuple[str, ...]:
        """None: no event file is read."""
        return ()

    @functools.cached_property
    def _answers(self) -> Answers:
        """Made at the first question: numpy, which it needs, would delay TensorBoard's start."""
        from opbench.dashboards.plugin.answers import Answers
        from opbench.dashboards.plugin.log_folder import LogFolder

        return Answers(LogFolder(self._logdir))

    def _read_ahead(self) -> None:
        """Make the answer that the first page asks for."""
        from opbench.results.errors import OpbenchError

        with contextlib.suppress(OpbenchError):
            self._answers.of("/leaderboard", {})

    def _answer(self, route: str, request: Request) -> Response:
        """The answer about the runs that a page asks for."""
        from opbench.results.errors import OpbenchError

        try:
            answer = self._answers.of(route, request.args.to_dict(flat=False))
        except OpbenchError as error:
            return refused(str(error), status=404)
        return compressed(request, answer, "application/json", is_lasting=False)

    def _trace(self, request: Request) -> Response:
        """The trace of a profile."""
        from opbench.dashboards.plugin.trace_file import trace_file

        return trace_file(self._answers.log, request)

    def _file(self, request: Request) -> Response:
        """A file of the page."""
        name = request.path.partition(f"/static/{self._files.version}/")[2]
        if name not in self._files.files:
            return refused(f"there is no file {name[:200]!r}", status=404)
        content_type = f"{self._files.files[name].content_type}; charset=utf-8"
        return compressed(request, self._files.compressed(name), content_type)


def _application(respond: Callable[[Request], Response]) -> Application:
    """A function of requests, as a server calls it."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return respond(Request(environ))(environ, start_response)

    return application
