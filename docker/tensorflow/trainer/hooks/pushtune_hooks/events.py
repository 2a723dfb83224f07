"""What the hooks tell: lines of the run's events file, and lines in its log."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from typing import Any, Callable

# Set by the first interpreter of a run to its own process, so that its children, who inherit it, stay silent.
OWNER = "PUSHTUNE_PROCESS"


def claim() -> None:
    os.environ.setdefault(OWNER, str(os.getpid()))


def is_owner() -> bool:
    """Whether this is the script's own process, and not a child of it."""
    return os.environ.get(OWNER) == str(os.getpid())


def say(text: str) -> None:
    """A line on stderr: stdout belongs to the script."""
    try:
        print(f"pushtune: {text}", file=sys.stderr, flush=True)
    except (OSError, ValueError, AttributeError):
        pass  # The script has closed or replaced it.


failed: set[str] = set()


def harmless(function: Callable[..., Any]) -> Callable[..., Any]:
    """What goes wrong in it costs one line in the log and never the training."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001
            name = function.__qualname__
            if name not in failed:
                failed.add(name)
                say(f"{name} of the hooks failed, the script goes on without: {error!r}")
            return None

    return guarded


@harmless
def record(kind: str, **details: Any) -> None:
    """Appends an event, when a worker wants them and this is the script's own process."""
    path = os.environ.get("PUSHTUNE_EVENTS")
    if not path or not is_owner():
        return
    line = json.dumps({"at": time.time(), "type": kind, **details})
    with open(path, "a", encoding="utf-8") as events:
        events.write(line + "\n")


shims: set[str] = set()


@harmless
def used(name: str) -> None:
    """Tells once that something of Keras 2 was needed."""
    if name in shims:
        return
    shims.add(name)
    say(f"Keras 2 compatibility: {name}")
    record("shim", name=name)
