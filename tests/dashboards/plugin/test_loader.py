"""Nothing that the entry point does can keep TensorBoard from starting, or delay it."""

import ast
import subprocess
import sys
from importlib import metadata

from tests.imports import imports_of
from tests.places import ROOT

LOADER = ROOT / "dashboards" / "plugin" / "loader.py"
#: What takes long to import; nothing of it is needed before somebody looks at the plugin's tab.
HEAVY = ("torch", "numpy", "pandas", "scipy", "matplotlib", "plotly", "opbench.results")
LOAD = f"""
import sys
from tensorboard.plugins import base_plugin
from opbench.dashboards.plugin.loader import Loader
before = set(sys.modules)
plugin = Loader().load(base_plugin.TBContext(logdir=sys.argv[1]))
plugin.get_plugin_apps(), plugin.frontend_metadata(), plugin.is_active()
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_the_entry_point_is_the_loader():
    (entry,) = metadata.entry_points(group="tensorboard_plugins", name="opbench")
    assert entry.value == "opbench.dashboards.plugin.loader:Loader"


def test_the_entry_module_imports_the_base_class_only():
    assert list(imports_of(LOADER, within_functions=False)) == [
        "__future__.annotations",
        "tensorboard.plugins.base_plugin",
    ]
    package = ROOT / "dashboards" / "plugin" / "__init__.py"
    assert [type(node) for node in ast.parse(package.read_text()).body] == [ast.Expr]


def test_the_plugin_is_loaded_without_what_takes_long(tmp_path):
    done = subprocess.run(
        (sys.executable, "-c", LOAD, str(tmp_path)), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
