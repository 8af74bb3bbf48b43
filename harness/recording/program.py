"""Run a program as Python would, with its calls of ops counted: in a process of its own.

Nothing of torch is imported before the program does, nor is the catalogue: what is to be recognised
comes in a file, and what was counted goes into another one at the end, however the program ends.
Only `os._exit` and SIGKILL leave nothing behind.
"""

from __future__ import annotations

import atexit
import os
import pickle
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

from opbench.harness.recording.later import LaterImports
from opbench.results.errors import one_line

if TYPE_CHECKING:
    from opbench.harness.recording.recognised import Recognised
    from opbench.harness.recording.recorder import Recorder

#: In the folder that both processes know: what is recognised, what was counted, what went wrong.
RECOGNISED, COUNTED, FAULT = "recognised", "counted", "fault"
#: Signals that end a program without its last words, unless it handles them.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Run what the command line says: the folder, "-m" or "", the program, and its arguments."""
    folder, kind, program, *args = sys.argv[1:]
    _Counted(Path(folder), os.getpid()).begin()
    sys.argv[:] = [program, *args]
    if kind == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        _run_script(program)


def _run_script(path: str) -> None:
    """Run a script as `python PATH` does: as the main module, with its folder first to import."""
    if not sys.flags.safe_path:
        sys.path[0] = str(Path(path).resolve().parent)
    module = ModuleType("__main__")
    loader = SourceFileLoader("__main__", path)
    vars(module).update(
        __file__=path, __loader__=loader, __builtins__=__builtins__, __cached__=None
    )
    sys.modules["__main__"] = module
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    exec(code, vars(module))


class _Counted:
    """The counts of this process, from the moment that torch has been imported.

    Before that nothing can be called that counts, and to import it ourselves would be too early for
    a program that sets the environment first.
    """

    def __init__(self, folder: Path, process: int) -> None:
        self._folder = folder
        #: Processes that this one forks have nothing to write.
        self._process = process
        self._recorder: Recorder | None = None

    def begin(self) -> None:
        """Count as soon as torch is there, and write it down at the end."""
        later = LaterImports(("torch",), self._imported)
        later.begin()
        atexit.register(self._write)
        for number in _ENDING:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, self._ended)

    def _imported(self, _: ModuleType) -> None:
        """Begin to count; what goes wrong with that is none of the program's business."""
        self._carefully(self._begin)

    def _begin(self) -> None:
        """Count, now that torch is there."""
        from opbench.harness.recording.recorder import Recorder

        recognised: Recognised = pickle.loads((self._folder / RECOGNISED).read_bytes())
        self._recorder = Recorder(recognised)
        self._recorder.begin()

    def _write(self) -> None:
        """Write what was counted, which isn't to be interrupted."""
        if os.getpid() == self._process:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            self._carefully(self._finish)
            signal.signal(signal.SIGINT, before)

    def _finish(self) -> None:
        """Count no more, and write once what was counted."""
        if self._recorder is None:
            return
        recorder, self._recorder = self._recorder, None
        recorder.end()
        counted = (recorder.facts(), recorder.compiled_graphs())
        unfinished = self._folder / f"{COUNTED}.part"
        unfinished.write_bytes(pickle.dumps(counted))
        unfinished.rename(self._folder / COUNTED)

    def _ended(self, number: int, _: FrameType | None) -> None:
        """Write, and end by the signal as if nobody had handled it."""
        self._write()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _carefully(self, step: Callable[[], None]) -> None:
        """Take a step; a fault of it is said by the other process, once the program has ended."""
        try:
            step()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the program is to go on
            text = f"{one_line(error)}\n{traceback.format_exc()}"
            (self._folder / FAULT).write_text(text, encoding="utf-8")
