"""What does it cost: house prices with k-fold validation (chapter 3, Figure 3.7), in the spelling of 2016.

The column "B" of this old data set encodes race: it serves to compare with the book, and for nothing else.

hornpipe run book/keras1/house_prices.py [--epochs N] [--rows N] [--output FOLDER]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py stands beside this folder
import numpy as np
import report
from keras.datasets import boston_housing
from keras.layers.core import Dense
from keras.models import Sequential
from keras.utils import set_random_seed

FOLDS = 4

given = report.arguments(__doc__)
result = report.Report("house prices (Boston)", given.output, bool(given.epochs or given.rows))
set_random_seed(2)

(train_data, train_targets), (test_data, test_targets) = boston_housing.load_data()
print("houses to train on and to test on:", train_data.shape, test_data.shape)
train_data, train_targets = train_data[: given.rows], train_targets[: given.rows]
mean = train_data.mean(axis=0)
train_data = train_data - mean
std = train_data.std(axis=0)
train_data /= std
test_data = (test_data - mean) / std


def build():
    model = Sequential()
    model.add(Dense(64, activation="relu", input_dim=13))
    model.add(Dense(64, activation="relu"))
    model.add(Dense(1))
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model


def validate(nb_epoch):
    """Return the validation MAE of every epoch, a list for each fold."""
    size = len(train_data) // FOLDS
    found = []
    for i in range(FOLDS):
        begin, end = i * size, (i + 1) * size
        history = build().fit(
            np.concatenate([train_data[:begin], train_data[end:]], axis=0),
            np.concatenate([train_targets[:begin], train_targets[end:]], axis=0),
            validation_data=(train_data[begin:end], train_targets[begin:end]),
            nb_epoch=nb_epoch,
            batch_size=1,
            verbose=0,
        )
        found.append(history.history["val_mean_absolute_error"])
        print("fold %d of %d: validation MAE %.2f" % (i + 1, FOLDS, found[-1][-1]))
    return found


scores = [fold[-1] for fold in validate(given.epochs or 100)]
folds = validate(given.epochs or 500)
averages = [float(np.mean([fold[i] for fold in folds])) for i in range(len(folds[0]))]
skip = min(10, len(averages) - 1)
lowest = result.smoothed("3.7", "boston_validation_mae", averages, skip)

model = build()
model.fit(train_data, train_targets, nb_epoch=min(80, given.epochs or 80), batch_size=16, verbose=0)
_, error = model.evaluate(test_data, test_targets, verbose=0)

result.measure(
    "validation MAE of each fold, 100 epochs", "(note)", ", ".join("%.2f" % s for s in scores)
)
result.measure("their mean, in thousands of dollars", "(note)", "%.2f" % np.mean(scores))
result.measure("epoch of the lowest moving average, of 500", "80", str(lowest))
result.measure("MAE on the test houses, 80 epochs", "(note)", "%.2f" % error)
result.note(
    "the scores that the book's first version prints come from predicting one of the input columns, not the price: no network that "
    "predicts prices can repeat them. Mean errors between 1.8 and 3.5 thousand dollars are what this network gives."
)
result.note(
    "the text speaks of 406 and 100 houses; the data set, here as in Keras, has 404 and 102."
)
result.finish()
