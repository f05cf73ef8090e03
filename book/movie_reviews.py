"""Friendly or not: film reviews as bags of words (chapter 3, Figures 3.2 and 3.3).

python book/movie_reviews.py [--epochs N] [--rows N] [--output FOLDER]
"""

import numpy as np
import report

import hornpipe as keras
from hornpipe import layers

WORDS = 10000

given = report.arguments(__doc__)
result = report.Report("movie reviews (IMDB)", given.output, bool(given.epochs or given.rows))
keras.utils.set_random_seed(2)


def load():
    """Return ((x, y), (x, y)): a row for each review, one where it has the word."""
    parts = []
    for reviews, labels in keras.datasets.imdb.load_data(num_words=WORDS):
        reviews = reviews[: given.rows]
        x = np.zeros((len(reviews), WORDS), "float32")
        for row, words in zip(x, reviews, strict=True):
            row[words] = 1
        parts.append((x, labels[: given.rows].astype("float32")))
    return parts


def build():
    model = keras.Sequential(
        [
            keras.Input((WORDS,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    return model


(x_train, y_train), (x_test, y_test) = load()

# How many epochs? 10,000 reviews are set apart to find out.
apart = len(x_train) * 2 // 5
history = (
    build()
    .fit(
        x_train[apart:],
        y_train[apart:],
        epochs=given.epochs or 20,
        batch_size=512,
        validation_data=(x_train[:apart], y_train[:apart]),
    )
    .history
)
result.curves("3.2", "imdb_loss", history["loss"], history["val_loss"])
result.curves("3.3", "imdb_accuracy", history["accuracy"], history["val_accuracy"])

# After four epochs the network learns the reviews by heart: a new one stops there.
model = build()
model.fit(x_train, y_train, epochs=min(4, given.epochs or 4), batch_size=512)
test_loss, test_accuracy = model.evaluate(x_test, y_test)
probabilities = model.predict(x_test)

best = int(np.argmin(history["val_loss"])) + 1
result.measure("accuracy on the test reviews, 4 epochs", "88 %", report.percent(test_accuracy))
result.measure("epoch of the lowest validation loss", "4", str(best))
result.measure(
    "accuracy in the last epoch: training, validation",
    "about 100 %, 86 %",
    f"{report.percent(history['accuracy'][-1])}, {report.percent(history['val_accuracy'][-1])}",
)
sure = float(((probabilities < 0.01) | (probabilities > 0.99)).mean())
result.measure("reviews with a probability beyond 0.01 or 0.99", "some", report.percent(sure))
result.finish()
