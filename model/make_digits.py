"""Write the 1797 handwritten digits that come with scikit-learn as images, in a folder for each class."""

import os
import shutil


def make_digits(folder):
    """Make train/0/0001.png and so on in the folder, unless it is there. A quarter of the digits is for the test."""
    if os.path.isdir(folder):
        return
    import cv2
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # Scanned in 8 x 8 pixels with 16 shades of grey.
    images = digits.images * 255 / 16
    x_train, x_test, y_train, y_test = train_test_split(
        images, digits.target, test_size=0.25, random_state=42, stratify=digits.target
    )
    # Under another name until it is whole: an interrupted run would leave half of it.
    unfinished = f"{folder}.{os.getpid()}"
    for part, x, y in [("train", x_train, y_train), ("test", x_test, y_test)]:
        for label in range(10):
            os.makedirs(os.path.join(unfinished, part, str(label)))
        for number, (image, label) in enumerate(zip(x, y)):
            cv2.imwrite(os.path.join(unfinished, part, str(label), f"{number:04}.png"), image)
    try:
        os.rename(unfinished, folder)
    except OSError:
        # Another run was faster.
        shutil.rmtree(unfinished)


if __name__ == "__main__":
    make_digits("digits")
