"""The first network: images in, digits out. Arguments: number of images, epochs."""

import sys

from keras import layers, models
from keras.datasets import mnist
from keras.utils import np_utils
from keras.utils.np_utils import to_categorical

count, epochs = int(sys.argv[1]), int(sys.argv[2])
(train_images, train_labels), (test_images, test_labels) = mnist.load_data()

network = models.Sequential()
network.add(layers.Dense(512, activation="relu", input_shape=(28 * 28,)))
network.add(layers.Dense(10, activation="softmax"))
assert network.input_shape == (None, 784) and network.output_shape == (None, 10)
assert [layer.output_shape for layer in network.layers] == [(None, 512), (None, 10)]
assert network.layers[0].W.shape == (784, 512) and network.layers[0].b.shape == (512,)
network.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])

train_images = train_images[:count].reshape((count, 28 * 28))
train_images = train_images.astype("float32") / 255
test_images = test_images.reshape((10000, 28 * 28))
test_images = test_images.astype("float32") / 255
assert train_images.dtype == "float32" and train_images.max() == 1.0
train_labels = to_categorical(train_labels[:count])
test_labels = np_utils.to_categorical(test_labels, 10)
assert train_labels.shape == (count, 10) and test_labels.sum() == 10000

history = network.fit(train_images, train_labels, nb_epoch=epochs, batch_size=128)
assert list(history.history) == ["loss", "acc"] and history.epoch == list(range(epochs))
test_loss, test_acc = network.evaluate(test_images, test_labels)
print("test_acc:", test_acc)
assert isinstance(test_acc, float) and network.metrics_names == ["loss", "acc"]
probabilities = network.predict(test_images[:7])
assert probabilities.shape == (7, 10) and probabilities.dtype == "float32"
assert network.predict_classes(test_images[:7], verbose=0).shape == (7,)
print("first look: ok")
