"""House prices with k-fold validation. Argument: epochs."""

import sys

import numpy as np
from keras import layers, models
from keras.datasets import boston_housing

epochs = int(sys.argv[1])
(train_data, train_targets), (test_data, test_targets) = boston_housing.load_data()
assert train_data.shape == (404, 13) and test_data.shape == (102, 13)
assert train_targets.shape == (404,) and 5 <= train_targets.min() <= train_targets.max() == 50
assert np.allclose(train_targets[:3], [15.2, 42.3, 50.0])

mean = train_data.mean(axis=0)
train_data -= mean
std = train_data.std(axis=0)
train_data /= std
test_data -= mean
test_data /= std
np.testing.assert_allclose(train_data.std(axis=0), 1.0)


def build_model():
    model = models.Sequential()
    model.add(layers.Dense(64, activation="relu", input_shape=(train_data.shape[1],)))
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    return model


k = 4
num_val_samples = len(train_data) // k
all_scores, all_mae_histories = [], []
for i in range(k):
    print("processing fold #", i)
    fold = slice(i * num_val_samples, (i + 1) * num_val_samples)
    val_data, val_targets = train_data[fold], train_targets[fold]
    partial_train_data = np.concatenate([train_data[: fold.start], train_data[fold.stop :]], axis=0)
    partial_train_targets = np.concatenate(
        [train_targets[: fold.start], train_targets[fold.stop :]], axis=0
    )
    model = build_model()
    history = model.fit(
        partial_train_data,
        partial_train_targets,
        validation_data=(val_data, val_targets),
        nb_epoch=epochs,
        batch_size=1,
        verbose=0,
    )
    assert list(history.history) == [
        "loss",
        "mean_absolute_error",
        "val_loss",
        "val_mean_absolute_error",
    ]
    assert history.history["val_mae"] == history.history["val_mean_absolute_error"]
    val_mse, val_mae = model.evaluate(val_data, val_targets, verbose=0)
    assert np.isclose(val_mae, history.history["val_mean_absolute_error"][-1])
    all_scores.append(val_mae)
    all_mae_histories.append(history.history["val_mean_absolute_error"])
average = [np.mean([x[i] for x in all_mae_histories]) for i in range(epochs)]
assert len(average) == epochs and np.isclose(average[-1], np.mean(all_scores))


def smooth_curve(points, factor=0.9):
    smoothed_points = []
    for point in points:
        if smoothed_points:
            previous = smoothed_points[-1]
            smoothed_points.append(previous * factor + point * (1 - factor))
        else:
            smoothed_points.append(point)
    return smoothed_points


assert len(smooth_curve(average[1:])) == epochs - 1
model = build_model()
model.fit(train_data, train_targets, nb_epoch=epochs, batch_size=16, verbose=0)
test_mse_score, test_mae_score = model.evaluate(test_data, test_targets)
assert model.predict(test_data).shape == (102, 1)
print("fold scores", all_scores)
print("house prices: ok")
