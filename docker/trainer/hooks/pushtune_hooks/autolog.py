"""Reports every training and evaluation of a script as events, through a callback that Keras runs after all others.

`CallbackList` is what `fit` and `evaluate` make of the script's callbacks, and what a training loop of one's own may
make. Adding to it there leaves `fit` itself as it is: its arguments, its result and its traceback.
"""

from __future__ import annotations

import functools
import itertools
import time
from types import ModuleType
from typing import Any

from .events import harmless, record

fits = itertools.count(1)
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
        add_default_callbacks(self, *args, **kwargs)
        self.callbacks.append(reporter())

    callback_list._add_default_callbacks = add_reporter_too


def reporter_class(callback: type) -> type:
    class Reporter(callback):
        """Reports what happens to the list of callbacks that it is in."""

        fit: int | None = None
        done = 0
        began = 0.0
        rate: float | None = None

        @harmless
        def on_train_begin(self, logs: Any = None) -> None:
            self.fit = next(fits)
            self.done = 0
            epochs = (self.params or {}).get("epochs")
            record("fit_started", fit=self.fit, epochs=epochs, parameters=count_parameters(self.model))

        @harmless
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = time.monotonic()
            # Read now: callbacks of the script may change it for the next epoch before our `on_epoch_end` is called.
            self.rate = learning_rate(self.model)

        @harmless
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.done += 1
            record(
                "epoch",
                fit=self.fit,
                epoch=epoch + 1,
                metrics=numbers(logs),
                learningRate=self.rate,
                seconds=round(time.monotonic() - self.began, 3),
            )

        @harmless
        def on_train_end(self, logs: Any = None) -> None:
            record("fit_ended", fit=self.fit, epochs=self.done, inputShape=input_shape(self.model))
            self.fit = None

        @harmless
        def on_test_end(self, logs: Any = None) -> None:
            # `fit` passes its own list on when it validates.
            if self.fit is None:
                record("evaluated", metrics=numbers(logs))

    return Reporter


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
