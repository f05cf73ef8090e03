"""The operations of a dense layer as loops over numbers, and a check that tells a right one from a wrong one.

python book/naive.py                  # the loops below, checked against NumPy; then the usual slips, each shown to be one
python book/naive.py --printed FILE   # functions of the same names, typed from the page, checked in the same way

A function that only looks right passes on square matrices and small tests. The check therefore calls it on shapes that are not
square, looks whether it has changed its arguments, and gives it shapes that do not go together, which it must refuse.
"""

from __future__ import annotations

import argparse
import runpy

import numpy as np


def _require(condition, *arrays):
    if not condition:
        raise ValueError(f"shapes {', '.join(str(array.shape) for array in arrays)} do not fit")


def naive_relu(x):
    """Return max(x, 0), number by number."""
    z = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        z[place] = x[place] if x[place] > 0 else 0
    return z


def naive_add(x, y):
    """Return the sum of two arrays of one shape, number by number."""
    _require(x.shape == y.shape, x, y)
    z = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        z[place] = x[place] + y[place]
    return z


def naive_add_matrix_and_vector(x, y):
    """Return a matrix with a vector added to each of its rows."""
    _require(x.ndim == 2 and y.shape == x.shape[1:], x, y)
    z = np.empty_like(x)
    for row, column in np.ndindex(*x.shape):
        z[row, column] = x[row, column] + y[column]
    return z


def naive_vector_dot(x, y):
    """Return the sum of the products of two vectors' numbers."""
    _require(x.ndim == 1 and x.shape == y.shape, x, y)
    total = 0.0
    for place in range(len(x)):
        total += x[place] * y[place]
    return total


def naive_matrix_vector_dot(x, y):
    """Return the product of each row of a matrix with a vector: as many numbers as the matrix has rows."""
    _require(x.ndim == 2 and y.shape == x.shape[1:], x, y)
    return np.array([naive_vector_dot(row, y) for row in x])


def naive_matrix_dot(x, y):
    """Return the products of all rows of one matrix with all columns of another."""
    _require(x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0], x, y)
    z = np.empty((x.shape[0], y.shape[1]))
    for row, column in np.ndindex(*z.shape):
        z[row, column] = naive_vector_dot(x[row], y[:, column])
    return z


NAIVE = {
    function.__name__: function
    for function in (
        naive_relu,
        naive_add,
        naive_add_matrix_and_vector,
        naive_vector_dot,
        naive_matrix_vector_dot,
        naive_matrix_dot,
    )
}
# name -> (NumPy's way, shapes that go together, shapes that do not)
CASES = {
    "naive_relu": (lambda x: np.maximum(x, 0), [[(3, 3)], [(2, 3)], [(3, 2)], [(1, 4)]], []),
    "naive_add": (
        np.add,
        [[(3, 3)] * 2, [(2, 3)] * 2, [(3, 2)] * 2],
        [[(2, 3), (3, 2)], [(2, 3), (2, 4)]],
    ),
    "naive_add_matrix_and_vector": (
        np.add,
        [[(3, 3), (3,)], [(2, 3), (3,)], [(4, 2), (2,)]],
        [[(2, 3), (2,)], [(3, 2), (3,)]],
    ),
    "naive_vector_dot": (np.dot, [[(1,)] * 2, [(5,)] * 2], [[(3,), (4,)], [(4,), (3,)]]),
    "naive_matrix_vector_dot": (
        np.dot,
        [[(3, 3), (3,)], [(2, 3), (3,)], [(4, 2), (2,)]],
        [[(2, 3), (2,)], [(3, 2), (3,)]],
    ),
    "naive_matrix_dot": (
        np.dot,
        [[(3, 3)] * 2, [(2, 3), (3, 4)], [(4, 2), (2, 3)]],
        [[(2, 3), (2, 3)], [(3, 2), (3, 2)]],
    ),
}


def faults(name: str, function) -> list[str]:
    """Return what is wrong with a function that claims to be the naive operation `name`; nothing where it is right."""
    right, fitting, unfitting = CASES[name]
    random, found = np.random.RandomState(0), []
    for shapes in fitting:
        arrays = [random.randn(*shape) for shape in shapes]
        given = [array.copy() for array in arrays]
        label = " and ".join(map(str, shapes))
        try:
            result = np.asarray(function(*given), dtype=float)
        except Exception as error:  # whatever a wrong function raises is its fault
            found.append(f"{label}: raises {type(error).__name__}: {error}")
            continue
        expected = right(*arrays)
        if result.shape != expected.shape:
            found.append(f"{label}: gives the shape {result.shape} instead of {expected.shape}")
        elif not np.allclose(result, expected):
            found.append(f"{label}: gives other numbers")
        if any(not np.array_equal(a, b) for a, b in zip(given, arrays, strict=True)):
            found.append(f"{label}: overwrites its argument")
    for shapes in unfitting:
        try:
            function(*[random.randn(*shape) for shape in shapes])
        except (AssertionError, ValueError, IndexError):
            continue
        found.append(f"{' and '.join(map(str, shapes))}: is accepted, but does not fit")
    return found


# ---- slips that such loops have in print: what they do, and to whom it stays hidden


def _overwrites(x):
    for row, column in np.ndindex(*x.shape):
        x[row, column] = max(x[row, column], 0)
    return x


def _length_of_the_vector(x, y):
    z = np.zeros(len(y))  # it must have a number for each row of x
    for row, column in np.ndindex(*x.shape):
        z[row] += x[row, column] * y[column]
    return z


def _rows_twice(x, y):
    _require(x.shape == y.shape, x, y)
    z = x.copy()
    for row in range(x.shape[0]):
        for column in range(x.shape[0]):
            z[row, column] += y[row, column]
    return z


def _wrong_axes(x, y):
    _require(x.shape[0] == y.shape[0], x, y)  # it must be x.shape[1]
    z = np.zeros((x.shape[0], y.shape[1]))
    for row, column in np.ndindex(*z.shape):
        z[row, column] = naive_vector_dot(x[row], y[:, column])
    return z


def _returns_at_once(x, y):
    _require(x.shape == y.shape, x, y)
    total = 0.0
    for place in range(len(x)):
        total += x[place] * y[place]
        return total
    return total


SLIPS = {
    "the argument is overwritten": ("naive_relu", _overwrites),
    "the result has the vector's length": ("naive_matrix_vector_dot", _length_of_the_vector),
    "both loops run over the rows": ("naive_add", _rows_twice),
    "the wrong axes are compared": ("naive_matrix_dot", _wrong_axes),
    "the return stands in the loop": ("naive_vector_dot", _returns_at_once),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--printed", metavar="FILE", help="check the functions of this file")
    printed = parser.parse_args().printed
    functions = NAIVE if printed is None else runpy.run_path(printed)
    for name in CASES:
        if name in functions:
            found = faults(name, functions[name])
            print(f"{name}: {'; '.join(found) if found else 'right'}")
    if printed is None:
        for slip, (name, function) in SLIPS.items():
            print(f"{name}, {slip}: {'; '.join(faults(name, function))}")


if __name__ == "__main__":
    main()
