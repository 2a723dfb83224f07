"""How models of Keras 1 and 2 were trained: from generators by methods of their own, with `acc` in the logs."""

from __future__ import annotations

import functools
import itertools
import math
import random
import sys
from types import GeneratorType
from typing import Any, Iterator

from .events import used
from .keywords import Rules, adapt, drop, drop_if


def round_up(name: str) -> Any:
    """Keras 2 counted steps until they reached the number, which `len(x) / batch_size` makes a fraction."""
    return lambda value: {name: math.ceil(value) if isinstance(value, float) else value}


# How the generator was read; a training is the same without.
QUEUE: Rules = dict.fromkeys(
    ["workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe"], drop
)
STEPS: Rules = {name: round_up(name) for name in ("steps_per_epoch", "validation_steps", "steps", "batch_size")}
FIT: Rules = {
    **QUEUE,
    **STEPS,
    "nb_epoch": "epochs",
    # A word such as 'auto' had no effect in Keras 2.
    "class_weight": lambda value: {} if isinstance(value, str) else {"class_weight": value},
}
COMPILE: Rules = {
    "sample_weight_mode": drop_if(None),
    "target_tensors": drop_if(None),
    "experimental_run_tf_function": drop,
}
# Words of Keras 1, in which an epoch's length was a number of samples.
SAMPLES = ("samples_per_epoch", "nb_epoch", "nb_val_samples", "max_q_size", "nb_worker", "pickle_safe")


def patch() -> None:
    from keras import Model, Sequential
    from keras.callbacks import History
    from keras.src.legacy.preprocessing import image
    from keras.src.utils import python_utils

    adapt(Model, "fit", FIT, take_training_data)
    adapt(Model, "evaluate", {**QUEUE, **STEPS}, take_lists)
    adapt(Model, "predict", {**QUEUE, **STEPS}, take_lists)
    adapt(Model, "compile", COMPILE, take_positional_metrics)
    Model.fit_generator = fit_generator
    Model.evaluate_generator = evaluate_generator
    Model.predict_generator = predict_generator
    Model.reset_states = reset_states
    Sequential.predict_classes = predict_classes
    Sequential.predict_proba = predict_proba
    Model.metrics_names = property(names_of_metrics)
    cast_labels_for_metrics()
    take_lists_in_batches()
    image.Iterator.next = next_images
    # Keras hands the logs of every batch and epoch through this function to the callbacks.
    pythonify_logs = python_utils.pythonify_logs
    python_utils.pythonify_logs = functools.wraps(pythonify_logs)(lambda logs: Logs(pythonify_logs(logs)))
    start_history = History.__init__

    @functools.wraps(start_history)
    def start_with_old_names(self: Any) -> None:
        start_history(self)
        self.history = Logs(self.history)

    History.__init__ = start_with_old_names


