"""Backs a fit up while it trains, and has it go on from there when the script is started again.

Keras' own `BackupAndRestore` is not used, for what it does with a script that does not know of it: it refuses a model
that is built by its first batch, it ends the script when the weights do not fit, a kill while it writes leaves weights
and epoch that do not belong together, it leaves its starting epoch to the model's next fit, the history lacks the
epochs before, and it takes its time after every epoch however short that is. The idea is its: the state of the model
and its optimizer goes to a file, and `fit` begins at the epoch that the model names.
"""

from __future__ import annotations

import io
import json
import math
import os
import time
import zlib
from typing import Any

import numpy

from . import run
from .events import harmless, say

# Backups may take this share of the time since the first fit began. The sample CNN's takes 2 ms, so that it is made after
# each epoch of 0.1 s; a model of 1 GB, whose backup takes about 2 s, is backed up about once a minute. A kill loses no
# more than that.
LARGEST_SHARE = 0.03
# Bytes of all backups of a run. A script may call `fit` in a loop; fits without a backup are trained again.
LARGEST_TOTAL = 4 * 1024**3
# Longer attributes of callbacks are no counters.
LONGEST_ATTRIBUTE = 64 * 1024
STATE = "state"
# Attributes that Keras gives a callback itself.
KERAS_OWN = {"model", "_model", "params", "_params", "history"}


class Backup:
    """The state of one fit, in a file of the run's folder of checkpoints.

    :param own: the script's own callbacks
    :param history: the `History` that the fit returns, or None
    :param batches: what gives the fit its batches
    """

    def __init__(self, folder: str, fit: int, own: list[Any], history: Any, batches: Any) -> None:
        self.fit = fit
        self.batches = batches
        self.path = os.path.join(folder, f"fit-{fit}", "state")
        self.own = own
        self.history = history
        self.is_written = False
        self.stored = self.read()
        # What can't be restored before the model's variables exist.
        self.pending: dict[str, list[Any]] | None = None

    def read(self) -> dict[str, Any] | None:
        """What `read_whole` gives; None when there is no backup, or none that can be read."""
        if not os.path.exists(self.path):
            return None
        try:
            return read_whole(self.path)
        except Exception as error:  # noqa: BLE001  who knows what is in it
            self.put_aside(repr(error))
            return None

    def put_aside(self, reason: str) -> None:
        os.replace(self.path, self.path + ".unusable")
        say(f"the backup of fit {self.fit} can't be used and is put aside, the fit begins anew: {reason}")

    def restore(self, model: Any, epochs: int) -> dict[str, Any] | None:
        """Brings model, callbacks and history to where they were, and tells `fit` where to begin.

        :returns: what was saved by `save`, or None when the fit begins anew
        """
        stored, self.stored = self.stored, None
        batches, self.batches = self.batches, None
        if stored is None:
            return None
        state = stored[STATE]
        build(model, state["build"], "optimizer" in state["groups"])
        groups = {name: [stored[f"{name}/{i}"] for i in range(size)] for name, size in state["groups"].items()}
        is_over = state["stopped"] or state["epoch"] >= epochs
        if is_over:
            build_for_batch(model, batches)
            # No batch will make the variables of an optimizer; they are missed only if the model is trained once more.
            groups = without_unbuilt_optimizers(model, groups)
        misfit = find_misfit(model, groups)
        if misfit is not None:
            if is_over or is_built(model, groups):
                self.put_aside(misfit)
                return None
            self.pending = groups
        else:
            assign(model, groups)
        restore_callbacks(self.own, state["callbacks"], stored)
        restore_history(self.history, state["history"], stored)
        # The first epoch as `fit` counts them; none is left when it equals the number of epochs.
        model._initial_epoch = epochs if is_over else state["epoch"]
        if is_over:
            say(f"fit {self.fit} had ended before the restart, after epoch {state['epoch']}, and is not trained again")
        else:
            say(f"fit {self.fit} goes on after the restart, at epoch {state['epoch'] + 1} of {epochs}")
        return state["reporter"]

    @harmless
    def restore_pending(self, model: Any) -> None:
        """After the first batch of a model that is built by it; that batch counts for nothing."""
        groups, self.pending = self.pending, None
        if groups is None:
            return
        misfit = find_misfit(model, groups)
        if misfit is None:
            assign(model, groups)
        else:
            say(f"the backup of fit {self.fit} does not fit, its remaining epochs are trained without: {misfit}")
        model.reset_metrics()

    @harmless
    def save_if_due(self, model: Any, epoch: int, reporter: dict[str, Any], is_over: bool = False) -> None:
        """
        :param epoch: number of epochs that are done, counted from the first that the script asked for
        :param reporter: what `restore` shall return
        :param is_over: the fit has ended
        """
        # Of a fit that goes on and has no batch yet, the backup before is as good.
        if self.pending is None and is_due():
            self.save(model, epoch, reporter, is_over)

    def save(self, model: Any, epoch: int, reporter: dict[str, Any], is_over: bool = False) -> None:
        began = time.monotonic()
        try:
            self.write(model, epoch, reporter, is_over)
        finally:
            # One that fails, on a full disk for instance, has taken its time as well.
            run.state.last_backup_seconds = time.monotonic() - began
            run.state.backups_seconds += run.state.last_backup_seconds

    def write(self, model: Any, epoch: int, reporter: dict[str, Any], is_over: bool) -> None:
        arrays: dict[str, Any] = {}
        groups = {name: [numpy.asarray(value) for value in group] for name, group in variables_of(model).items()}
        for name, group in groups.items():
            arrays.update({f"{name}/{i}": value for i, value in enumerate(group)})
        state = {
            "epoch": epoch,
            "stopped": is_over or bool(model.stop_training),
            "groups": {name: len(group) for name, group in groups.items()},
            "build": build_config(model),
            "callbacks": [callback_state(callback, f"callback-{i}", arrays) for i, callback in enumerate(self.own)],
            "history": history_state(self.history, arrays),
            "reporter": reporter,
        }
        write_whole(self.path, state, arrays)
        if not self.is_written:
            self.is_written = True
            remove_oldest(os.path.dirname(os.path.dirname(self.path)), self.path)


