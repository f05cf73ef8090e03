"""Friendly or not: film reviews as bags of words (chapter 3, Figures 3.2 and 3.3), in the spelling of 2016.

hornpipe run book/keras1/movie_reviews.py [--epochs N] [--rows N] [--output FOLDER]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py stands beside this folder
import numpy as np
import report
from keras import models
from keras import layers
from keras import objectives
from keras import optimizers
from keras.datasets import imdb
from keras.utils import set_random_seed

WORDS = 10000

given = report.arguments(__doc__)
result = report.Report("movie reviews (IMDB)", given.output, bool(given.epochs or given.rows))
set_random_seed(2)


def vectorize(sequences):
    """Return a row for each review, one where it has the word; doubles, as NumPy makes them."""
    results = np.zeros((len(sequences), WORDS))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def build():
    model = models.Sequential()
    model.add(layers.Dense(16, activation="relu", input_shape=(WORDS,)))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(
        optimizer=optimizers.RMSprop(lr=0.001),
        loss=objectives.binary_crossentropy,
        metrics=["accuracy"],
    )
    return model


(train_data, train_labels), (test_data, test_labels) = imdb.load_data(nb_words=WORDS)
x_train, x_test = vectorize(train_data[: given.rows]), vectorize(test_data[: given.rows])
y_train = np.asarray(train_labels[: given.rows]).astype("float32")
y_test = np.asarray(test_labels[: given.rows]).astype("float32")

# How many epochs? 10,000 reviews are set apart to find out.
apart = len(x_train) * 2 // 5
history = (
    build()
    .fit(
        x_train[apart:],
        y_train[apart:],
        nb_epoch=given.epochs or 20,
        batch_size=512,
        validation_data=(x_train[:apart], y_train[:apart]),
    )
    .history
)
print("keys of the history:", list(history.keys()))
result.curves("3.2", "imdb_loss", history["loss"], history["val_loss"])
result.curves("3.3", "imdb_accuracy", history["acc"], history["val_acc"])

# After four epochs the network learns the reviews by heart: a new one stops there.
model = build()
model.fit(x_train, y_train, nb_epoch=min(4, given.epochs or 4), batch_size=512)
test_loss, test_acc = model.evaluate(x_test, y_test)
probabilities = model.predict_proba(x_test, verbose=0)

best = int(np.argmin(history["val_loss"])) + 1
result.measure("accuracy on the test reviews, 4 epochs", "88 %", report.percent(test_acc))
result.measure("epoch of the lowest validation loss", "4", str(best))
result.measure(
    "accuracy in the last epoch: training, validation",
    "about 100 %, 86 %",
    f"{report.percent(history['acc'][-1])}, {report.percent(history['val_acc'][-1])}",
)
sure = float(((probabilities < 0.01) | (probabilities > 0.99)).mean())
result.measure("reviews with a probability beyond 0.01 or 0.99", "some", report.percent(sure))
result.finish()
