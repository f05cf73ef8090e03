"""Reviews and newswires as lists of word numbers. Arguments: number of texts, epochs."""

import copy
import sys

import numpy as np
from keras import layers, losses, metrics, models, objectives, optimizers
from keras.datasets import imdb, reuters
from keras.layers import Activation, Dense, Dropout
from keras.regularizers import l2
from keras.utils.np_utils import to_categorical

count, epochs = int(sys.argv[1]), int(sys.argv[2])


def vectorize_sequences(sequences, dimension=10000):
    results = np.zeros((len(sequences), dimension))
    for i, sequence in enumerate(sequences):
        results[i, sequence] = 1.0
    return results


def to_one_hot(labels, dimension=46):
    results = np.zeros((len(labels), dimension))
    for i, label in enumerate(labels):
        results[i, label] = 1.0
    return results


# ---- reviews

(train_data, train_labels), (test_data, test_labels) = imdb.load_data(nb_words=10000)
assert train_data.shape == test_data.shape == (25000,) and len(train_labels) == 25000
assert max([max(sequence) for sequence in train_data]) == 9999
assert isinstance(train_data[0], list) and train_data[0][0] == 1 and train_labels[0] in (0, 1)
word_index = imdb.get_word_index()
reverse_word_index = dict([(value, key) for (key, value) in word_index.items()])
decoded = " ".join([reverse_word_index.get(i - 3, "?") for i in train_data[0]])
assert decoded.startswith("? ") and len(decoded.split(" ")) == len(train_data[0])

x_train, x_test = vectorize_sequences(train_data[:count]), vectorize_sequences(test_data[:count])
assert x_train.shape == (count, 10000) and x_train[0, 1] == 1.0 and x_train.dtype == "float64"
y_train = np.asarray(train_labels[:count]).astype("float32")
y_test = np.asarray(test_labels[:count]).astype("float32")


def network():
    model = models.Sequential()
    model.add(layers.Dense(16, activation="relu", input_shape=(10000,)))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


# three ways to compile: by name, by object, by function
model = network()
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
model.compile(optimizer=optimizers.RMSprop(lr=0.001), loss="binary_crossentropy", metrics=["acc"])
model.compile(
    optimizer=optimizers.RMSprop(lr=0.001),
    loss=losses.binary_crossentropy,
    metrics=[metrics.binary_accuracy],
)
half = count // 2
x_val, partial_x_train = x_train[:half], x_train[half:]
y_val, partial_y_train = y_train[:half], y_train[half:]
history = model.fit(
    partial_x_train,
    partial_y_train,
    nb_epoch=epochs,
    batch_size=512,
    validation_data=(x_val, y_val),
)
assert list(history.history) == ["loss", "binary_accuracy", "val_loss", "val_binary_accuracy"]
assert history.history["acc"] == history.history["binary_accuracy"]
assert len(history.history["val_acc"]) == epochs

model = network()
model.compile(optimizer="rmsprop", loss=objectives.binary_crossentropy, metrics=["accuracy"])
history = model.fit(
    partial_x_train,
    partial_y_train,
    nb_epochs=epochs,
    batch_size=512,
    validation_data=(x_val, y_val),
)
assert sorted(history.history.keys()) == ["acc", "loss", "val_acc", "val_loss"]
history_dict = history.history
assert all(len(values) == epochs for values in history_dict.values())
results = model.evaluate(x_test, y_test)
assert isinstance(results, list) and len(results) == 2
predicted = model.predict(x_test)
assert predicted.shape == (count, 1) and 0 <= predicted.min() <= predicted.max() <= 1

# the variations the exercises ask for
for first in (
    dict(output_dim=32, activation="tanh", input_dim=10000),
    dict(output_dim=32, init="uniform", W_regularizer=l2(0.001), input_shape=(10000,)),
):
    model = models.Sequential([Dense(**first), Dropout(0.5), Dense(1), Activation("sigmoid")])
    model.compile(optimizer=optimizers.SGD(lr=0.1), loss="mse", metrics=["accuracy"])
    assert "val_acc" in model.fit(x_train, y_train, 512, 1, 0, validation_split=0.5).history

# ---- newswires

(train_data, train_labels), (test_data, test_labels) = reuters.load_data(nb_words=10000)
assert len(train_data) == 8982 and len(test_data) == 2246
assert max(train_labels) == 45 and min(train_labels) == 0
reverse_word_index = dict([(value, key) for (key, value) in reuters.get_word_index().items()])
assert " ".join([reverse_word_index.get(i - 3, "?") for i in train_data[0]]).startswith("? ")
one_hot_train_labels, one_hot_test_labels = to_one_hot(train_labels), to_one_hot(test_labels)
assert np.array_equal(one_hot_train_labels, to_categorical(train_labels))
assert np.array_equal(one_hot_test_labels, to_categorical(test_labels, nb_classes=46))
x_train, x_test = vectorize_sequences(train_data[:count]), vectorize_sequences(test_data[:count])
y_train = one_hot_train_labels[:count]


def classifier(units, loss="categorical_crossentropy"):
    model = models.Sequential()
    model.add(layers.Dense(64, activation="relu", input_shape=(10000,)))
    model.add(layers.Dense(units, activation="relu"))
    model.add(layers.Dense(46, activation="softmax"))
    model.compile(optimizer="rmsprop", loss=loss, metrics=["accuracy"])
    return model


model = classifier(64)
history = model.fit(
    x_train[half:],
    y_train[half:],
    nb_epoch=epochs,
    batch_size=512,
    validation_data=(x_train[:half], y_train[:half]),
)
assert sorted(history.history.keys()) == ["acc", "loss", "val_acc", "val_loss"]
assert len(model.evaluate(x_test, one_hot_test_labels[:count])) == 2
predictions = model.predict(x_test)
assert predictions[0].shape == (46,) and np.isclose(np.sum(predictions[0]), 1.0)
assert 0 <= np.argmax(predictions[0]) < 46

# how good is guessing?
shuffled = copy.copy(test_labels)
np.random.shuffle(shuffled)
share = float(np.sum(np.array(test_labels) == np.array(shuffled))) / len(test_labels)
assert 0.15 < share < 0.23

# labels as whole numbers, and a bottleneck
y_train, y_test = np.array(train_labels), np.array(test_labels)
model = classifier(64, "sparse_categorical_crossentropy")
model.fit(x_train, y_train[:count], nb_epoch=1, batch_size=512, verbose=0)
assert len(model.evaluate(x_test, y_test[:count], verbose=0)) == 2
bottleneck = classifier(4)
bottleneck.fit(
    x_train[half:],
    one_hot_train_labels[half:count],
    nb_epoch=1,
    batch_size=128,
    validation_data=(x_train[:half], one_hot_train_labels[:half]),
)
print("texts: ok")
