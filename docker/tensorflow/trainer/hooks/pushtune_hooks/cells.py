"""Runs the cells of a notebook one after the other, as Jupyter does, without its server."""

from __future__ import annotations

import __future__ as futures
import ast
import asyncio
import inspect
import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from operator import or_
from types import TracebackType
from typing import Any

from .notebook import remember

HOOKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# A `from __future__` import counts for all cells that follow.
FUTURE_FLAGS = reduce(or_, (getattr(futures, name).compiler_flag for name in futures.all_feature_names))


def run_file() -> None:
    """Runs the notebook that the first argument names, of which no script was made. IPython makes Python of its magics."""
    path = sys.argv[1]
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        sys.exit(f"pushtune: {path} is a notebook, and the image lacks IPython, which is needed to run it")
    with open(path, encoding="utf-8") as file:
        notebook = json.load(file)
    # Format 3 keeps its cells in worksheets.
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    sources = ["".join(cell.get("source", cell.get("input", ""))) for cell in cells if cell["cell_type"] == "code"]
    written = [source for source in sources if source.strip()]
    manager = TransformerManager()
    del sys.argv[0]
    run(path, [(number, manager.transform_cell(source)) for number, source in enumerate(written, start=1)])


def run(notebook: str, cells: Iterable[tuple[int, str]]) -> None:
    """Runs Python cells as the main module, in the notebook's own folder as Jupyter does.

    Parameters
    ----------
    notebook:
        path of the notebook from the working directory
    cells:
        number and code of each cell
    """
    main = sys.modules["__main__"].__dict__
    # There is none in a notebook, and some ask for it to find out whether they are in one.
    script = main.pop("__file__", "<string>")
    folder = os.path.abspath(os.path.dirname(notebook))
    os.chdir(folder)
    sys.path[0] = folder
    sys.excepthook = lambda kind, error, trace: show(kind, error, trace, script)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for number, source in cells:
        flags |= run_cell(f"{notebook}, cell {number}", source, main, flags)


def run_cell(name: str, source: str, namespace: dict[str, Any], flags: int) -> int:
    """Runs a cell and shows the value of its last line, as Jupyter does. Returns the flags of `__future__` imports."""
    body = compile(remember(name, source), name, "exec", flags | ast.PyCF_ONLY_AST, True).body
    shown = body[-1:] if not source.rstrip().endswith(";") and body and isinstance(body[-1], ast.Expr) else []
    statements = body[: len(body) - len(shown)]
    found = 0
    for tree, mode in ((ast.Module(statements, []), "exec"), (ast.Interactive(shown), "single")):
        code = compile(tree, name, mode, flags | found, True)
        found |= code.co_flags & FUTURE_FLAGS
        if code.co_flags & inspect.CO_COROUTINE:
            event_loop().run_until_complete(eval(code, namespace))
        else:
            exec(code, namespace)
    return found


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """One for all cells, since what one cell starts another may wait for."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None, script: str) -> None:
    """Shows cells and libraries, with their lines, and neither the script that runs the cells nor what is ours."""
    report = traceback.TracebackException(kind, error, trace)
    for part in chain(report):
        kept = [
            frame
            for frame in part.stack
            if frame.filename != script and not frame.filename.startswith((HOOKS, "<frozen importlib"))
        ]
        part.stack = traceback.StackSummary.from_list(kept)
    print("".join(report.format()), end="", file=sys.stderr)


def chain(report: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    """The error and those that it came from."""
    pending = [report]
    while pending:
        part = pending.pop()
        if part is not None:
            yield part
            pending += [part.__cause__, part.__context__]
