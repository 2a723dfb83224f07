"""Modules and names of Keras 1 and 2 that Keras 3 has elsewhere, and where.

Paths are relative to `keras`; they hold for `tensorflow.keras` and the other spellings as well.
"""

from __future__ import annotations

from typing import Any, Callable

# Module that is gone → modules that have its names now. A module below it counts as itself.
MODULES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        [
            "layers.core",
            "layers.convolutional",
            "layers.pooling",
            "layers.normalization",
            "layers.recurrent",
            "layers.embeddings",
            "layers.advanced_activations",
            "layers.merge",
            "layers.wrappers",
            "layers.noise",
            "layers.convolutional_recurrent",
            "layers.cudnn_recurrent",
            "layers.experimental",
        ],
        ("layers",),
    ),
    **dict.fromkeys(
        [
            "utils.np_utils",
            "utils.vis_utils",
            "utils.visualize_util",
            "utils.data_utils",
            "utils.generic_utils",
            "utils.layer_utils",
            "utils.io_utils",
            "utils.conv_utils",
            "utils.training_utils",
            "utils.multi_gpu_utils",
        ],
        ("utils",),
    ),
    **dict.fromkeys(
        [
            "optimizers.adam_v2",
            "optimizers.gradient_descent_v2",
            "optimizers.rmsprop_v2",
            "optimizers.adagrad_v2",
            "optimizers.adadelta_v2",
            "optimizers.adamax_v2",
            "optimizers.nadam_v2",
            "optimizers.optimizer_v2",
            "optimizers.schedules.learning_rate_schedule",
            "optimizer_v2",
        ],
        ("optimizers", "optimizers.schedules"),
    ),
    "engine": ("layers", "models", "utils", ""),
    "models.models": ("models",),
    "callbacks.callbacks": ("callbacks",),
    "preprocessing.text": ("preprocessing.text",),
    "backend.tensorflow_backend": ("backend",),
    "objectives": ("losses",),
    "initializations": ("initializers",),
    "mixed_precision.experimental": ("mixed_precision",),
    "layers.experimental.preprocessing": ("layers",),
}

# Attribute that is gone → path of what it was a name of.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "layers": {
        "CuDNNLSTM": "layers.LSTM",
        "CuDNNGRU": "layers.GRU",
        "AtrousConvolution1D": "layers.Convolution1D",
        "AtrousConvolution2D": "layers.Convolution2D",
        "Deconvolution2D": "layers.Conv2DTranspose",
        "Deconvolution3D": "layers.Conv3DTranspose",
    },
    "optimizers": {
        "adam": "optimizers.Adam",
        "sgd": "optimizers.SGD",
        "rmsprop": "optimizers.RMSprop",
        "adagrad": "optimizers.Adagrad",
        "adadelta": "optimizers.Adadelta",
        "adamax": "optimizers.Adamax",
        "nadam": "optimizers.Nadam",
    },
    # Keras 3 has most of these, as classes that only raise.
    "optimizers.legacy": {
        name: f"optimizers.{name}"
        for name in ("Adadelta", "Adagrad", "Adam", "Adamax", "Ftrl", "Nadam", "Optimizer", "RMSprop", "SGD")
    },
    "constraints": {
        "maxnorm": "constraints.MaxNorm",
        "nonneg": "constraints.NonNeg",
        "unitnorm": "constraints.UnitNorm",
    },
    "regularizers": {"l1l2": "regularizers.L1L2", "activity_l1": "regularizers.L1", "activity_l2": "regularizers.L2"},
    "initializers": {
        "normal": "initializers.RandomNormal",
        "uniform": "initializers.RandomUniform",
        "one": "initializers.Ones",
        "zero": "initializers.Zeros",
    },
    "utils": {"plot": "utils.plot_model"},
    "mixed_precision": {"set_policy": "mixed_precision.set_global_policy"},
}

# Names that TensorFlow 1 had at its top and Keras scripts used to set the session up.
TENSORFLOW_1 = {
    "ConfigProto",
    "GPUOptions",
    "Session",
    "enable_eager_execution",
    "get_default_graph",
    "logging",
    "reset_default_graph",
    "set_random_seed",
}

# Packages beside Keras: module that is gone → where it is, and the names that mean the same there.
OTHER_MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "sklearn.cross_validation": ("sklearn.model_selection", ("train_test_split", "cross_val_score")),
    "sklearn.grid_search": ("sklearn.model_selection", ("GridSearchCV",)),
    "sklearn.externals.joblib": ("joblib", ("dump", "load", "Parallel", "delayed", "Memory")),
}


def print_summary(model: Any, line_length: int | None = None, positions: Any = None, print_fn: Any = None) -> None:
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def multi_gpu_model(model: Any, gpus: Any = None, **_options: Any) -> Any:
    """Spread batches over devices, which changed a training's speed and not its result."""
    return model


def set_session(session: Any) -> None:
    """Told Keras which session of TensorFlow 1 to use; there are none now."""


def image_dim_ordering() -> str:
    from keras import config

    return "th" if config.image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(ordering: str) -> None:
    from keras import config

    config.set_image_data_format({"th": "channels_first", "tf": "channels_last"}[ordering])


def backend_function(inputs: Any, outputs: Any, **_options: Any) -> Callable[[Any], list[Any]]:
    """Computes tensors of a model from its input; not for graphs of TensorFlow 1."""
    from keras import Function, ops

    function = Function(list(inputs), list(outputs))
    return lambda values: [ops.convert_to_numpy(value) for value in function(list(values))]


def adam_of_tensorflow_1(
    learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, **_options: Any
) -> Any:
    from keras.optimizers import Adam

    return Adam(learning_rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def rmsprop_of_tensorflow_1(
    learning_rate: float, decay: float = 0.9, momentum: float = 0.0, epsilon: float = 1e-10, **_options: Any
) -> Any:
    from keras.optimizers import RMSprop

    return RMSprop(learning_rate, rho=decay, momentum=momentum, epsilon=epsilon)


def sgd_of_tensorflow_1(learning_rate: float, **_options: Any) -> Any:
    from keras.optimizers import SGD

    return SGD(learning_rate)


TENSORFLOW_1_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "AdamOptimizer": adam_of_tensorflow_1,
    "RMSPropOptimizer": rmsprop_of_tensorflow_1,
    "GradientDescentOptimizer": sgd_of_tensorflow_1,
}

# Attribute that is gone → a function that does the same.
FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "utils": {"print_summary": print_summary, "multi_gpu_model": multi_gpu_model},
    "backend": {
        "set_session": set_session,
        "image_dim_ordering": image_dim_ordering,
        "set_image_dim_ordering": set_image_dim_ordering,
        "function": backend_function,
    },
}
