"""Keeps what a fit gave, in the run's folder of artifacts: `model.keras` and `history.csv`. The last fit's stay."""

from __future__ import annotations

import atexit
import math
import os
import time
import warnings
from typing import Any

from . import run
from .events import harmless, record

# More can be saved by a script that wants it.
LARGEST_MODEL = 2 * 1024**3
# Saving may take this share of all training, or so many seconds, before it is left to the script's end: a script may
# have hundreds of short fits. The sample CNN's model takes 17 ms.
LARGEST_SHARE = 0.03
FREE_SECONDS = 1.0


def keep(model: Any, rows: list[dict[str, Any]], fit: int | None) -> None:
    """
    :param rows: of each epoch `epoch`, `metrics`, `learningRate`, `seconds`
    """
    folder = os.environ.get("PUSHTUNE_ARTIFACTS")
    if not folder or not rows or not os.path.isdir(folder):
        return
    write_history(os.path.join(folder, "history.csv"), rows)
    path = os.path.join(folder, "model.keras")
    if os.path.exists(path):
        os.remove(path)  # An earlier fit's is not this one's.
    run.state.unsaved = None
    reason = reason_to_skip(model, rows[-1]["metrics"])
    if reason is not None:
        record("model_skipped", fit=fit, reason=reason)
    elif run.state.saving_seconds > max(FREE_SECONDS, LARGEST_SHARE * run.state.fit_seconds):
        run.state.unsaved = (model, path)
        atexit.unregister(save_unsaved)
        atexit.register(save_unsaved)
    else:
        save_model(model, path)


def save_unsaved() -> None:
    if run.state.unsaved is not None and run.is_observed():
        save_model(*run.state.unsaved)


def reason_to_skip(model: Any, metrics: dict[str, float]) -> str | None:
    if is_worse_than_best(metrics):
        return "an earlier trial of the study is better"
    size = sum(4 * math.prod(variable.shape) for variable in model.variables)
    if size > LARGEST_MODEL:
        return f"its variables take {size} bytes, and more than {LARGEST_MODEL} are not kept"
    return None


def is_worse_than_best(metrics: dict[str, float]) -> bool:
    """Whether the worker says so: `PUSHTUNE_BEST` is `max:0.93:val_accuracy`, where the history decides."""
    mode, _, rest = os.environ.get("PUSHTUNE_BEST", "").partition(":")
    best, _, name = rest.partition(":")
    if mode not in ("max", "min") or name not in metrics:
        return False
    try:
        return metrics[name] < float(best) if mode == "max" else metrics[name] > float(best)
    except ValueError:
        return False


@harmless
def write_history(path: str, rows: list[dict[str, Any]]) -> None:
    import csv

    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epoch", *names, "learning_rate", "seconds"])
        for row in rows:
            figures = [row["metrics"].get(name, "") for name in names]
            table.writerow([row["epoch"], *figures, row["learningRate"], row["seconds"]])
    os.replace(path + ".new", path)


@harmless
def save_model(model: Any, path: str) -> None:
    """Through Keras' own function and not the model's method, which a script may have replaced."""
    from keras.src.saving import saving_lib

    temporary = os.path.join(os.path.dirname(path), ".new.keras")
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saving_lib.save_model(model, temporary)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
        run.state.saving_seconds += time.monotonic() - began
