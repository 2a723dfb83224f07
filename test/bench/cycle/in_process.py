"""The hand-written way: Optuna and the sample CNN as a function, in one process that imports TensorFlow once.

Reads ``{"parameters": [...], "trials": [{"filters_1": 16, ...}, ...]}`` from standard input, trains the trials in that
order, and prints as its last line ``{"startup": seconds, "seconds": [...], "accuracies": [...]}``.
"""

from __future__ import annotations

import glob
import json
import os
import sys
import time
from typing import Any

BEGAN = time.perf_counter()

import cv2  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import optuna  # noqa: E402
from keras import layers  # noqa: E402

# The sample's folder.
sys.path.append("/sample")
from make_digits import make_digits  # noqa: E402

Parameter = dict[str, Any]
Values = dict[str, Any]

FOLDER = "/tmp/digits"


def read_images(part: str) -> tuple[Any, Any]:
    paths = sorted(glob.glob(os.path.join(FOLDER, part, "*", "*.png")))
    images = [cv2.resize(cv2.imread(path, cv2.IMREAD_GRAYSCALE), (28, 28)) for path in paths]
    labels = [int(os.path.basename(os.path.dirname(path))) for path in paths]
    return np.array(images)[..., None] / 255.0, np.array(labels)


make_digits(FOLDER)
x_train, y_train = read_images("train")
x_test, y_test = read_images("test")


def suggest(trial: optuna.Trial, parameters: list[Parameter]) -> Values:
    values: Values = {}
    # A parameter that another one switches on comes after that one.
    for parameter in sorted(parameters, key=lambda one: "when" in one):
        when = parameter.get("when")
        if when is not None and values[when["parameter"]] < when["atLeast"]:
            continue
        name = parameter["name"]
        if parameter["type"] == "categorical":
            values[name] = trial.suggest_categorical(name, parameter["choices"])
        elif parameter["type"] == "int":
            values[name] = trial.suggest_int(name, parameter["low"], parameter["high"], log=parameter.get("log", False))
        else:
            values[name] = trial.suggest_float(
                name, parameter["low"], parameter["high"], log=parameter.get("log", False)
            )
    return values


def make_model(values: Values) -> keras.Model:
    stack: list[Any] = [layers.Input(shape=(28, 28, 1))]
    for block in range(1, values["conv_blocks"] + 1):
        # Blocks beyond the second are like it.
        number = min(block, 2)
        stack += [
            layers.Conv2D(
                values[f"filters_{number}"],
                kernel_size=values[f"kernel_size_{number}"],
                padding="same",
                activation=values[f"activation_{number}"],
            ),
            layers.MaxPooling2D(pool_size=values[f"pool_size_{number}"], padding="same"),
        ]
    stack.append(layers.Flatten())
    for _ in range(values["dense_layers"]):
        stack += [layers.Dense(values["units"], activation=values["activation_3"]), layers.Dropout(values["dropout"])]
    stack.append(layers.Dense(10, activation="softmax"))
    return keras.Sequential(stack)


def train_model(values: Values) -> float:
    keras.backend.clear_session()
    keras.utils.set_random_seed(42)
    model = make_model(values)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=values["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        y_train,
        batch_size=values["batch_size"],
        epochs=values["epochs"],
        steps_per_epoch=values["steps_per_epoch"],
        validation_data=(x_test, y_test),
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return float(accuracy)


def main() -> None:
    request = json.load(sys.stdin)
    study = optuna.create_study(direction="maximize")
    for values in request["trials"]:
        study.enqueue_trial(values)
    startup = time.perf_counter() - BEGAN
    ends = [time.perf_counter()]
    study.optimize(
        lambda trial: train_model(suggest(trial, request["parameters"])),
        n_trials=len(request["trials"]),
        callbacks=[lambda *_: ends.append(time.perf_counter())],
    )
    trained = [trial.params for trial in study.trials]
    if trained != request["trials"]:
        sys.exit(f"Optuna trained {trained} in place of {request['trials']}")
    seconds = [end - begin for begin, end in zip(ends, ends[1:])]
    print(json.dumps({"startup": startup, "seconds": seconds, "accuracies": [trial.value for trial in study.trials]}))


if __name__ == "__main__":
    main()
