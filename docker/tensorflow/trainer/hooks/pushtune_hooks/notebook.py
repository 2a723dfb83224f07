"""What notebooks, and scripts exported from them, rely on and plain Python lacks: `get_ipython` and `display`.

Nothing of IPython is imported unless the script does so itself.
"""

from __future__ import annotations

import builtins
import linecache
import sys
from types import FrameType, ModuleType
from typing import Any

from . import events

# Cell magics whose cell is Python that has to run; of lines it is `%time` alone.
PYTHON_MAGICS = {"time", "timeit", "capture", "prun"}
# Magics of which nothing is missing when they are left out.
SILENT_MAGICS = set(
    "matplotlib pylab config reload_ext load_ext autoreload tensorflow_version tensorboard pinfo pinfo2 who whos ls pwd "
    "html HTML javascript js latex markdown svg".split()
)


class StandInShell:
    """Stands where `get_ipython()` gives the running shell: what is Python is run, other commands are told and skipped."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}

    def __bool__(self) -> bool:
        """Libraries that ask whether they are shown in a notebook are told no."""
        return False

    def run_line_magic(self, magic_name: str, line: str = "", _stack_depth: int = 1) -> None:
        if magic_name == "time":
            run_in(sys._getframe(_stack_depth), magic_name, line)
        elif magic_name not in SILENT_MAGICS:
            tell_skipped(f"%{magic_name} {line}")

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> None:
        if magic_name in PYTHON_MAGICS:
            # The magic's own line is counted, so that tracebacks name the lines of the notebook.
            run_in(sys._getframe(1), magic_name, f"\n{cell}")
        elif magic_name not in SILENT_MAGICS:
            tell_skipped(f"%%{magic_name} {line}")

    def magic(self, arg_s: str) -> None:
        name, _, line = arg_s.strip().lstrip("%").partition(" ")
        self.run_line_magic(name, line.strip(), 2)

    def run_cell(self, raw_cell: str, *_: Any, **__: Any) -> None:
        run_in(sys._getframe(1), "run_cell", raw_cell)

    def system(self, cmd: str) -> None:
        tell_skipped(f"!{cmd.strip()}")

    system_piped = system_raw = system

    def getoutput(self, cmd: str, *_: Any, **__: Any) -> list[str]:
        tell_skipped(f"!{cmd.strip()}")
        return []


def run_in(frame: FrameType, magic: str, source: str) -> None:
    """Runs the text of a magic where the magic stands."""
    name = f"{frame.f_code.co_filename}, %{magic} on line {frame.f_lineno}"
    exec(compile(remember(name, source), name, "exec"), frame.f_globals, frame.f_locals)


def remember(name: str, source: str) -> str:
    """Lets tracebacks, `inspect` and TensorFlow's AutoGraph find the lines of code that stands in no file."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return source


def tell_skipped(command: str) -> None:
    """Only the first word is shown: what follows may hold a password."""
    first, _, rest = command.strip().partition(" ")
    first, assigned, _ = first.partition("=")
    events.say(f"the notebook command `{first}{' …' if rest or assigned else ''}` is skipped")


shell = StandInShell()


def get_ipython() -> StandInShell:
    return shell


def display(*objects: Any, **_: Any) -> None:
    """As IPython's own does outside of a notebook."""
    print(*objects)


def install() -> None:
    """Adds `get_ipython` and `display` to what every script can call, unless IPython gives it them."""
    if hasattr(builtins, "get_ipython"):
        return
    setattr(builtins, "get_ipython", get_ipython)
    setattr(builtins, "display", display)


def after_ipython(ipython: ModuleType) -> None:
    """Many exported scripts begin with `from IPython import get_ipython`, which gives None outside of IPython."""
    running = getattr(ipython, "get_ipython", None)
    if running is not None:
        setattr(ipython, "get_ipython", lambda: running() or shell)
