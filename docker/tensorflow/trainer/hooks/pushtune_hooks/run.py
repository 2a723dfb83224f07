"""What the hooks remember of one run of a script.

It is made when it is needed and never when a module is imported: a process may be forked off one that has imported all
of Keras, long before anybody knew which run it would train.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from . import events, seeds


@dataclass
class State:
    # Fits that have begun, which is the number of the latest one.
    fits: int = 0
    # The worker has asked for the end of the training, and a fit has heard it.
    is_pruned: bool = False
    # When the first fit began (seconds of `time.monotonic`), and what all backups since and the last of them took.
    training_since: float = 0.0
    backups_seconds: float = 0.0
    last_backup_seconds: float = 0.0
    # What all fits and all savings of models have taken.
    fit_seconds: float = 0.0
    saving_seconds: float = 0.0
    # The last fit's model and the path for it, when it is to be saved at the end of the script only.
    unsaved: tuple[Any, str] | None = None


state = State()


def begin() -> None:
    """Makes this process the run's own and seeds what is loaded.

    To be called after a fork, when the environment is the run's and before the script's first line. A process that was
    started for the script alone need not call it.
    """
    global state
    state = State()
    events.failed.clear()
    events.shims.clear()
    os.environ[events.OWNER] = str(os.getpid())
    seeds.seed_loaded()


def is_observed() -> bool:
    """Whether this is the script's own process, and it does not want to be left alone."""
    return os.environ.get("PUSHTUNE_AUTOLOG") != "0" and events.is_owner()
