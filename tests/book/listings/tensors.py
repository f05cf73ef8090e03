"""Arrays of every rank, slices, batches, and what the naive operations stand for: NumPy, a backend, and a layer say the same."""

import numpy as np
from keras import backend as K
from keras.datasets import mnist
from keras.layers.core import Dense

(train_images, train_labels), (test_images, test_labels) = mnist.load_data()
assert train_images.shape == (60000, 28, 28) and test_images.shape == (10000, 28, 28)
assert len(train_labels) == 60000 and len(test_labels) == 10000
assert train_images.ndim == 3 and train_labels.ndim == 1
assert train_images.dtype == train_labels.dtype == test_labels.dtype == "uint8"
assert repr(train_labels) == "array([5, 0, 4, ..., 5, 6, 8], shape=(60000,), dtype=uint8)"
assert repr(test_labels) == "array([7, 2, 1, ..., 4, 5, 6], shape=(10000,), dtype=uint8)"

# ranks
scalar, vector = np.array(12), np.array([12, 3, 6, 14])
matrix = np.array([[5, 78, 2, 34, 0], [6, 79, 3, 35, 1], [7, 80, 4, 36, 2]])
for rank, x in enumerate((scalar, vector, matrix, np.array([matrix] * 3))):
    assert x.ndim == rank == K.ndim(K.variable(x))
    assert K.int_shape(K.variable(x)) == x.shape
    assert K.dtype(K.variable(x)) == "float32"

# a digit and its picture
digit = train_images[4]
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

plt.imshow(digit, cmap=plt.cm.binary)
plt.savefig("digit.png")

# slices: the same rows, said in three ways; corners; borders
for part in (train_images[10:100], train_images[10:100, :, :], train_images[10:100, 0:28, 0:28]):
    assert part.shape == (90, 28, 28) and np.array_equal(part, train_images[10:100])
assert train_images[:, 14:, 14:].shape == (60000, 14, 14)
assert train_images[:, 7:-7, 7:-7].shape == (60000, 14, 14)
n = 3
for batch in (train_images[:128], train_images[128:256], train_images[128 * n : 128 * (n + 1)]):
    assert batch.shape == (128, 28, 28)

# a dense layer is relu(dot(W, x) + b), in the words of the time
layer = Dense(512, activation="relu", input_shape=(784,))
from keras.models import Sequential

Sequential([layer])
rows = (train_images[:5].reshape((5, 28 * 28)) / 255.0).astype("float32")
by_hand = K.relu(K.dot(K.variable(rows), layer.W) + layer.b)
by_numpy = np.maximum(np.dot(rows, K.get_value(layer.W)) + K.get_value(layer.b), 0.0)
np.testing.assert_allclose(K.eval(by_hand), by_numpy, atol=1e-5)
np.testing.assert_allclose(K.eval(layer(K.variable(rows))), by_numpy, atol=1e-5)

# element by element, and a smaller tensor spread over a larger one
a, b = np.random.random((64, 3, 32, 10)), np.random.random((32, 10))
assert np.maximum(a, b).shape == (64, 3, 32, 10)
np.testing.assert_allclose(
    K.eval(K.maximum(K.variable(a), K.variable(b))), np.maximum(a, b), rtol=1e-6
)
x, y = np.random.random((2, 5, 4))
np.testing.assert_allclose(
    K.eval(K.relu(K.variable(x - 0.5) + K.variable(y))), np.maximum(x - 0.5 + y, 0.0), atol=1e-6
)

# products: two vectors, a matrix and a vector, two matrices
v, w, m = np.random.random(4), np.random.random(4), np.random.random((3, 4))
assert np.isclose(K.eval(K.sum(K.variable(v) * K.variable(w))), np.dot(v, w))
np.testing.assert_allclose(
    K.eval(K.dot(K.variable(m), K.variable(v.reshape(4, 1)))).ravel(), np.dot(m, v), rtol=1e-5
)
np.testing.assert_allclose(K.eval(K.dot(K.variable(m), K.variable(m.T))), np.dot(m, m.T), rtol=1e-5)

# other shapes
x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
assert x.shape == (3, 2)
assert K.eval(K.reshape(K.variable(x), (6, 1))).tolist() == x.reshape((6, 1)).tolist()
assert K.eval(K.reshape(K.variable(x), (2, 3))).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
assert (
    K.int_shape(K.transpose(K.zeros((300, 20))))
    == np.transpose(np.zeros((300, 20))).shape
    == (20, 300)
)

# descent with momentum, by hand, on a parabola whose slope the backend finds
place = K.placeholder(shape=())
slope = K.function([place], K.gradients(K.square(place - 3.0), [place]))
position, velocity = 0.0, 0.0
for _ in range(200):
    velocity = 0.5 * velocity - 0.1 * float(slope([position])[0])
    position += velocity
assert abs(position - 3.0) < 1e-3
print("tensors: ok")
