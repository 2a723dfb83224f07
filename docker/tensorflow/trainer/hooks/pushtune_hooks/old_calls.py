"""Arguments of Keras 1 and 2 that Keras 3 does not take any more, and how the same is said now.

Each class and method is wrapped once, when the script has imported Keras. A call of today then costs a look at the
names of its arguments.
"""

from __future__ import annotations

import functools
from typing import Any

from . import old_saving, old_training
from .events import harmless, used
from .keywords import Rules, Step, adapt, drop, drop_if, renamed, translate

installed = False

DATA_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}
dim_ordering = renamed("data_format", lambda value: DATA_FORMATS.get(value, value))

WEIGHTS: Rules = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
DENSE: Rules = {**WEIGHTS, "output_dim": "units"}
CONVOLUTION: Rules = {
    **WEIGHTS,
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "dim_ordering": dim_ordering,
    "atrous_rate": "dilation_rate",
}
RECURRENT: Rules = {
    **WEIGHTS,
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "forget_bias_init": drop_if("one", "ones"),
    "consume_less": drop,
    "time_major": drop_if(False),
}
POOLING: Rules = {
    "pool_length": "pool_size",
    "stride": "strides",
    "border_mode": "padding",
    "dim_ordering": dim_ordering,
}
IMAGE: Rules = {"dim_ordering": dim_ordering}
RATE: Rules = {"p": "rate", "dim_ordering": dim_ordering}

