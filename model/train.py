"""Recognise handwritten digits with a small convolutional network, from a folder of images for each class."""

import glob
import os

import cv2
import keras
import numpy as np
from keras import layers

from make_digits import make_digits

keras.utils.set_random_seed(42)

# Where Keras keeps what it downloads.
folder = os.path.expanduser("~/.keras/datasets/digits")
make_digits(folder)


def read_images(part):
    paths = sorted(glob.glob(os.path.join(folder, part, "*", "*.png")))
    images = [cv2.resize(cv2.imread(path, cv2.IMREAD_GRAYSCALE), (28, 28)) for path in paths]
    labels = [int(os.path.basename(os.path.dirname(path))) for path in paths]
    return np.array(images)[..., None] / 255.0, np.array(labels)


x_train, y_train = read_images("train")
x_test, y_test = read_images("test")

model = keras.Sequential(
    [
        layers.Input(shape=(28, 28, 1)),
        layers.Conv2D(16, kernel_size=3, padding="same", activation="relu"),
        layers.MaxPooling2D(pool_size=2, padding="same"),
        layers.Conv2D(32, kernel_size=3, padding="same", activation="relu"),
        layers.MaxPooling2D(pool_size=2, padding="same"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.0001),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

model.fit(
    x_train,
    y_train,
    batch_size=64,
    epochs=5,
    steps_per_epoch=20,
    validation_data=(x_test, y_test),
)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test accuracy: {accuracy:.4f}")
