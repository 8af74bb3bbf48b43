"""The entry point of the TensorBoard plugin.

TensorBoard imports it unguarded when it starts, so that nothing but its own base class is imported
here: what fails in `load` is logged, and TensorBoard goes on without the plugin.
"""

from __future__ import annotations

from tensorboard.plugins import base_plugin


class Loader(base_plugin.TBLoader):  # type: ignore[misc] # tensorboard has no types
    """Makes the plugin when TensorBoard starts."""

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin:
        """The plugin on TensorBoard's log directory."""
        from opbench.dashboards.plugin.plugin import Plugin

        return Plugin(context)