def cast_labels_for_metrics() -> None:
    """Keras 2 gave a metric of the script's own its labels as floating-point numbers, for `y_true * y_pred`."""
    from keras import ops
    from keras.metrics import MeanMetricWrapper

    update = MeanMetricWrapper.update_state

    @functools.wraps(update)
    def update_with_any_labels(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        try:
            return update(self, y_true, y_pred, sample_weight)
        except (TypeError, ValueError):
            if "int" not in str(y_true.dtype):
                raise
        used("a metric that multiplies whole numbers")
        return update(self, ops.cast(y_true, self.dtype), y_pred, sample_weight)

    MeanMetricWrapper.update_state = update_with_any_labels


class Logs(dict):
    """What Keras reports, under Keras 3's names; who asks for Keras 2's gets the same value. A copy is a plain dict."""

    NOW = {"acc": "accuracy", "lr": "learning_rate"}

    def __missing__(self, key: Any) -> Any:
        name = self._name_now(key)
        if name is None:
            raise KeyError(key)
        used(f"'{key}' in the logs and the history")
        return self[name]

    def __contains__(self, key: Any) -> bool:
        return super().__contains__(key) or self._name_now(key) is not None

    def get(self, key: Any, default: Any = None) -> Any:
        return self[key] if key in self else default

    def __reduce__(self) -> tuple[type, tuple[dict[Any, Any]]]:
        return dict, (dict(self),)

    def _name_now(self, key: Any) -> str | None:
        if not isinstance(key, str):
            return None
        start, underscore, end = key.rpartition("_")
        name = start + underscore + self.NOW.get(end, end)
        return name if name != key and super().__contains__(name) else None


def take_positional_metrics(model: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """The third argument, which is the losses' weights in Keras 3 and so holds numbers only."""
    metrics = arguments[2] if len(arguments) > 2 else None
    if not isinstance(metrics, (list, tuple)) or not metrics or isinstance(metrics[0], (int, float)):
        return arguments
    used("compile(optimizer, loss, metrics)")
    keywords.update(zip(("metrics", "loss_weights"), arguments[2:]))
    return arguments[:2]


def take_training_data(model: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    arguments = take_lists(model, arguments, keywords)
    data = arguments[0] if arguments else keywords.get("x")
    batches = batches_of(data, keywords)
    if batches is data:
        return arguments
    if arguments:
        return (batches, *arguments[1:])
    keywords["x"] = batches
    return arguments


def batches_of(data: Any, keywords: dict[str, Any]) -> Any:
    """What `fit` can read, for data that Keras 2 read as an endless row of batches."""
    if is_image_iterator(data):
        steps = keywords.get("steps_per_epoch")
        if steps is None or math.ceil(steps) == len(data):
            return data
        # Keras 3 ends an epoch where the images end, so that the next one may have a single batch.
        used("steps_per_epoch= with an ImageDataGenerator")
        data = repeat(data, keywords.get("shuffle", True))
    elif not is_plain_iterator(data):
        return data
    elif not isinstance(data, GeneratorType):
        used("model.fit with an iterator that is no generator")
    if isinstance(keywords.get("class_weight"), dict):
        used("model.fit(class_weight=) with a generator")
        return weighted(data, keywords.pop("class_weight"))
    return as_generator(data)


def is_image_iterator(data: Any) -> bool:
    """Asked of the class's name, so that a script without one does not load Keras' old code."""
    return any(kind.__module__ == "keras.src.legacy.preprocessing.image" for kind in type(data).__mro__)


def is_plain_iterator(data: Any) -> bool:
    return hasattr(data, "__next__") and not hasattr(data, "__len__")


def take_lists(model: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Data as lists of numbers, which `tf.keras` made arrays of, and labels by the name of the only output."""
    for name in ("x", "y", "validation_data"):
        if name in keywords:
            keywords[name] = without_lists(keywords[name])
    arguments = tuple(without_lists(value) for value in arguments)
    if type(getattr(model, "_outputs_struct", {})) is dict or len(model.outputs) > 1:
        return arguments
    keywords.update({name: without_name(keywords[name]) for name in ("y", "validation_data") if name in keywords})
    return (*arguments[:1], *map(without_name, arguments[1:2]), *arguments[2:])


def without_name(labels: Any) -> Any:
    if isinstance(labels, tuple) and len(labels) > 1:
        return (labels[0], without_name(labels[1]), *labels[2:])
    if not isinstance(labels, dict) or len(labels) != 1:
        return labels
    used("labels by the name of the only output")
    return next(iter(labels.values()))


def without_lists(data: Any) -> Any:
    """A list of numbers, or of lists of them, becomes an array; a list of arrays is a model's several inputs."""
    if isinstance(data, tuple):
        return tuple(without_lists(part) for part in data)
    if not isinstance(data, list) or not holds_numbers(data):
        return data
    import numpy

    used("data as lists of numbers")
    return numpy.asarray(data)


def holds_numbers(data: list[Any]) -> bool:
    while isinstance(data, list) and data:
        data = data[0]
    return isinstance(data, (int, float)) or (hasattr(data, "dtype") and getattr(data, "shape", None) == ())


def fit_generator(
    self: Any,
    generator: Any,
    steps_per_epoch: Any = None,
    epochs: int = 1,
    verbose: Any = 1,
    callbacks: Any = None,
    validation_data: Any = None,
    validation_steps: Any = None,
    **keywords: Any,
) -> Any:
    """Keras 1's and 2's way to train from a generator, which may be a `Sequence`."""
    from keras.utils import PyDataset

    used("model.fit_generator")
    samples = keywords.pop("samples_per_epoch", None)
    if samples is None and any(word in keywords for word in SAMPLES):
        samples, steps_per_epoch = steps_per_epoch, None
    if samples is not None:
        steps_per_epoch, generator = steps_for(samples, generator)
    samples = keywords.pop("nb_val_samples", None)
    if samples is not None:
        validation_steps, validation_data = steps_for(samples, validation_data)
    if isinstance(generator, PyDataset) and steps_per_epoch is not None:
        if math.ceil(steps_per_epoch) == len(generator):
            steps_per_epoch = None
        else:
            generator = repeat(generator, keywords.get("shuffle", True))
    return self.fit(
        generator,
        steps_per_epoch=steps_per_epoch,
        epochs=keywords.pop("nb_epoch", epochs),
        verbose=verbose,
        callbacks=callbacks,
        validation_data=as_generator(validation_data),
        validation_steps=validation_steps,
        **keywords,
    )


def evaluate_generator(self: Any, generator: Any, steps: Any = None, **keywords: Any) -> Any:
    used("model.evaluate_generator")
    samples = keywords.pop("val_samples", None)
    if samples is not None:
        steps, generator = steps_for(samples, generator)
    keywords.setdefault("verbose", 0)
    return self.evaluate(as_generator(generator), steps=steps, **keywords)


def predict_generator(self: Any, generator: Any, steps: Any = None, **keywords: Any) -> Any:
    used("model.predict_generator")
    samples = keywords.pop("val_samples", None)
    if samples is not None:
        steps, generator = steps_for(samples, generator)
    if is_plain_iterator(generator):
        batches = generator
        generator = (batch if isinstance(batch, tuple) else (batch,) for batch in batches)
    keywords.setdefault("verbose", 0)
    return self.predict(generator, steps=steps, **keywords)


def steps_for(samples: Any, generator: Any) -> tuple[int | None, Any]:
    """How many batches give so many samples (None for data that are no generator), and the generator from its beginning."""
    size = getattr(generator, "batch_size", None)
    if size is None and is_plain_iterator(generator):
        first = next(generator)
        size = len(first[0][0] if isinstance(first[0], list) else first[0])
        generator = (batch for batch in itertools.chain([first], generator))
    return None if size is None else math.ceil(samples / size), generator


def repeat(sequence: Any, shuffle: bool) -> Iterator[Any]:
    order = list(range(len(sequence)))
    while True:
        if shuffle:
            random.shuffle(order)
        for index in order:
            yield sequence[index]
        sequence.on_epoch_end()


def weighted(batches: Any, class_weight: dict[int, float]) -> Iterator[Any]:
    """Batches with a weight for each sample, which Keras 3 makes of the classes' weights for arrays only."""
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    for batch in batches:
        yield (*batch, class_weight_to_sample_weights(batch[1], class_weight)) if len(batch) == 2 else batch


def as_generator(data: Any) -> Any:
    """Keras 3 reads no other iterators."""
    return (batch for batch in data) if is_plain_iterator(data) and not isinstance(data, GeneratorType) else data


def take_lists_in_batches() -> None:
    """Keras 3 wants tuples where a batch, or the inputs in it, came as a list."""
    from keras.src.trainers.data_adapters import generator_data_adapter, py_dataset_adapter

    generators = generator_data_adapter.GeneratorDataAdapter
    sequences = py_dataset_adapter.PyDatasetAdapter
    start, standardize = generators.__init__, sequences._standardize_batch

    @functools.wraps(start)
    def start_with_tuples(self: Any, generator: Any) -> None:
        start(self, (tuples(batch) for batch in generator))

    @functools.wraps(standardize)
    def standardize_tuples(self: Any, batch: Any) -> Any:
        return standardize(self, tuples(batch))

    generators.__init__ = start_with_tuples
    sequences._standardize_batch = standardize_tuples


def tuples(batch: Any) -> Any:
    if not isinstance(batch, (list, tuple)) or not any(isinstance(part, list) for part in (batch, *batch)):
        return batch
    used("batches with lists")
    return tuple(tuple(part) if isinstance(part, list) else part for part in map(without_lists, batch))


def next_images(self: Any) -> Any:
    used("next() of an ImageDataGenerator")
    return self.__next__()


def predict_classes(self: Any, x: Any, batch_size: int = 32, verbose: int = 0) -> Any:
    used("model.predict_classes")
    found = self.predict(x, batch_size=batch_size, verbose=verbose)
    return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")


def predict_proba(self: Any, x: Any, batch_size: int = 32, verbose: int = 0) -> Any:
    used("model.predict_proba")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


def reset_states(self: Any) -> None:
    """Also of a model that holds a model."""
    for layer in self.layers:
        if hasattr(layer, "reset_states"):
            layer.reset_states()


def names_of_metrics(self: Any) -> list[str]:
    """The names of what `evaluate` returns; Keras 3 has one for all metrics together."""
    names: list[str] = []
    for metric in self.metrics:
        names += [part.name for part in metric.metrics] if metric.name == "compile_metrics" else [metric.name]
    # Who saves a model reads every attribute of it.
    if not sys._getframe(1).f_globals.get("__name__", "").startswith(("keras.", "tensorflow.")):
        used("model.metrics_names")
    return names


def teach_yaml(yaml: Any) -> None:
    """A history is written as the mapping that it is."""
    for representer in (yaml.representer.SafeRepresenter, yaml.representer.Representer):
        representer.add_representer(Logs, yaml.representer.SafeRepresenter.represent_dict)
