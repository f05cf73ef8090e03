"""A tour of tensors and of the operations that a layer is made of (chapter 2), in the spelling of 2016.

hornpipe run book/keras1/tensors.py [--output FOLDER]
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # report.py stands beside this folder
import naive
import numpy as np
import report
from keras import backend as K
from keras.datasets import mnist
from keras.layers.core import Dense
from keras.models import Sequential
from keras.utils import set_random_seed

given = report.arguments(__doc__, epochs=False)
result = report.Report("tensors and operations", given.output, bool(given.rows))
set_random_seed(2)

# ---- ranks, slices, batches

for values in [12, [12, 3, 6], [[5, 78], [6, 79]], [[[5, 78], [6, 79]]] * 3]:
    tensor = K.variable(values)
    print("rank %d: shape %s, dtype %s" % (K.ndim(tensor), K.int_shape(tensor), K.dtype(tensor)))
(train_images, train_labels), _ = mnist.load_data()
train_images = train_images[: given.rows]
print("images:", train_images.ndim, "axes,", train_images.shape, train_images.dtype)
print("images 10 to 99:", train_images[10:100, :, :].shape)
print("the lower right corners:", train_images[:, 14:, 14:].shape)
print("the middles:", train_images[:, 7:-7, 7:-7].shape)
n = 1
print("the second batch:", train_images[128 * n : 128 * (n + 1)].shape)
result.image("2.2", "the_fifth_digit", train_images[4])

# ---- the naive operations, against ours


def column(vector):
    """Return a vector as a matrix with one column, which K.dot wants."""
    return K.expand_dims(vector, -1)


OURS = {
    "naive_relu": K.relu,
    "naive_add": lambda x, y: x + y,
    "naive_add_matrix_and_vector": lambda x, y: x + y,
    "naive_vector_dot": lambda x, y: K.sum(x * y),
    "naive_matrix_vector_dot": lambda x, y: K.squeeze(K.dot(x, column(y)), -1),
    "naive_matrix_dot": K.dot,
}
random = np.random.RandomState(0)
for name in naive.CASES:
    largest = 0.0
    for shapes in naive.CASES[name][1]:
        arrays = [random.randn(*shape) for shape in shapes]
        ours = K.eval(OURS[name](*[K.variable(array) for array in arrays]))
        largest = max(largest, float(np.abs(naive.NAIVE[name](*arrays) - ours).max()))
    wrong = naive.faults(name, naive.NAIVE[name])
    result.measure(name.replace("_", " "), "", "%.0e apart" % largest if not wrong else wrong[0])
caught = sum(bool(naive.faults(name, slip)) for name, slip in naive.SLIPS.values())
result.measure("usual slips that the check finds", "", "%d of %d" % (caught, len(naive.SLIPS)))

# ---- a layer is relu(dot(x, W) + b); arrays of different rank; other shapes

x = K.variable(train_images[:64].reshape((-1, 784)) / 255.0)
layer = Dense(512, activation="relu", input_dim=784)
model = Sequential([layer])
apart = K.max(K.abs(layer(x) - K.relu(K.dot(x, layer.W) + layer.b)))
result.measure("Dense against relu(dot(x, W) + b)", "", "%.0e apart" % K.eval(apart))
large, small = K.variable(random.rand(64, 3, 32, 10)), K.variable(random.rand(32, 10))
print("the larger of two:", K.int_shape(K.maximum(large, small)))
print("3 x 2 as 6 x 1:", K.eval(K.reshape(K.variable(np.arange(6.0).reshape((3, 2))), (6, 1))).T)
print("300 x 20, transposed:", K.int_shape(K.transpose(K.zeros((300, 20)))))

# ---- descent along the slope, with momentum

symbol = K.placeholder(shape=())
slope = K.function([symbol], K.gradients(K.square(symbol - 3.0), [symbol]))
place, velocity = 0.0, 0.0
for _ in range(100):
    velocity = 0.5 * velocity - 0.1 * float(slope([place])[0])
    place += velocity
result.measure("lowest place of (x - 3)^2", "", "%.4f" % place)
result.note(
    "two of the naive operations are wrong as the first version prints them. The page is not part of this project: type them into "
    "a file and let `python book/naive.py --printed FILE` say which two, and why."
)
result.finish()
