"""The questions that the plugin answers."""

from __future__ import annotations

#: By route below data/plugin/opbench, the module of `opbench.dashboards.plugin.data` that answers.
MODULES = {
    "/runs": "runs",
    "/run": "run",
    "/leaderboard": "leaderboard",
    "/environment": "environment",
    "/crossover": "crossover",
    "/regions": "regions",
    "/compare": "compare",
    "/history": "history",
    "/matrix": "matrix",
    "/roofline": "roofline",
    "/profiles": "profiles",
    "/profile": "profile",
}
