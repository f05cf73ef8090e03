"""What is it about: newswires on 46 topics (chapter 3, Figures 3.4 and 3.5), in the spelling of 2016.

hornpipe run book/keras1/newswires.py [--epochs N] [--rows N] [--output FOLDER]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py stands beside this folder
import copy

import numpy as np
import report
from keras import layers
from keras import models
from keras.datasets import reuters
from keras.utils import set_random_seed
from keras.utils.np_utils import to_categorical

WORDS, TOPICS = 10000, 46

given = report.arguments(__doc__)
result = report.Report("newswires (Reuters)", given.output, bool(given.epochs or given.rows))
set_random_seed(2)


def vectorize(sequences):
    """Return a row for each newswire, one where it has the word; doubles, as NumPy makes them."""
    results = np.zeros((len(sequences), WORDS))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def build(units=64, loss="categorical_crossentropy"):
    model = models.Sequential()
    model.add(layers.Dense(64, activation="relu", input_shape=(WORDS,)))
    model.add(layers.Dense(output_dim=units, activation="relu"))
    model.add(layers.Dense(output_dim=TOPICS, activation="softmax"))
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    return model


(train_data, train_labels), (test_data, test_labels) = reuters.load_data(nb_words=WORDS)
train_labels, test_labels = train_labels[: given.rows], test_labels[: given.rows]
x_train, x_test = vectorize(train_data[: given.rows]), vectorize(test_data[: given.rows])
y_train = to_categorical(train_labels, nb_classes=TOPICS)
y_test = to_categorical(test_labels, nb_classes=TOPICS)
apart = min(1000, len(x_train) // 2)
held_out = (x_train[:apart], y_train[:apart])
most = given.epochs or 20


def train(units, nb_epoch, batch_size, verbose=1):
    """Return a model trained on what is not held out, and its history."""
    model = build(units)
    history = model.fit(
        x_train[apart:],
        y_train[apart:],
        nb_epoch=nb_epoch,
        batch_size=batch_size,
        validation_data=held_out,
        verbose=verbose,
    )
    return model, history.history


_, history = train(64, most, 512)
result.curves("3.4", "reuters_loss", history["loss"], history["val_loss"])
result.curves("3.5", "reuters_accuracy", history["acc"], history["val_acc"])

model, _ = train(64, min(9, most), 512)
_, acc = model.evaluate(x_test, y_test)
sparse = build(loss="sparse_categorical_crossentropy")  # the same network on topics as numbers
sparse.fit(x_train[apart:], train_labels[apart:], nb_epoch=min(9, most), batch_size=512, verbose=0)
_, sparse_acc = sparse.evaluate(x_test, test_labels, verbose=0)
shuffled = copy.copy(test_labels)
np.random.shuffle(shuffled)
guess = float(np.sum(np.array(test_labels) == np.array(shuffled))) / len(test_labels)
narrow = {units: max(train(units, most, 128, 0)[1]["val_acc"]) for units in (8, 4)}

result.measure("accuracy on the test newswires, 9 epochs", "78 %", report.percent(acc))
result.measure("the same, topics as whole numbers", "", report.percent(sparse_acc))
result.measure("shuffled labels", "19 %", report.percent(guess))
result.measure(
    "best validation accuracy, 64 units", "79 %", report.percent(max(history["val_acc"]))
)
result.measure("with a bottleneck of 8 units", "clearly lower", report.percent(narrow[8]))
result.measure("with a bottleneck of 4 units", "71 %", report.percent(narrow[4]))
total = float(np.sum(model.predict(x_test[:1])))
result.measure("sum of the probabilities of one newswire", "1.0", f"{total:.4f}")
result.finish()
