"""A first look: define a network, train it on real handwritten digits, evaluate it, draw its learning curve, and predict.

python examples/first_look.py                # 1,797 images of 8x8, shipped with the package
python examples/first_look.py --data mnist   # 70,000 images of 28x28, the book's first example
"""

from __future__ import annotations

import argparse
from pathlib import Path

import hornpipe as keras
from hornpipe import layers


def load(name):
    """Return ((x_train, y_train), (x_test, y_test)) as float rows in [0, 1] and one-hot labels."""
    dataset, largest = {
        "digits": (keras.datasets.digits, 16),
        "mnist": (keras.datasets.mnist, 255),
    }[name]
    (train_images, train_labels), (test_images, test_labels) = dataset.load_data()
    print(
        f"{name}: {len(train_images)} images of {train_images.shape[1:]} to train on, {len(test_images)} to test on"
    )

    def prepare(images, labels):
        return images.reshape(len(images), -1).astype(
            "float32"
        ) / largest, keras.utils.to_categorical(labels)

    return prepare(train_images, train_labels), prepare(test_images, test_labels)


def build(pixels, units):
    """Return the book's network of Listing 2.2: one hidden layer, one unit for each digit."""
    network = keras.Sequential(
        [
            keras.Input((pixels,)),
            layers.Dense(units, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return network


def draw(history, path):
    """Draw loss and accuracy of each epoch into a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.5))
    for panel, name in zip(panels, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[name]) + 1)
        panel.plot(epochs, history[name], "o", label="training")
        panel.plot(epochs, history[f"val_{name}"], label="validation")
        panel.set(title=name, xlabel="epoch")
        panel.legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["digits", "mnist"], default="digits")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--output", type=Path, default=Path("output"))
    arguments = parser.parse_args()

    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = load(arguments.data)
    small = arguments.data == "digits"
    network = build(x_train.shape[1], 64 if small else 512)
    network.summary()
    history = network.fit(
        x_train,
        y_train,
        epochs=arguments.epochs or (20 if small else 5),
        batch_size=32 if small else 128,
        validation_split=0.1,
    )
    loss, accuracy = network.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    arguments.output.mkdir(parents=True, exist_ok=True)
    picture = arguments.output / f"learning_curve_{arguments.data}.png"
    draw(history.history, picture)
    print(f"learning curve: {picture}")

    probabilities = network.predict(x_test[:5], verbose=0)
    for row, target in zip(probabilities, y_test[:5], strict=True):
        print(
            f"predicted {row.argmax()} with probability {row.max():.3f}, the image shows a {target.argmax()}"
        )


if __name__ == "__main__":
    main()
