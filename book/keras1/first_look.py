"""A first look: a network that reads handwritten digits (chapter 2, Figure 2.2), in the spelling of 2016.

hornpipe run book/keras1/first_look.py [--epochs N] [--rows N] [--output FOLDER]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py stands beside this folder
import report
from keras.datasets import mnist
from keras.layers.core import Dense
from keras.models import Sequential
from keras.utils import np_utils
from keras.utils import set_random_seed

given = report.arguments(__doc__)
result = report.Report("first look (MNIST)", given.output, bool(given.epochs or given.rows))
set_random_seed(2)

(train_images, train_labels), (test_images, test_labels) = mnist.load_data()
print("training images:", train_images.shape, train_images.dtype, "labels:", train_labels)
result.image("2.2", "the_fifth_digit", train_images[4])

train_images, train_labels = train_images[: given.rows], train_labels[: given.rows]
x_train = train_images.reshape((len(train_images), 28 * 28)).astype("float32") / 255
x_test = test_images.reshape((len(test_images), 28 * 28)).astype("float32") / 255
y_train = np_utils.to_categorical(train_labels, nb_classes=10)
y_test = np_utils.to_categorical(test_labels, nb_classes=10)

network = Sequential()
network.add(Dense(output_dim=512, activation="relu", input_dim=28 * 28))
network.add(Dense(output_dim=10, activation="softmax"))
network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
history = network.fit(x_train, y_train, nb_epoch=given.epochs or 5, batch_size=128)
test_loss, test_acc = network.evaluate(x_test, y_test)

result.measure("accuracy on the test images", "97.8 %", report.percent(test_acc))
result.measure("on the training images", "98.9 %", report.percent(history.history["acc"][-1]))
result.finish()
