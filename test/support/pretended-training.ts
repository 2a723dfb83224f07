/**
 * A script whose accuracy follows from its hyperparameters, which the analysis finds in the network.
 *
 * @param accuracy Python's expression for it, of `filters` and `LEARNING_RATE`
 */
export function pretendedTraining(accuracy: string): string {
  return `import json
import os
import re

LEARNING_RATE = 0.001


def build():
    import keras

    model = keras.Sequential(
        [
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE), loss="mse")
    return model


if os.environ.get("REALLY"):
    build().fit(None, None)
filters = int(re.search(r"Conv2D.(\\d+)", open(__file__).read()).group(1))
print("pretending to train with", filters, LEARNING_RATE)
with open("metrics.json", "w") as file:
    json.dump({"val_accuracy": ${accuracy}}, file)
`;
}
