"""Watches every training and evaluation of a script, through a callback that Keras runs after all others.

It reports them as events, backs them up, ends them when the worker asks for it, and keeps what they gave.
`CallbackList` is what `fit` and `evaluate` make of the script's callbacks, and what a training loop of one's own may
make. Adding to it there leaves `fit` itself as it is: its arguments, its result and its traceback.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from types import FrameType, ModuleType
from typing import Any

from . import run
from .events import harmless, record, say

# Keras itself writes the learning rate among the metrics when a callback changes it.
LEARNING_RATES = ("learning_rate", "lr")


def patch(module: ModuleType) -> None:
    """Adds a reporter to every list of callbacks; the module is the one that defines `CallbackList`."""
    callback_list = getattr(module, "CallbackList", None)
    if callback_list is None or callback_list.__module__ != module.__name__:
        return
    add_default_callbacks = callback_list._add_default_callbacks
    reporter = reporter_class(module.Callback)

    @functools.wraps(add_default_callbacks)
    def add_reporter_too(self: Any, *args: Any, **kwargs: Any) -> None:
        own = list(self.callbacks)
        add_default_callbacks(self, *args, **kwargs)
        if run.is_observed():
            self.callbacks.append(reporter(self, own, find_fit(sys._getframe(1))))

    callback_list._add_default_callbacks = add_reporter_too


def find_fit(frame: FrameType) -> FrameType | None:
    """The frame of Keras' own `fit`, if it makes the list: a loop of the script's knows of no epoch to begin at.

    :param frame: the list's `__init__`
    """
    caller = frame.f_back
    if caller is None or caller.f_code.co_name != "fit" or not str(caller.f_globals.get("__name__")).startswith("keras."):
        return None
    return caller


def reporter_class(callback: type) -> type:
    class Reporter(callback):
        """Reports what happens to the list of callbacks that it is in."""

        fit: int | None = None
        began = 0.0
        fit_began = 0.0
        rate: float | None = None

        def __init__(self, callback_list: Any, own: list[Any], fit: FrameType | None) -> None:
            super().__init__()
            self.rows: list[dict[str, Any]] = []
            # Counted here, before a callback of the script's begins a fit within this one.
            self.number = None if fit is None else next_fit()
            self.backup = None
            if fit is not None:
                self.backup = prepare_backup(callback_list, own, self.number, fit.f_locals.get("epoch_iterator"))
            self.callback_list = callback_list

        @harmless
        def on_train_begin(self, logs: Any = None) -> None:
            self.fit, self.number = self.number or next_fit(), None
            self.fit_began = time.monotonic()
            self.rows = []
            params = self.params or {}
            self.restore(params.get("epochs"))
            record(
                "fit_started",
                fit=self.fit,
                epochs=params.get("epochs"),
                steps=params.get("steps"),
                parameters=count_parameters(self.model),
            )

        @harmless
        def restore(self, epochs: int) -> None:
            if self.backup is None:
                return
            restored = self.backup.restore(self.model, epochs)
            if restored is None:
                return
            self.rows = restored["rows"]
            if self.model._initial_epoch == epochs:
                pass_last_logs(self.callback_list, restored["logs"])

        @harmless
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.backup is not None:
                # `fit` has read it; it would hold for the model's next fit as well.
                self.model._initial_epoch = None
            self.began = time.monotonic()
            # Read now: callbacks of the script may change it for the next epoch before our `on_epoch_end` is called.
            self.rate = learning_rate(self.model)

        @harmless
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.backup is not None and self.backup.pending is not None:
                self.backup.restore_pending(self.model)
            if run.state.is_pruned:
                # Of a fit that follows the one that was ended; a single batch gives it the history a script may read.
                self.model.stop_training = True

        @harmless
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            row = {
                "epoch": epoch + 1,
                "metrics": numbers(logs),
                "learningRate": self.rate,
                "seconds": round(time.monotonic() - self.began, 3),
            }
            self.rows.append(row)
            record("epoch", fit=self.fit, **row)
            if is_prune_wanted():
                self.model.stop_training = True
                if not run.state.is_pruned:
                    run.state.is_pruned = True
                    record("pruned", fit=self.fit, epoch=epoch + 1)
                    say(f"the training ends after epoch {epoch + 1}, since the trial is not promising")
            if self.backup is not None:
                self.backup.save_if_due(self.model, epoch + 1, self.kept(logs))

        def kept(self, logs: Any) -> dict[str, Any]:
            return {"rows": self.rows, "logs": numbers(logs)}

        @harmless
        def on_train_end(self, logs: Any = None) -> None:
            seconds = time.monotonic() - self.fit_began
            run.state.fit_seconds += seconds
            record("fit_ended", fit=self.fit, epochs=len(self.rows), inputShape=input_shape(self.model))
            if self.backup is not None:
                self.model._initial_epoch = None
                if self.rows:
                    self.backup.save_if_due(self.model, self.rows[-1]["epoch"], self.kept(logs), is_over=True)
            keep_artifacts(self.model, self.rows, self.fit)
            self.fit = None

        @harmless
        def on_test_end(self, logs: Any = None) -> None:
            # `fit` passes its own list on when it validates.
            if self.fit is None:
                record("evaluated", metrics=numbers(logs))

    return Reporter


def next_fit() -> int:
    if run.state.fits == 0:
        run.state.training_since = time.monotonic()
    run.state.fits += 1
    return run.state.fits


@harmless
def prepare_backup(callback_list: Any, own: list[Any], fit: int, batches: Any) -> Any:
    """The backup of the fit that begins now; None where there is none to make."""
    folder = os.environ.get("PUSHTUNE_CHECKPOINT")
    if not folder or any(kind.__name__ == "BackupAndRestore" for callback in own for kind in type(callback).__mro__):
        return None
    from . import resume

    backup = resume.Backup(folder, fit, own, callback_list._history, batches)
    resume.keep_written_rows(backup)
    return backup


def pass_last_logs(callback_list: Any, logs: dict[str, float]) -> None:
    """A fit without any epoch left has no figures for the script's `on_train_end`, which may read them."""
    end = callback_list.on_train_end

    @functools.wraps(end)
    def end_with_last_logs(*_args: Any, **_kwargs: Any) -> None:
        end(logs)

    callback_list.on_train_end = end_with_last_logs