LAYERS: dict[str, Rules] = {
    "Dense": DENSE,
    **dict.fromkeys(["Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D"], CONVOLUTION),
    **dict.fromkeys(["LSTM", "GRU", "SimpleRNN"], RECURRENT),
    **{f"{kind}Pooling{rank}D": POOLING for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": IMAGE for kind in ("Max", "Average") for rank in (2, 3)},
    **{f"{kind}{rank}D": IMAGE for kind in ("ZeroPadding", "Cropping") for rank in (2, 3)},
    **{f"UpSampling{rank}D": {"length": "size", **IMAGE} for rank in (1, 2, 3)},
    **dict.fromkeys(["Dropout", "GaussianDropout"], RATE),
    **{f"SpatialDropout{rank}D": RATE for rank in (1, 2, 3)},
    "GaussianNoise": {"sigma": "stddev"},
    "BatchNormalization": {
        "mode": drop_if(0),
        "beta_init": "beta_initializer",
        "gamma_init": "gamma_initializer",
        "fused": drop,
        "virtual_batch_size": drop_if(None),
    },
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "Reshape": {"dims": "target_shape"},
}


def whole(rate: Any) -> dict[str, Any]:
    """Keras 3 takes no `lr=1`."""
    return {"learning_rate": float(rate) if type(rate) is int else rate}


OPTIMIZERS = ("Adadelta", "Adagrad", "Adam", "Adamax", "AdamW", "Ftrl", "Nadam", "RMSprop", "SGD")
OPTIMIZER: Rules = {
    "lr": whole,
    "learning_rate": whole,
    "epsilon": drop_if(None),
    "schedule_decay": drop,
}

# The positional arguments of `add_weight` until Keras 2.
ADD_WEIGHT = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")


def install() -> None:
    """Called once Keras is imported."""
    global installed
    installed = True
    for part in (
        patch_layers,
        patch_models,
        patch_optimizers,
        patch_regularizers,
        patch_channels_first,
        old_training.patch,
        old_saving.patch,
    ):
        harmless(part)()


def patch_layers() -> None:
    from keras import layers

    adapt(layers.Layer, "add_weight", {}, take_positional_weight)
    adapt(layers.Layer, "add_variable", {}, take_positional_weight)
    for name, layer in vars(layers).items():
        # Not `Layer` itself, whose warnings name the line that calls it, and no class twice that has two names.
        if (
            isinstance(layer, type)
            and layer is not layers.Layer
            and name == layer.__name__
            and "__init__" in vars(layer)
        ):
            step = steps.get(name)
            whole_step = take_layer_arguments if step is None else both(take_layer_arguments, step)
            adapt(layer, "__init__", LAYERS.get(name, {}), whole_step)


def both(first: Step, second: Step) -> Step:
    return lambda layer, arguments, keywords: second(layer, first(layer, arguments, keywords), keywords)


def take_layer_arguments(layer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    if "batch_input_shape" in keywords:
        used("batch_input_shape=")
        size, *shape = keywords.pop("batch_input_shape")
        keywords["input_shape"] = tuple(shape)
        vars(layer)["_pushtune_batch_size"] = size
    if "weights" in keywords and type(layer).__name__ != "Embedding":
        weights = keywords.pop("weights")
        if weights is not None:
            used("weights= of a layer")
            set_weights_after_building(layer, weights)
    return arguments


def set_weights_after_building(layer: Any, weights: Any) -> None:
    build = layer.build

    @functools.wraps(build)
    def build_and_set(*arguments: Any, **keywords: Any) -> None:
        build(*arguments, **keywords)
        layer.set_weights(weights)

    layer.build = build_and_set


def take_positional_weight(layer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    if arguments and isinstance(arguments[0], str):
        used("add_weight(name, …)")
        keywords.update(zip(ADD_WEIGHT, arguments))
        keywords.setdefault("initializer", "glorot_uniform")
        return ()
    return arguments


def take_sequence_shape(layer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """`input_dim` of a layer on sequences is the size of one element."""
    if "input_dim" in keywords:
        used(f"{type(layer).__name__}(input_dim=)")
        keywords["input_shape"] = (keywords.pop("input_length", None), keywords.pop("input_dim"))
    return arguments


def take_kernel_sides(rank: int) -> Step:
    """Keras 1 took a kernel's rows and columns as numbers of their own."""
    names = ("nb_row", "nb_col") if rank == 2 else ("kernel_dim1", "kernel_dim2", "kernel_dim3")

    def step(layer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        if all(name in keywords for name in names):
            used(f"{type(layer).__name__}({'=, '.join(names)}=)")
            keywords["kernel_size"] = tuple(keywords.pop(name) for name in names)
            return arguments
        # In Keras 3 the third number is the stride: only another word of Keras 1 shows that it is meant as a side.
        if not CONVOLUTION.keys().isdisjoint(keywords):
            return join_kernel_sides(rank, arguments)
        return arguments

    return step


def join_kernel_sides(rank: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments after `self`: filters, then as many whole numbers as the kernel has sides."""
    sides = arguments[1 : 1 + rank]
    if rank < 2 or len(sides) < rank or not all(isinstance(side, int) for side in sides):
        return arguments
    used(f"Convolution{rank}D(filters, {', '.join(['rows', 'columns', 'depth'][:rank])})")
    return (arguments[0], tuple(sides), *arguments[1 + rank :])


steps: dict[str, Step] = {
    **dict.fromkeys(["LSTM", "GRU", "SimpleRNN", "Conv1D"], take_sequence_shape),
    "Conv2D": take_kernel_sides(2),
    "Conv3D": take_kernel_sides(3),
}


def convolution_of_keras_1(base: type, rank: int) -> type:
    """Its name says that three numbers are filters, rows and columns; it makes layers of the class of today."""

    class Meta(type(base)):
        def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
            if cls is not convolution:
                return super().__call__(*arguments, **keywords)
            return base(*join_kernel_sides(rank, arguments), **keywords)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, base) if cls is convolution else super().__instancecheck__(instance)

    convolution = Meta(f"Convolution{rank}D", (base,), {})
    return convolution


@functools.cache
def replacements(path: str) -> dict[str, Any]:
    """Names of a module of the API that mean more than in Keras 3."""
    if path == "layers":
        from keras import layers

        return {f"Convolution{rank}D": convolution_of_keras_1(getattr(layers, f"Conv{rank}D"), rank) for rank in (2, 3)}
    if path == "backend":
        return {"get_value": get_value, "set_value": set_value}
    if path == "utils":
        from keras import utils

        return {"to_categorical": to_categorical(utils.to_categorical), "plot_model": plot_model(utils.plot_model)}
    if path in ("models", "saving"):
        return old_saving.functions()
    return {}


def to_categorical(original: Any) -> Any:
    @functools.wraps(original)
    def with_old_arguments(*arguments: Any, dtype: Any = None, **keywords: Any) -> Any:
        translate("to_categorical", {"y": "x", "nb_classes": "num_classes"}, keywords)
        found = original(*arguments, **keywords)
        if dtype is None:
            return found
        used("to_categorical(dtype=)")
        return found.astype(dtype)

    return with_old_arguments


def plot_model(original: Any) -> Any:
    """A picture that can't be drawn is no reason to end a training."""

    @functools.wraps(original)
    def or_nothing(*arguments: Any, **keywords: Any) -> Any:
        try:
            return original(*arguments, **keywords)
        except ImportError:
            used("plot_model draws nothing without graphviz")
            return None

    return or_nothing


def get_value(variable: Any) -> Any:
    """The number or array in a variable, as `keras.backend.get_value` returned it."""
    from keras import ops

    return ops.convert_to_numpy(variable)[()]


def set_value(variable: Any, value: Any) -> None:
    variable.assign(value)


def merge(inputs: Any, mode: str = "sum", concat_axis: int = -1, name: str | None = None, **others: Any) -> Any:
    """The function of Keras 1, for the modes that Keras 3 has a layer for."""
    from keras import layers

    makers = {
        "sum": layers.Add,
        "mul": layers.Multiply,
        "ave": layers.Average,
        "max": layers.Maximum,
        "concat": functools.partial(layers.Concatenate, axis=concat_axis),
    }
    if mode not in makers or others:
        raise ValueError(f"merge(mode={mode!r}) of Keras 1 has no equivalent; use a layer such as keras.layers.Dot")
    return makers[mode](name=name)(inputs)


def patch_models() -> None:
    from keras import Sequential
    from keras.src.models import functional, model

    ends: Rules = {"input": "inputs", "output": "outputs"}
    adapt(functional.Functional, "__init__", ends, label="Model")
    is_functional = model.functional_init_arguments

    def is_functional_for_old_names(arguments: Any, keywords: Any) -> bool:
        return is_functional(arguments, {ends.get(name, name): value for name, value in keywords.items()})

    model.functional_init_arguments = is_functional_for_old_names
    adapt(Sequential, "add", {}, take_batch_size)


def take_batch_size(model: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    from keras import layers

    layer = arguments[0] if arguments else None
    size = getattr(layer, "_pushtune_batch_size", None)
    if layer is not None and size is not None and not model._layers:
        model.add(layers.InputLayer(batch_shape=(size, *layer._input_shape_arg)))
    return arguments


def patch_optimizers() -> None:
    from keras import optimizers

    for name in OPTIMIZERS:
        adapt(getattr(optimizers, name), "__init__", OPTIMIZER, take_decay)
    rename_rate(optimizers.Optimizer)


def rename_rate(optimizer: Any) -> None:
    """`optimizer.lr`. No property: what saves a model reads all that `dir` lists."""
    set_attribute = optimizer.__setattr__

    def get_missing(self: Any, name: str) -> Any:
        if name != "lr":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        used("optimizer.lr")
        return self.learning_rate

    @functools.wraps(set_attribute)
    def set_rate_too(self: Any, name: str, value: Any) -> None:
        if name == "lr":
            used("optimizer.lr")
            name = "learning_rate"
        set_attribute(self, name, value)

    optimizer.__getattr__ = get_missing
    optimizer.__setattr__ = set_rate_too


def take_decay(optimizer: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Keras 3 ignores it. In Keras 2 it divided the rate, which stayed a variable that callbacks could set."""
    decay = keywords.pop("decay", None)
    if decay:
        used(f"{type(optimizer).__name__}(decay=)")
        vars(optimizer)["_pushtune_decay"] = float(decay)
        have_rates_decay()
    return arguments


@functools.cache
def have_rates_decay() -> None:
    from keras import ops
    from keras.optimizers import Optimizer

    get_step_rate = Optimizer._get_current_learning_rate

    @functools.wraps(get_step_rate)
    def get_decayed(self: Any) -> Any:
        rate = get_step_rate(self)
        decay = vars(self).get("_pushtune_decay")
        return rate if decay is None else rate / (1.0 + decay * ops.cast(self.iterations, "float32"))

    Optimizer._get_current_learning_rate = get_decayed


def patch_regularizers() -> None:
    from keras import regularizers

    adapt(regularizers.L1, "__init__", {"l": "l1"})
    adapt(regularizers.L2, "__init__", {"l": "l2"})


def patch_channels_first() -> None:
    """TensorFlow trains no convolution of this layout on a CPU, so that images are turned there and back."""
    from keras.src import backend

    if backend.backend() != "tensorflow":
        return
    from keras.src.backend.tensorflow import nn

    convolve = nn.conv

    @functools.wraps(convolve)
    def convolve_anywhere(
        inputs: Any,
        kernel: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
    ) -> Any:
        if (
            backend.standardize_data_format(data_format) == "channels_last"
            or len(inputs.shape) != 4
            or not nn._cpu_only()
        ):
            return convolve(inputs, kernel, strides, padding, data_format, dilation_rate)
        used("channels_first on a CPU")
        turned = nn._transpose_spatial_inputs(inputs)
        outputs = convolve(turned, kernel, strides, padding, "channels_last", dilation_rate)
        return nn._transpose_spatial_outputs(outputs)

    nn.conv = convolve_anywhere
