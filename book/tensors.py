"""A tour of tensors and of the operations that a layer is made of (chapter 2, Figure 2.2 in slices and batches).

python book/tensors.py [--output FOLDER]
"""

import naive
import numpy as np
import report

import hornpipe as keras
from hornpipe import ops

given = report.arguments(__doc__, epochs=False)
result = report.Report("tensors and operations", given.output, bool(given.rows))
keras.utils.set_random_seed(2)

# ---- ranks, slices, batches

for rank, values in enumerate([12, [12, 3, 6], [[5, 78], [6, 79]], [[[5, 78], [6, 79]]] * 3]):
    tensor = ops.convert_to_tensor(values)
    print(f"rank {rank}: shape {tuple(tensor.shape)}, dtype {ops.dtype(tensor)}")
(images, labels), _ = keras.datasets.mnist.load_data()
images, labels = images[: given.rows], labels[: given.rows]
print("images:", images.ndim, "axes,", images.shape, images.dtype)
for name, part in {
    "images 10 to 99": images[10:100],
    "the lower right corners": images[:, 14:, 14:],
    "the middles": images[:, 7:-7, 7:-7],
    "the second batch": images[128:256],
}.items():
    print(f"{name}: {part.shape}")
result.image("2.2", "the_fifth_digit", images[4])

# ---- the naive operations, against ours

OURS = {
    "naive_relu": ops.relu,
    "naive_add": ops.add,
    "naive_add_matrix_and_vector": ops.add,
    "naive_vector_dot": ops.dot,
    "naive_matrix_vector_dot": ops.dot,
    "naive_matrix_dot": ops.matmul,
}
random = np.random.RandomState(0)
for name, (_, fitting, _) in naive.CASES.items():
    largest = 0.0
    for shapes in fitting:
        arrays = [random.randn(*shape) for shape in shapes]
        tensors = [ops.convert_to_tensor(array, "float32") for array in arrays]
        ours = ops.convert_to_numpy(OURS[name](*tensors))
        largest = max(largest, float(np.abs(naive.NAIVE[name](*arrays) - ours).max()))
    wrong = naive.faults(name, naive.NAIVE[name])
    result.measure(name.replace("_", " "), "", f"{largest:.0e} apart" if not wrong else wrong[0])
caught = sum(bool(naive.faults(name, slip)) for name, slip in naive.SLIPS.values())
result.measure("usual slips that the check finds", "", f"{caught} of {len(naive.SLIPS)}")

# ---- a layer is relu(dot(x, W) + b); arrays of different rank; other shapes

x = (images[:64].reshape(-1, 784) / 255).astype("float32")
layer = keras.layers.Dense(512, activation="relu")
apart = ops.abs(layer(x) - ops.relu(ops.dot(x, layer.kernel) + layer.bias))
result.measure("Dense against relu(dot(x, W) + b)", "", f"{float(ops.max(apart)):.0e} apart")
large, small = random.rand(64, 3, 32, 10), random.rand(32, 10)
print("the larger of two:", tuple(ops.maximum(large, small).shape))
print("3 x 2 as 6 x 1:", ops.convert_to_numpy(ops.reshape(np.arange(6.0).reshape(3, 2), (6, 1))).T)
print("300 x 20, transposed:", tuple(ops.transpose(np.zeros((300, 20))).shape))

# ---- descent along the slope, with momentum

place, velocity = keras.Variable(0.0), 0.0
for _ in range(100):
    _, (slope,) = keras.value_and_grad(lambda: ops.square(place - 3.0), [place])
    velocity = 0.5 * velocity - 0.1 * float(slope)
    place.assign(place + velocity)
result.measure("lowest place of (x - 3)^2", "", f"{float(place):.4f}")
result.note(
    "two of the naive operations are wrong as the first version prints them. The page is not part of this project: type them into "
    "a file and let `python book/naive.py --printed FILE` say which two, and why."
)
result.finish()
