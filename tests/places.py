"""Where the files of this checkout lie."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
#: Modules of ops and contenders that tests load.
LOADED = ROOT / "tests" / "loaded"