def is_prune_wanted() -> bool:
    path = os.environ.get("PUSHTUNE_PRUNE")
    return bool(path) and os.path.exists(path)


@harmless
def keep_artifacts(model: Any, rows: list[dict[str, Any]], fit: int | None) -> None:
    from . import artifacts

    artifacts.keep(model, rows, fit)


def numbers(logs: Any) -> dict[str, float]:
    """The scalars; a metric may also be an array, which is nobody's target."""
    found: dict[str, float] = {}
    for name, value in (logs or {}).items():
        if name in LEARNING_RATES:
            continue
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found


def count_parameters(model: Any) -> int | None:
    """Unknown before the first batch when nothing says the input's shape."""
    try:
        return int(model.count_params())
    except Exception:  # noqa: BLE001  each version of Keras has its own
        return None


def input_shape(model: Any) -> list[int | None] | None:
    """Lengths of the axes of one input, without the batch; of several inputs nothing is told."""
    try:
        shape = model.input_shape
        return None if isinstance(shape, (list, dict)) else [*shape[1:]]
    except Exception:  # noqa: BLE001  a model of the script's own class need not know it
        return None


def learning_rate(model: Any) -> float | None:
    """The rate at this step; a schedule of Keras 2 has to be asked for it."""
    try:
        rate = model.optimizer.learning_rate
        return float(rate(model.optimizer.iterations) if callable(rate) else rate)
    except Exception:  # noqa: BLE001  an optimizer of the script's own need not have one
        return None
