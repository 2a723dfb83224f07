"""Gives a training the seed that its request names.

Each library is seeded as soon as it is loaded. Whatever the script seeds itself it can only seed after that, so a seed
of its own always stands. Keras draws its seeds from Python's `random`, so that this is what its `set_random_seed` does.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Callable

from .events import harmless

SEED = "PUSHTUNE_SEED"


def wanted() -> int | None:
    try:
        return int(os.environ[SEED])
    except (KeyError, ValueError):
        return None


def seed_python() -> None:
    seed = wanted()
    if seed is not None:
        import random  # Takes some milliseconds that a training without a seed need not spend.

        random.seed(seed)


def python_state() -> Any:
    """What `restore_python` takes after a library was loaded. Some draw a number meanwhile (Keras loads `rich`, which
    does): a run would depend on whether its process has loaded them itself."""
    if wanted() is None:
        return None
    import random

    return random.getstate()


def restore_python(state: Any) -> None:
    if state is not None:
        import random

        random.setstate(state)


def seeder(seed_library: Callable[[ModuleType, int], None]) -> Callable[[ModuleType], None]:
    @harmless
    def seed_if_wanted(module: ModuleType) -> None:
        seed = wanted()
        if seed is not None:
            seed_library(module, seed)

    return seed_if_wanted


SEEDERS: dict[str, Callable[[ModuleType], None]] = {
    "numpy": seeder(lambda numpy, seed: numpy.random.seed(seed)),
    "tensorflow": seeder(lambda tensorflow, seed: tensorflow.random.set_seed(seed)),
    "torch": seeder(lambda torch, seed: torch.manual_seed(seed)),
}


@harmless
def seed_loaded() -> None:
    """Seeds what was loaded before the run was known; what the script loads later is seeded then."""
    seed_python()
    for name, seed_if_wanted in SEEDERS.items():
        if name in sys.modules:
            seed_if_wanted(sys.modules[name])
