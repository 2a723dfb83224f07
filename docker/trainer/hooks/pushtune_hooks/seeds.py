"""Gives a training the seed that its request names.

Each library is seeded as soon as it is loaded. Whatever the script seeds itself it can only seed after that, so a seed
of its own always stands. Keras draws its seeds from Python's `random`.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Callable

from .events import harmless

SEED = "PUSHTUNE_SEED"


def wanted() -> int | None:
    try:
        return int(os.environ[SEED])
    except (KeyError, ValueError):
        return None


def seeders(seed: int) -> dict[str, Callable[[ModuleType], None]]:
    """Module → what seeds it. Python's own generator is seeded here."""
    import random  # Takes some milliseconds that a training without a seed need not spend.

    random.seed(seed)

    @harmless
    def numpy(module: ModuleType) -> None:
        module.random.seed(seed)

    @harmless
    def tensorflow(module: ModuleType) -> None:
        module.random.set_seed(seed)

    @harmless
    def torch(module: ModuleType) -> None:
        module.manual_seed(seed)

    return {"numpy": numpy, "tensorflow": tensorflow, "torch": torch}
