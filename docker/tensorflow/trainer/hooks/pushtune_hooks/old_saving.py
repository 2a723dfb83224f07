"""Files that Keras 3 refuses for their name: saved as Keras 2 did, in its HDF5 format, and read by what is in them."""

from __future__ import annotations

import functools
import itertools
import os
from importlib.util import find_spec
from typing import Any

from .events import used
from .keywords import adapt, drop

MODEL_ENDINGS = (".keras", ".h5", ".hdf5")
WEIGHTS_ENDINGS = (".weights.h5", ".weights.json")

SHORT_NAMES = ("mse", "mae", "mape", "msle", "kld", "MSE", "MAE", "MAPE", "MSLE", "KLD")


def patch() -> None:
    from keras import Model, callbacks
    from keras.src.callbacks import monitor_callback
    from keras.src.legacy.saving import saving_utils
    from keras.src.saving import saving_api

    for name, replacement in functions().items():
        setattr(saving_api, name, replacement)
    adapt(Model, "save_weights", {"save_format": drop})
    patch_monitor(monitor_callback.MonitorCallback)
    keep_short_names(saving_utils)
    patch_checkpoint(callbacks.ModelCheckpoint)
    patch_tensorboard(callbacks.TensorBoard)


@functools.cache
def functions() -> dict[str, Any]:
    """The functions of `keras.saving` and `keras.models`, for any name of a file."""
    from keras.src.saving import saving_api

    return {
        "save_model": save_model(saving_api.save_model),
        "load_model": load_model(saving_api.load_model),
        "save_weights": save_weights(saving_api.save_weights),
        "load_weights": load_weights(saving_api.load_weights),
    }


def make_folder(path: str) -> None:
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)


def save_model(original: Any) -> Any:
    @functools.wraps(original)
    def save(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **keywords: Any) -> Any:
        path = str(filepath)
        if path.endswith(MODEL_ENDINGS) or path.startswith("hf://") or zipped is False:
            return original(model, filepath, overwrite, zipped, **keywords)
        from keras.src.legacy.saving import legacy_h5_format

        used("model.save to a name that does not end in .keras")
        make_folder(path)
        include_optimizer = keywords.get("include_optimizer", True)
        return legacy_h5_format.save_model_to_hdf5(model, path.rstrip("/"), overwrite, include_optimizer)

    return save


def load_model(original: Any) -> Any:
    @functools.wraps(original)
    def load(filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
        if str(filepath).endswith(MODEL_ENDINGS) or not is_hdf5(filepath):
            return original(filepath, custom_objects, compile, safe_mode)
        from keras.src.legacy.saving import legacy_h5_format

        return legacy_h5_format.load_model_from_hdf5(str(filepath).rstrip("/"), custom_objects, compile, safe_mode)

    return load


def save_weights(original: Any) -> Any:
    @functools.wraps(original)
    def save(model: Any, filepath: Any, overwrite: bool = True, max_shard_size: Any = None, **keywords: Any) -> Any:
        path = str(filepath)
        if path.endswith(WEIGHTS_ENDINGS) or max_shard_size is not None:
            return original(model, filepath, overwrite, max_shard_size, **keywords)
        import h5py
        from keras.src.legacy.saving import legacy_h5_format

        used("save_weights to a name that does not end in .weights.h5")
        make_folder(path)
        with h5py.File(path, "w" if overwrite else "x") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)

    return save


def load_weights(original: Any) -> Any:
    @functools.wraps(original)
    def load(model: Any, filepath: Any, skip_mismatch: bool = False, **keywords: Any) -> Any:
        if str(filepath).endswith(MODEL_ENDINGS) or not is_hdf5(filepath):
            return original(model, filepath, skip_mismatch, **keywords)
        import h5py
        from keras.src.legacy.saving import legacy_h5_format as legacy

        with h5py.File(filepath, "r") as file:
            group = file["model_weights"] if "layer_names" not in file.attrs and "model_weights" in file else file
            by_name = keywords.get("by_name", False)
            fill = legacy.load_weights_from_hdf5_group_by_name if by_name else legacy.load_weights_from_hdf5_group
            fill(group, model, skip_mismatch)

    return load


