"""What is it about: newswires on 46 topics (chapter 3, Figures 3.4 and 3.5).

python book/newswires.py [--epochs N] [--rows N] [--output FOLDER]
"""

import numpy as np
import report

import hornpipe as keras
from hornpipe import layers

WORDS, TOPICS = 10000, 46

given = report.arguments(__doc__)
result = report.Report("newswires (Reuters)", given.output, bool(given.epochs or given.rows))
keras.utils.set_random_seed(2)


def load():
    """Return ((x, y), (x, y)): a row for each newswire, one where it has the word; topics as numbers."""
    parts = []
    for wires, topics in keras.datasets.reuters.load_data(num_words=WORDS):
        wires = wires[: given.rows]
        x = np.zeros((len(wires), WORDS), "float32")
        for row, words in zip(x, wires, strict=True):
            row[words] = 1
        parts.append((x, topics[: given.rows]))
    return parts


def build(units=64, loss="categorical_crossentropy"):
    model = keras.Sequential(
        [
            keras.Input((WORDS,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(units, activation="relu"),
            layers.Dense(TOPICS, activation="softmax"),
        ]
    )
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    return model


(x_train, topics_train), (x_test, topics_test) = load()
y_train = keras.utils.to_categorical(topics_train, TOPICS)
y_test = keras.utils.to_categorical(topics_test, TOPICS)
apart = min(1000, len(x_train) // 2)
held_out = (x_train[:apart], y_train[:apart])
most = given.epochs or 20


def train(units, epochs, batch_size, verbose="auto"):
    """Return a model trained on what is not held out, and its history."""
    model = build(units)
    fit = {"epochs": epochs, "batch_size": batch_size, "validation_data": held_out}
    return model, model.fit(x_train[apart:], y_train[apart:], verbose=verbose, **fit).history


_, history = train(64, most, 512)
result.curves("3.4", "reuters_loss", history["loss"], history["val_loss"])
result.curves("3.5", "reuters_accuracy", history["accuracy"], history["val_accuracy"])

model, _ = train(64, min(9, most), 512)
_, accuracy = model.evaluate(x_test, y_test)
sparse = build(loss="sparse_categorical_crossentropy")  # the same network on topics as numbers
sparse.fit(x_train[apart:], topics_train[apart:], epochs=min(9, most), batch_size=512, verbose=0)
_, sparse_accuracy = sparse.evaluate(x_test, topics_test, verbose=0)
guess = float((np.random.default_rng(1).permutation(topics_test) == topics_test).mean())
narrow = {units: max(train(units, most, 128, 0)[1]["val_accuracy"]) for units in (8, 4)}

result.measure("accuracy on the test newswires, 9 epochs", "78 %", report.percent(accuracy))
result.measure("the same, topics as whole numbers", "", report.percent(sparse_accuracy))
result.measure("shuffled labels", "19 %", report.percent(guess))
result.measure(
    "best validation accuracy, 64 units", "79 %", report.percent(max(history["val_accuracy"]))
)
result.measure("with a bottleneck of 8 units", "clearly lower", report.percent(narrow[8]))
result.measure("with a bottleneck of 4 units", "71 %", report.percent(narrow[4]))
total = float(model.predict(x_test[:1]).sum())
result.measure("sum of the probabilities of one newswire", "1.0", f"{total:.4f}")
result.finish()
