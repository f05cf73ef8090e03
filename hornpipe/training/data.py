"""Turning what users pass into batches: arrays in memory, and streams of batches.

A source gives an epoch as *segments*: a list of tensors with equal first axes, a row order, and how many steps they are good
for. The executor folds over a segment without knowing where it came from. Arrays in memory are one segment (and a second one
for a last, smaller batch that has to be exact); a stream is cut into segments of many batches each.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time

import numpy as np

from hornpipe.core import settings, tree
from hornpipe.core.errors import message
from hornpipe.engine import select

_STACK_STEPS = 64  # most batches of a stream that make one segment
_STACK_BYTES = 64 * 2**20
_STACK_SECONDS = 0.1
_WIDE_BYTES = 4 * 2**20  # of a batch
_ALIGNMENT = 64
_ZEROS = np.zeros(4, "uint64")
_WIDTHS = {"int64": "int32", "uint64": "uint32"}


@dataclasses.dataclass
class Segment:
    """A stretch of steps over the same tensors.

    `structure` is the (x, y, sample_weight) structure that the flat `data` belongs to; `rows` is the number of real rows where
    the last batch is padded, else None.
    """

    data: list
    order: object
    steps: int
    batch_size: int
    structure: tuple
    rows: int | None = None
    begin: int = 0  # the step to begin with
    pattern: str = ""  # the structure in words, and which leaves there are

    def __post_init__(self):
        self.pattern = self.pattern or _pattern(self.structure)


# ---- arrays


def to_array(value, who: str, argument: str):
    """Return a leaf of the user's data as an array of numbers with a batch axis.

    Accepts NumPy arrays, lists of numbers, pandas frames and series, SciPy sparse matrices (kept sparse), engine tensors, and
    array-likes with `__array__`.

    Raises:
        TypeError: objects, strings, or what can't become an array.
        ValueError: lists of different lengths, or no batch axis.
    """
    where = f"`{argument}`"
    if _is_sparse(value):
        return value.tocsr()
    if select.chosen().is_tensor(value):
        array = value
    else:
        if hasattr(value, "to_numpy") and not isinstance(value, np.ndarray):
            value = value.to_numpy()
        try:
            array = value if isinstance(value, np.ndarray) else np.asarray(value)
        except ValueError:
            fix = "Make all rows equally long, for example with keras.utils.pad_sequences."
            raise ValueError(
                message(
                    who, f"{where} must be rectangular", "a list of lists of different lengths", fix
                )
            ) from None
        if array.dtype.kind in "OSUMmV":
            raise TypeError(_not_numbers(who, where, array))
    if len(array.shape) == 0:
        fix = "Wrap single values: np.array([value])."
        raise ValueError(
            message(who, f"{where} must have a batch axis", f"a scalar {array!r}", fix)
        )
    return array


def _not_numbers(who, where, array):
    fix = {
        "S": "Encode text as numbers first.",
        "U": "Encode text as numbers first.",
        "O": "Make it a rectangular array of numbers: sequences of different lengths go through keras.utils.pad_sequences, "
        "mixed columns through .astype('float32').",
    }.get(array.dtype.kind, "Convert it to numbers first.")
    return message(
        who, f"{where} must hold numbers", f"dtype={array.dtype}, shape={array.shape}", fix
    )


def narrow(array, who="fit", argument="x"):
    """Return a host array in the dtype that it trains in: float64 becomes floatx, 64-bit integers 32-bit ones.

    Raises:
        ValueError: an integer does not fit into 32 bits.
    """
    return array.astype(narrow_dtype(array, who, argument), copy=False)


def narrow_dtype(array, who="fit", argument="x") -> str:
    """Return the name of the dtype that a host array trains in; see `narrow`."""
    name = array.dtype.name
    if name == "float64":
        return settings.floatx()
    if name not in ("int64", "uint64"):
        return name
    target = _WIDTHS[name]
    bounds = np.iinfo(target)
    if array.size and (array.min() < bounds.min or array.max() > bounds.max):
        fix = "Use smaller ids or floats."
        raise ValueError(
            message(who, f"`{argument}` must fit into {target}", f"max={array.max()}", fix)
        )
    return target


def _is_sparse(value) -> bool:
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


def is_array_like(value) -> bool:
    """Return whether a structure holds arrays rather than being a stream of batches."""
    leaves = tree.flatten(value)
    return bool(leaves) and all(
        leaf is None
        or isinstance(leaf, (np.ndarray, np.generic, int, float))
        or _is_sparse(leaf)
        or hasattr(leaf, "to_numpy")
        or select.chosen().is_tensor(leaf)
        or (hasattr(leaf, "__array__") and hasattr(leaf, "shape"))
        or (hasattr(leaf, "shape") and hasattr(leaf, "dtype") and hasattr(leaf, "__getitem__"))
        for leaf in leaves
    )


def is_stream(x) -> bool:
    """Return whether `x` gives batches rather than being arrays."""
    if x is None or isinstance(x, (list, tuple, dict, np.ndarray)):
        return False
    return not is_array_like(x)


def to_arrays(value, who: str, argument: str):
    """Return a structure of arrays: dicts and tuples keep their keys, lists of numbers become one array.

    Raises:
        TypeError, ValueError: see `to_array`.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: to_arrays(item, who, f"{argument}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if any(_is_array(item) for item in value):
            return [to_arrays(item, who, f"{argument}[{i}]") for i, item in enumerate(value)]
        return to_array(list(value), who, argument)
    return to_array(value, who, argument)


def _is_array(value) -> bool:
    return (hasattr(value, "shape") and len(value.shape) > 0) or isinstance(value, dict)


def count_rows(arrays, who: str) -> int:
    """Return the number of rows that all arrays of `arrays` (dict argument -> structure) have.

    Raises:
        ValueError: they differ, or there are none.
    """
    counts: dict[str, int] = {}
    for argument, structure in arrays.items():
        for path, leaf in _with_paths(structure, argument):
            if leaf is not None:
                counts[path] = leaf.shape[0]
    if not counts:
        raise ValueError(message(who, "`x` must not be empty", "no arrays"))
    if len(set(counts.values())) > 1:
        received = ", ".join(f"{path}: {rows} rows" for path, rows in counts.items())
        raise ValueError(message(who, "all data must have the same number of rows", received))
    rows = next(iter(counts.values()))
    if rows == 0:
        raise ValueError(
            message(who, "`x` must hold at least one row", f"{next(iter(counts))}: 0 rows")
        )
    return rows


def _with_paths(structure, path):
    if isinstance(structure, dict):
        for key, item in structure.items():
            yield from _with_paths(item, f"{path}[{key!r}]")
    elif isinstance(structure, (list, tuple)):
        for index, item in enumerate(structure):
            yield from _with_paths(item, f"{path}[{index}]")
    else:
        yield path, structure


class ArraySource:
    """Arrays in memory: they go to the device once, batches are gathered by row number.

    Args:
        x, y, sample_weight: structures of arrays from `to_arrays`; y and sample_weight may be None.
        batch_size: int >= 1.
        shuffle: bool, or "batch" (whole batches are permuted).
        seed: int. The permutation of epoch e follows from (seed, e).
        exact_last: bool. Whether a last, smaller batch gets a step of its own size rather than a padded one.
    """

    def __init__(
        self,
        x,
        y,
        sample_weight,
        *,
        batch_size,
        shuffle=False,
        seed=0,
        exact_last=True,
        max_steps=None,
    ):
        self.structure = (x, y, sample_weight)
        self._host = [leaf for leaf in tree.flatten(self.structure) if leaf is not None]
        self._sparse = any(_is_sparse(leaf) or not _in_memory(leaf) for leaf in self._host)
        self.rows = self._host[0].shape[0]
        self.batch_size = min(batch_size, self.rows)
        self.shuffle, self.seed = shuffle, seed
        self.exact_last = exact_last
        self.remainder = self.rows % self.batch_size
        self.steps = math.ceil(self.rows / self.batch_size)
        if max_steps is not None:
            self.steps = min(self.steps, max_steps)
        # A wide batch is gathered on the host while the step before computes: no copy of all data, no gathering inside the step.
        self._wide = all(isinstance(leaf, np.ndarray) for leaf in self._host) and (
            not self._sparse and self.batch_size * sum(map(_row_bytes, self._host)) >= _WIDE_BYTES
        )
        self.streamed = self._sparse or self._wide
        self._device = None
        self._ahead: tuple = (None, None)
        self._pattern = _pattern(self.structure)
        self._generator = np.random.Generator(np.random.Philox(key=[seed, 0]))

    def example(self):
        """Return (x, y, sample_weight) with arrays of a batch's shape, for building and checking."""
        return tree.map_tree(
            lambda leaf: None if leaf is None else _rows(leaf, slice(0, self.batch_size)),
            self.structure,
        )

    def sample(self, most):
        """Return (x, y, sample_weight) of at most `most` rows spread over the data."""
        if self.rows <= most:
            return self.structure
        step = max(1, self.rows // most)
        return tree.map_tree(
            lambda leaf: None if leaf is None else _rows(leaf, slice(0, None, step)), self.structure
        )

    def _place(self):
        if self._device is None:
            engine = select.chosen()
            self._device = [
                leaf if engine.is_tensor(leaf) else engine.asarray(leaf, narrow_dtype(leaf))
                for leaf in self._host
            ]
        return self._device

    def look_ahead(self, epoch) -> None:
        """Draw an epoch's order before it begins, while the device is at work."""
        if self.shuffle and not self.streamed and self._ahead[0] != epoch:
            self._ahead = (epoch, self._draw(epoch))

    def _order(self, epoch):
        return self._ahead[1] if self._ahead[0] == epoch else self._draw(epoch)

    def _draw(self, epoch):
        if not self.shuffle:
            return np.arange(self.rows, dtype="int32")
        generator = _keyed(self._generator, self.seed, epoch)
        if self.shuffle == "batch":
            starts = generator.permutation(self.rows // self.batch_size) * self.batch_size
            order = (starts[:, None] + np.arange(self.batch_size)).reshape(-1)
            return np.concatenate([order, np.arange(len(order), self.rows)]).astype("int32")
        return generator.permutation(self.rows).astype("int32")

    def segments(self, epoch, start=0):
        """Yield the segments of an epoch, beginning at step `start`."""
        if self._sparse:
            yield from self._host_fed(epoch, start)
            return
        if self._wide:
            yield from self._gathered(epoch, start)
            return
        data, size = self._place(), self.batch_size
        plain = not self.shuffle and (self.remainder == 0 or self.exact_last)
        order = None if plain else self._order(epoch)
        full = min(self.rows // size, self.steps)
        last = self.steps > full
        if last and not self.exact_last:
            padded = np.concatenate([order, np.repeat(order[-1:], full * size + size - self.rows)])
            yield self._segment(data, padded, self.steps, size, rows=self.rows, begin=start)
            return
        if start < full:
            rows = order if order is None else order[: full * size]
            yield self._segment(data, rows, full, size, begin=start)
        if last and start <= full:
            tail = (
                np.arange(full * size, self.rows, dtype="int32")
                if order is None
                else order[full * size :]
            )
            yield self._segment(data, tail, 1, self.remainder)

    def _segment(self, data, order, steps, size, **place):
        return Segment(data, order, steps, size, self.structure, pattern=self._pattern, **place)

    def skip(self, epochs) -> None:
        """Do nothing: any row of arrays can be had at any time."""

    @property
    def sparse(self) -> bool:
        """Whether rows have to be read one batch at a time."""
        return self._sparse

    def _gathered(self, epoch, start):
        order, size = self._order(epoch), self.batch_size
        dtypes = [narrow_dtype(leaf) for leaf in self._host]
        for step in range(start, self.steps):
            rows = order[step * size : (step + 1) * size]
            data = [
                _take(leaf, rows, dtype) for leaf, dtype in zip(self._host, dtypes, strict=True)
            ]
            yield self._segment(data, None, 1, len(rows))

    def for_inference(self, rows_apart: bool):
        """Return a source of the same rows in pieces of few different sizes, so that few programs are compiled."""
        return InferenceSource(self, rows_apart)

    def _host_fed(self, epoch, start):
        order = self._order(epoch)

        def take(chosen):
            return tree.map_tree(
                lambda leaf: None if leaf is None else _rows(leaf, chosen), self.structure
            )

        def batches():
            sort = not all(map(_is_sparse, self._host))  # files on disk are read in order
            for step in range(start, self.steps):
                rows = order[step * self.batch_size : (step + 1) * self.batch_size]
                yield take(np.sort(rows) if sort else rows)

        yield from stack_batches(batches(), self.structure, "fit")


def _row_bytes(array) -> int:
    return math.prod(array.shape[1:]) * array.dtype.itemsize


def _take(leaf, rows, dtype):
    """Return rows of a host array as a tensor, in memory that XLA takes as it is."""
    size = len(rows) * math.prod(leaf.shape[1:]) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, "uint8")
    start = -memory.ctypes.data % _ALIGNMENT
    own = memory[start : start + size].view(dtype).reshape(len(rows), *leaf.shape[1:])
    if leaf.dtype == own.dtype:
        np.take(leaf, rows, axis=0, out=own, mode="clip")
    else:
        own[...] = leaf[rows]
    return select.chosen().place(own, owned=True)


def _keyed(generator, seed, epoch):
    """Return the generator, started again with (seed, epoch) as its key; making a new one takes ten times as long."""
    generator.bit_generator.state = {
        "bit_generator": "Philox",
        "state": {"counter": _ZEROS, "key": np.array([seed, epoch], "uint64")},
        "buffer": _ZEROS,
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
    return generator


class InferenceSource:
    """Rows for prediction: pieces of bounded size, each padded to a power of two of steps.

    Args:
        source: an `ArraySource`.
        rows_apart: bool. Whether rows may be added to fill a batch; otherwise the last batch has its own size.
    """

    streamed = False

    def __init__(self, source, rows_apart):
        self.structure = source.structure
        self._leaves = source._host
        self.steps = source.steps
        self.rows = min(source.rows, source.steps * source.batch_size)
        size = source.batch_size
        self.batch_size = 1 << (size - 1).bit_length() if rows_apart and source.steps == 1 else size
        self._rows_apart = rows_apart
        row_bytes = sum(math.prod(leaf.shape[1:]) * leaf.dtype.itemsize for leaf in self._leaves)
        self._most = max(1, _STACK_BYTES // max(1, row_bytes * self.batch_size))

    def segments(self, epoch=0, start=0):
        """Yield the pieces."""
        size = self.batch_size
        full = -(-self.rows // size) if self._rows_apart else self.rows // size
        for first in range(0, full, self._most):
            steps = min(self._most, full - first)
            capacity = min(1 << (steps - 1).bit_length(), self._most)
            rows = slice(first * size, min((first + steps) * size, self.rows))
            data = [self.piece(leaf, rows, capacity * size) for leaf in self._leaves]
            if steps > 1:  # many calls may read it; a single one takes it as it is
                data = [select.chosen().asarray(leaf) for leaf in data]
            yield Segment(data, None, steps, size, self.structure)
        if full * size < self.rows:
            rows = slice(full * size, self.rows)
            count = self.rows - full * size
            yield Segment(
                [self.piece(leaf, rows, count) for leaf in self._leaves],
                None,
                1,
                count,
                self.structure,
            )

    @staticmethod
    def piece(leaf, rows, count):
        """Return rows of an array as one that trains, filled up with zeros to `count` rows."""
        engine = select.chosen()
        block = leaf[rows]
        if engine.is_tensor(block):
            if block.shape[0] == count:
                return block
            block = engine.to_numpy(block)
        block = narrow(block, "predict")
        if block.shape[0] < count:
            padded = np.zeros((count, *block.shape[1:]), block.dtype)
            padded[: block.shape[0]] = block
            block = padded
        return np.ascontiguousarray(block)


def _in_memory(leaf) -> bool:
    return (
        isinstance(leaf, np.ndarray) and not isinstance(leaf, np.memmap)
    ) or select.chosen().is_tensor(leaf)


def _rows(leaf, index):
    """Return rows of an array as a dense host array (or an engine tensor, for a slice of one)."""
    if _is_sparse(leaf):
        return narrow(leaf[index].toarray())
    rows = leaf[index]
    return rows if select.chosen().is_tensor(rows) else np.asarray(rows)


# ---- streams


def unpack(batch, who="fit"):
    """Return (x, y, sample_weight) of one batch of a stream: x, (x,), (x, y) or (x, y, sample_weight).

    Raises:
        ValueError: a tuple of another length.
    """
    if isinstance(batch, list):
        batch = tuple(batch)
    if not isinstance(batch, tuple):
        return batch, None, None
    if 1 <= len(batch) <= 3:
        return (*batch, *(None,) * (3 - len(batch)))
    rule = "a batch must be x, (x, y) or (x, y, sample_weight)"
    raise ValueError(message(who, rule, f"a tuple of {len(batch)}"))


class StreamSource:
    """A stream of batches: a generator, an iterable, a `PyDataset`, a `tf.data.Dataset`, a PyTorch `DataLoader`.

    Args:
        stream: the user's object.
        steps: int or None. How many batches make an epoch; the stream's length by default.
        shuffle: bool. Whether a `PyDataset`'s batches are permuted.
        seed: int. For that permutation.
        class_weight: function batch -> batch that adds class weights, or None.
    """

    def __init__(self, stream, *, steps=None, shuffle=False, seed=0, transform=None, who="fit"):
        if isinstance(stream, (str, bytes)) or not any(
            hasattr(stream, name) for name in ("__iter__", "__next__", "__getitem__")
        ):
            rule = "`x` must hold arrays, or be a stream of batches"
            fix = "Pass NumPy arrays, or a generator that gives (inputs, targets)."
            raise TypeError(message(who, rule, repr(stream), fix))
        self.stream, self.who = stream, who
        self.indexed = (
            hasattr(stream, "__getitem__")
            and hasattr(stream, "__len__")
            and not isinstance(stream, (list, tuple))
        )
        known = self._length()
        if known == 0:
            raise ValueError(message(who, "`x` must give at least one batch", "an empty stream"))
        self.steps = known if steps is None else steps
        self._known, self._wanted = known, steps
        self.shuffle, self.seed = shuffle, seed
        self._transform = transform
        self._iterator = None
        self._example = None
        self._first = None
        self.batch_size = self.rows = None
        self.streamed = True

    def _length(self):
        for ask in (lambda: self.stream.num_batches, lambda: len(self.stream)):
            try:
                count = ask()
            except (TypeError, AttributeError, NotImplementedError):
                continue
            if isinstance(count, (int, np.integer)) and count >= 0:
                return int(count)
        return None

    def _convert(self, batch):
        x, y, weight = unpack(batch, self.who)
        arrays = (
            to_arrays(_host(x), self.who, "x of a batch"),
            to_arrays(_host(y), self.who, "y of a batch"),
            to_arrays(_host(weight), self.who, "sample_weight of a batch"),
        )
        count_rows(dict(zip(("x", "y", "sample_weight"), arrays, strict=True)), self.who)
        return arrays if self._transform is None else self._transform(*arrays)

    def example(self):
        """Return the first batch; it is not lost to training."""
        if self._example is None:
            if self.indexed:
                self._example = self._convert(self.stream[0])
            else:
                iterator = self._start()
                try:
                    first = next(iterator)
                except StopIteration:
                    raise ValueError(
                        message(self.who, "`x` must give at least one batch", "an empty stream")
                    ) from None
                self._first = (iterator, first)
                self._example = self._convert(first)
            self.batch_size = next(
                leaf for leaf in tree.flatten(self._example) if leaf is not None
            ).shape[0]
        return self._example

    def sample(self, most):
        """Return the first batch."""
        return self.example()

    def look_ahead(self, epoch) -> None:
        """Do nothing: a stream is read when its epoch begins."""

    def _start(self):
        """Return an iterator: the one in use where the stream is one itself, else a new one."""
        if self._first is not None:
            iterator, first = self._first
            self._first = None
            return _chain(first, iterator)
        if iter_is_self(self.stream):
            return iter(self.stream)
        if self._wanted is not None and self._iterator is not None:
            return self._iterator
        return iter(self.stream)

    def _batches(self, epoch, start):
        if self.indexed:
            count = len(self.stream) if self._known is None else self._known
            order = np.arange(count)
            if self.shuffle:
                order = np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(
                    count
                )
            begin = getattr(self.stream, "on_epoch_begin", None)
            if begin is not None:
                begin()
            for step in range(start, self.steps if self.steps is not None else count):
                yield self._convert(self.stream[int(order[step % count])])
            end = getattr(self.stream, "on_epoch_end", None)
            if end is not None:
                end()
            return
        iterator = self._start()
        given = 0
        restarted = False
        while self._wanted is None or given < self._wanted:
            try:
                batch = next(iterator)
            except StopIteration:
                if self._wanted is None:
                    break
                if iter_is_self(self.stream) or restarted:
                    fix = "Let the generator run for ever (while True), or pass a smaller steps_per_epoch."
                    rule = f"the stream ended after {given} of {self._wanted} batches of the epoch"
                    raise ValueError(message(self.who, rule, "", fix)) from None
                iterator = iter(self.stream)
                restarted = True
                continue
            restarted = False
            given += 1
            if given > start:
                yield self._convert(batch)
        self._iterator = iterator if self._wanted is not None else None
        if self._wanted is None:
            if given == 0:
                fix = "A generator is used up after one pass; pass an iterable object, or steps_per_epoch with an endless one."
                raise ValueError(
                    message(self.who, "the stream gave no batch in this epoch", "", fix)
                )
            self.steps = given

    def skip(self, epochs) -> None:
        """Go past whole epochs, as a run has done that is resumed: a stream's own state has to come along.

        Args:
            epochs: iterable of epoch numbers.
        """
        for epoch in epochs:
            for _ in self._batches(epoch, 2**62):
                pass

    def segments(self, epoch, start=0):
        """Yield the segments of an epoch, beginning at step `start`."""
        yield from stack_batches(self._batches(epoch, start), self.example(), self.who)


def iter_is_self(stream) -> bool:
    """Return whether `stream` is an iterator, which can be gone through once only."""
    return hasattr(stream, "__next__")


def _chain(first, rest):
    # Not a generator: dropping one halfway would close the user's.
    return itertools.chain([first], rest)


def _host(value):
    """Return a structure with PyTorch and TensorFlow tensors of a stream as NumPy arrays."""

    def convert(leaf):
        if leaf is None or isinstance(leaf, np.ndarray) or select.chosen().is_tensor(leaf):
            return (
                select.chosen().to_numpy(leaf)
                if leaf is not None and not isinstance(leaf, np.ndarray)
                else leaf
            )
        if hasattr(leaf, "detach"):
            return leaf.detach().cpu().numpy()
        return leaf.numpy() if hasattr(leaf, "numpy") and not hasattr(leaf, "to_numpy") else leaf

    if isinstance(value, (list, tuple)) and not any(_is_array(item) for item in value):
        return value
    return tree.map_tree(convert, value)


def stack_batches(batches, like, who):
    """Yield segments of up to 64 equal-shaped batches each, the number bounded by bytes and by waiting time.

    Raises:
        ValueError: a batch's structure differs from the first one's.
    """
    pattern = _pattern(like)
    stack: list[list[np.ndarray]] = []
    structure, shapes, most = None, None, 1
    capacities: dict = {}
    began = time.monotonic()
    for batch in batches:
        if _pattern(batch) != pattern:
            raise ValueError(
                message(
                    who, "every batch must have the structure of the first", f"{_pattern(batch)}"
                )
            )
        leaves = [narrow(_dense(leaf), who) for leaf in tree.flatten(batch) if leaf is not None]
        new_shapes = [(leaf.shape, leaf.dtype) for leaf in leaves]
        if stack and new_shapes != shapes:
            yield _stacked(stack, structure, capacities, most)
            stack = []
            began = time.monotonic()
        structure, shapes = batch, new_shapes
        stack.append(leaves)
        size = sum(leaf.nbytes for leaf in leaves)
        most = max(1, min(_STACK_STEPS, _STACK_BYTES // max(1, size)))
        if len(stack) >= most or time.monotonic() - began > _STACK_SECONDS:
            yield _stacked(stack, structure, capacities, most)
            stack = []
            began = time.monotonic()
    if stack:
        yield _stacked(stack, structure, capacities, most)


def _dense(leaf):
    return (
        leaf
        if isinstance(leaf, np.ndarray)
        else np.asarray(leaf.toarray() if _is_sparse(leaf) else leaf)
    )


def _pattern(structure) -> str:
    return (
        repr(tree.map_tree(lambda leaf: None if leaf is None else 0, structure))
        .replace("(", "[")
        .replace(")", "]")
    )


def _stacked(stack, structure, capacities, most=1):
    """Return a segment of the stacked batches, padded to a capacity so that few programs are compiled."""
    rows = stack[0][0].shape[0]
    key = tuple((leaf.shape, leaf.dtype.str) for leaf in stack[0])
    capacity = capacities.setdefault(key, 1 if len(stack) == 1 else most)
    if len(stack) > capacity:
        capacity = capacities[key] = most
    engine = select.chosen()
    data = []
    for leaves in zip(*stack, strict=True):
        block = np.zeros((capacity * rows, *leaves[0].shape[1:]), leaves[0].dtype)
        np.concatenate(leaves, out=block[: len(stack) * rows])
        data.append(engine.asarray(block))
    return Segment(data, None, len(stack), rows, structure)
