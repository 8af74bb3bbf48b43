"""A function called in a process of its own, which takes what it leaves behind along."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from opbench.harness.execution.child import stand_apart
from opbench.results.errors import VersionError

T = TypeVar("T")


def called_elsewhere(function: Callable[..., T], *arguments: object) -> T:
    """What a function of a module returns, or raises, in a fresh process of this interpreter.

    Raises VersionError where that process dies of it. Whoever is interrupted meanwhile leaves
    no process behind.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=stand_apart) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise VersionError("the process that was to load a version has died of it") from error
        except KeyboardInterrupt:
            # Else the pool would wait for it.
            for process in multiprocessing.active_children():
                process.kill()
            raise
