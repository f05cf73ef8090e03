"""A first look: a network that reads handwritten digits (chapter 2, Figure 2.2).

python book/first_look.py [--epochs N] [--rows N] [--output FOLDER]
"""

import report

import hornpipe as keras
from hornpipe import layers

given = report.arguments(__doc__)
result = report.Report("first look (MNIST)", given.output, bool(given.epochs or given.rows))
keras.utils.set_random_seed(2)

(train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
print("training images:", train_images.shape, train_images.dtype, "labels:", train_labels)
result.image("2.2", "the_fifth_digit", train_images[4])

train_images, train_labels = train_images[: given.rows], train_labels[: given.rows]
x_train = train_images.reshape(len(train_images), 28 * 28).astype("float32") / 255
x_test = test_images.reshape(len(test_images), 28 * 28).astype("float32") / 255
y_train = keras.utils.to_categorical(train_labels, 10)
y_test = keras.utils.to_categorical(test_labels, 10)

network = keras.Sequential(
    [
        keras.Input((28 * 28,)),
        layers.Dense(512, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
history = network.fit(x_train, y_train, epochs=given.epochs or 5, batch_size=128)
test_loss, test_accuracy = network.evaluate(x_test, y_test)

result.measure("accuracy on the test images", "97.8 %", report.percent(test_accuracy))
result.measure("on the training images", "98.9 %", report.percent(history.history["accuracy"][-1]))
result.finish()