def is_due() -> bool:
    allowed = LARGEST_SHARE * (time.monotonic() - run.state.training_since)
    return run.state.backups_seconds + run.state.last_backup_seconds <= allowed


def write_whole(path: str, state: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Writes a line of JSON, the bytes of the arrays and a checksum, which takes a fifth of what HDF5 takes.

    Whoever is killed meanwhile leaves the file before it; the checksum tells of what a power cut spoils.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = path + ".new"
    shapes = {name: [value.dtype.name, value.shape] for name, value in arrays.items()}
    head = json.dumps({**state, "arrays": shapes}).encode() + b"\n"
    try:
        with open(temporary, "wb") as file:
            file.write(head)
            checksum = zlib.crc32(head)
            for value in arrays.values():
                content = value.tobytes()
                file.write(content)
                checksum = zlib.crc32(content, checksum)
            file.write(checksum.to_bytes(4, "little"))
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def remove_oldest(folder: str, latest: str) -> None:
    """Makes room for backups of later fits. Each begins where the one before it ended, so that the first are missed least."""
    paths = [os.path.join(folder, name, "state") for name in os.listdir(folder) if name.startswith("fit-")]
    sizes = {path: os.path.getsize(path) for path in paths if os.path.exists(path)}
    for path in sorted(sizes, key=os.path.getmtime):
        if sum(sizes.values()) <= LARGEST_TOTAL:
            return
        if path != latest:
            os.remove(path)
            del sizes[path]


def read_whole(path: str) -> dict[str, Any]:
    """The arrays by their names, and the rest as `state`.

    :raises ValueError: a part is missing or changed
    """
    with open(path, "rb") as file:
        content = file.read()
    if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
        raise ValueError("its checksum is wrong")
    start = content.index(b"\n") + 1
    state = json.loads(content[:start])
    stored: dict[str, Any] = {STATE: state}
    for name, (kind, shape) in state["arrays"].items():
        dtype = type_named(kind)
        count = math.prod(shape)
        stored[name] = numpy.frombuffer(content, dtype, count, start).reshape(shape).copy()
        start += count * dtype.itemsize
    return stored


def type_named(name: str) -> Any:
    try:
        return numpy.dtype(name)
    except TypeError:
        import ml_dtypes  # Keras brings it, for bfloat16 and the like.

        return numpy.dtype(getattr(ml_dtypes, name))


# --- The model


def optimizers_of(model: Any) -> dict[str, Any]:
    """By the model's attributes: a model with a training step of its own may have several."""
    found = {"optimizer": model.optimizer} if getattr(model, "optimizer", None) is not None else {}
    for name, value in sorted(vars(model).items()):
        is_optimizer = hasattr(value, "apply_gradients") and hasattr(value, "variables")
        if is_optimizer and all(value is not known for known in found.values()):
            found[name] = value
    return found


def variables_of(model: Any) -> dict[str, list[Any]]:
    """Those of the model, and of each optimizer that has trained it."""
    groups = {"model": list(model.variables)}
    for name, optimizer in optimizers_of(model).items():
        if optimizer.built:
            groups[name] = list(optimizer.variables)
    return groups


def is_built(model: Any, groups: dict[str, list[Any]]) -> bool:
    optimizers = optimizers_of(model)
    return all(layer.built for layer in model._flatten_layers()) and all(
        optimizers[name].built for name in groups if name in optimizers
    )


def build_config(model: Any) -> Any:
    from keras.src.saving import serialization_lib

    try:
        config = serialization_lib.serialize_keras_object(model.get_build_config())
        json.dumps(config)
        return config
    except Exception:  # noqa: BLE001  a model's own method may raise anything; then it is built by its first batch
        return None


def build(model: Any, config: Any, has_optimizer: bool) -> None:
    """Makes the variables that the first batch would make, as far as that is possible without one."""
    from keras.src.saving import serialization_lib

    if not model.built and config is not None:
        try:
            model.build_from_config(serialization_lib.deserialize_keras_object(config))
        except Exception:  # noqa: BLE001  as above
            return
    optimizer = getattr(model, "optimizer", None)
    if not has_optimizer or optimizer is None or optimizer.built:
        return
    if all(layer.built for layer in model._flatten_layers()):
        optimizer.build(model.trainable_variables)


def build_for_batch(model: Any, batches: Any) -> None:
    """What is asked of a model after its training, such as the names of its metrics, is made by a batch as well."""
    try:
        model._symbolic_build(iterator=batches)
    except Exception:  # noqa: BLE001  a model or a metric of the script's own need not know its shapes
        return


def without_unbuilt_optimizers(model: Any, groups: dict[str, list[Any]]) -> dict[str, list[Any]]:
    optimizers = optimizers_of(model)
    return {name: group for name, group in groups.items() if name not in optimizers or optimizers[name].built}


def find_misfit(model: Any, groups: dict[str, list[Any]]) -> str | None:
    """In what the saved variables differ from the model's."""
    current = variables_of(model)
    for name, group in groups.items():
        if name not in current:
            return f"it has {name}, the model has not"
        saved, wanted = [value.shape for value in group], [tuple(value.shape) for value in current[name]]
        if len(saved) != len(wanted):
            return f"it has {len(saved)} variables of {name}, the model {len(wanted)}"
        for here, there in zip(saved, wanted):
            if here != there:
                return f"a variable of {name} has the shape {here} in it, {there} in the model"
    return None


def assign(model: Any, groups: dict[str, list[Any]]) -> None:
    current = variables_of(model)
    for name, values in groups.items():
        for variable, value in zip(current[name], values):
            variable.assign(value)


# --- Callbacks and history


def history_state(history: Any, arrays: dict[str, Any]) -> Any:
    """What `fit` returns; a metric may give an array at each epoch."""
    if history is None:
        return None
    plain: dict[str, Any] = {}
    lists: dict[str, int] = {}
    for name, values in history.history.items():
        if is_list_of_arrays(values):
            arrays.update({f"history.{name}/{i}": value for i, value in enumerate(values)})
            lists[name] = len(values)
        else:
            plain[name] = to_plain(values)
    return {"epoch": to_plain(history.epoch), "order": list(history.history), "plain": plain, "lists": lists}


def restore_history(history: Any, state: Any, stored: dict[str, Any]) -> None:
    if history is None or state is None:
        return
    history.epoch = state["epoch"]
    history.history.clear()
    for name in state["order"]:
        arrays = [stored[f"history.{name}/{i}"] for i in range(state["lists"].get(name, 0))]
        history.history[name] = state["plain"].get(name, arrays)


def callback_state(callback: Any, prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Counters, best values and best weights, such as `EarlyStopping` has. Texts are settings and paths, not state."""
    plain: dict[str, Any] = {}
    lists: dict[str, int] = {}
    for name, value in attributes_of(callback).items():
        if is_list_of_arrays(value):
            arrays.update({f"{prefix}.{name}/{i}": part for i, part in enumerate(value)})
            lists[name] = len(value)
            continue
        try:
            kept = to_plain(value)
            if len(json.dumps(kept)) <= LONGEST_ATTRIBUTE:
                plain[name] = kept
        except (TypeError, ValueError):
            continue
    return {"class": class_name(callback), "plain": plain, "lists": lists}


def attributes_of(callback: Any) -> dict[str, Any]:
    """Its own, and lists and dictionaries of its class, which it may fill as well."""
    found: dict[str, Any] = {}
    for kind in reversed(type(callback).__mro__):
        if not kind.__module__.startswith("keras."):
            found.update({name: value for name, value in vars(kind).items() if isinstance(value, (list, dict))})
    found.update(vars(callback))
    return {name: value for name, value in found.items() if name not in KERAS_OWN and not name.startswith("__")}


def restore_callbacks(callbacks: list[Any], states: list[dict[str, Any]], stored: dict[str, Any]) -> None:
    for i, (callback, state) in enumerate(zip(callbacks, states)):
        # A `CSVLogger` has its state in its file.
        if class_name(callback) != state["class"] or hasattr(callback, "append_header"):
            continue
        values = dict(state["plain"])
        for name, size in state["lists"].items():
            values[name] = [stored[f"callback-{i}.{name}/{j}"] for j in range(size)]
        for name, value in values.items():
            restore_attribute(callback, name, value)


@harmless
def restore_attribute(callback: Any, name: str, value: Any) -> None:
    current = getattr(callback, name, None)
    # Others may hold the same list or dictionary.
    if isinstance(current, list) and isinstance(value, list):
        current[:] = value
    elif isinstance(current, dict) and isinstance(value, dict):
        current.clear()
        current.update(value)
    elif is_plain(current):
        setattr(callback, name, value)


def is_list_of_arrays(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, numpy.ndarray) and part.dtype.kind in "biufcV" for part in value)
    )


def class_name(callback: Any) -> str:
    return f"{type(callback).__module__}.{type(callback).__qualname__}"


def is_plain(value: Any) -> bool:
    try:
        to_plain(value)
        return True
    except TypeError:
        return False


def to_plain(value: Any) -> Any:
    """Numbers, truth values, None, and lists and dictionaries of them, as JSON has them.

    :raises TypeError: it is something else
    """
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (numpy.generic, numpy.ndarray)) and value.ndim == 0 and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, list):
        return [to_plain(part) for part in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: to_plain(part) for name, part in value.items()}
    raise TypeError(type(value).__name__)


@harmless
def keep_written_rows(backup: Backup) -> None:
    """`CSVLogger` goes on with its file, without the rows of epochs that are trained again."""
    from keras.callbacks import CSVLogger

    if backup.stored is None:
        return
    for callback in backup.own:
        if not isinstance(callback, CSVLogger) or not os.path.exists(callback.filename):
            continue
        callback.append = True
        with open(callback.filename, encoding="utf-8", newline="") as file:
            text = io.StringIO(file.read(), newline="").readlines()
        done = backup.stored[STATE]["epoch"]
        kept = [line for line in text if not is_row_from(done, line.split(callback.sep, 1)[0])]
        with open(callback.filename, "w", encoding="utf-8", newline="") as file:
            file.writelines(kept)


def is_row_from(epoch: int, number: str) -> bool:
    return number.isdigit() and int(number) >= epoch
