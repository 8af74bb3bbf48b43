"""Call a function in a process of its own, which takes its leaks along when it ends.

The function has to be a module's, and its arguments and result are pickled.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from opbench.harness.versions import own_packages
from opbench.results.errors import VersionError

T = TypeVar("T")

#: The first steps of the process, which runs this very opbench. As a text: a function of opbench
#: would be looked for by the search path. Only a main module may have imported opbench by then.
_START = f"""
import sys
if "opbench" not in sys.modules:
    exec({own_packages.program()!r})
from opbench.harness.execution.child import stand_apart
stand_apart()
"""


def call_in_subprocess(function: Callable[..., T], *arguments: object) -> T:
    """Call a module's function in a fresh process of this interpreter; return or raise as it does.

    Raises VersionError if that process dies. An interruption ends it.
    """
    fresh = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=exec, initargs=(_START, {})) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise VersionError("the process that was to load a version has died of it") from error
        except KeyboardInterrupt:
            # The pool would otherwise wait for it.
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            raise