def is_hdf5(path: Any) -> bool:
    import h5py

    path = str(path).rstrip("/")
    return os.path.isfile(path) and bool(h5py.is_hdf5(path))


def keep_short_names(saving_utils: Any) -> None:
    """An HDF5 file has `mse` as the script wrote it; Keras 3 takes that word in `compile` only."""
    deserialize = saving_utils._deserialize_nested_config

    @functools.wraps(deserialize)
    def deserialize_long_names(function: Any, config: Any) -> Any:
        return deserialize(lambda part: part if part in SHORT_NAMES else function(part), config)

    saving_utils._deserialize_nested_config = deserialize_long_names


def patch_monitor(monitor_callback: Any) -> None:
    """Keras 3 knows which way a metric improves only by the name that the model gave it, which is not `acc` then."""
    set_operator = monitor_callback._set_monitor_op

    @functools.wraps(set_operator)
    def set_known_operator(self: Any) -> None:
        if self.mode == "auto" and self.monitor.split("_")[-1] == "acc":
            self.mode = "max"
        set_operator(self)

    monitor_callback._set_monitor_op = set_known_operator


def patch_checkpoint(checkpoint: Any) -> None:
    adapt(checkpoint, "__init__", {"load_weights_on_restart": drop, "options": drop})
    initialize = checkpoint.__init__

    @functools.wraps(initialize)
    def initialize_for_any_name(
        self: Any, filepath: Any, *arguments: Any, period: int | None = None, **keywords: Any
    ) -> None:
        weights_only = keywords.get("save_weights_only") or (len(arguments) > 3 and arguments[3])
        path = str(filepath)
        if path.endswith(".weights.h5" if weights_only else (".keras", ".h5")):
            initialize(self, filepath, *arguments, **keywords)
        else:
            used("ModelCheckpoint to a name that Keras 3 refuses")
            initialize(self, f"{path}.weights.h5", *arguments, **keywords)
            self.filepath = path
        if period is not None and period > 1:
            used("ModelCheckpoint(period=)")
            save_every(self, period)

    checkpoint.__init__ = initialize_for_any_name
    name_file = checkpoint._get_file_path

    @functools.wraps(name_file)
    def name_file_by_old_metrics(self: Any, epoch: int, batch: Any, logs: Any) -> str:
        accuracies = {name[: -len("uracy")]: value for name, value in (logs or {}).items() if name.endswith("accuracy")}
        if any("{" + name in self.filepath for name in accuracies.keys() - (logs or {}).keys()):
            used("ModelCheckpoint names its files by 'acc'")
            logs = {**accuracies, **logs}
        return name_file(self, epoch, batch, logs)

    checkpoint._get_file_path = name_file_by_old_metrics


def save_every(checkpoint: Any, period: int) -> None:
    end_epoch = checkpoint.on_epoch_end
    ends = itertools.count(1)

    def end_some_epochs(epoch: int, logs: Any = None) -> None:
        if next(ends) % period == 0:
            end_epoch(epoch, logs)

    checkpoint.on_epoch_end = end_some_epochs


def patch_tensorboard(tensorboard: Any) -> None:
    gone = dict.fromkeys(["batch_size", "write_grads", "embeddings_layer_names", "embeddings_data"], drop)
    adapt(tensorboard, "__init__", gone, write_nothing_without_package)


def write_nothing_without_package(
    callback: Any, arguments: tuple[Any, ...], _keywords: dict[str, Any]
) -> tuple[Any, ...]:
    from keras import callbacks

    if find_spec("tensorboard") is None:
        used("TensorBoard writes nothing, since the package tensorboard is not installed")
        for name in [name for name in vars(callbacks.TensorBoard) if name.startswith("on_") or name == "set_model"]:
            setattr(callbacks.TensorBoard, name, getattr(callbacks.Callback, name))
    return arguments
