"""The one validator: whatever comes from a file or a description passes here before anything is made of it.

Text is bounded before it is parsed, descriptions are checked as plain data before any class is looked up, and weights have a
budget before any memory is taken. Nothing here imports, opens or runs what a file names. There is no way to switch it off.

>>> from hornpipe.saving.validate import parse_json
>>> parse_json(b'{"a": [1, 2]}', "example")
{'a': [1, 2]}
"""

from __future__ import annotations

import contextlib
import json
import math
import re

import numpy as np

from hornpipe.core.errors import FileFormatError, message
from hornpipe.core.scope import context

MAX_JSON_BYTES = 8 * 2**20
MAX_DEPTH = 96
MAX_CONTAINERS = 100_000
MAX_COMMAS = 500_000
MAX_LAYERS = 20_000
MAX_NAME = 255
MAX_INTEGER = 2**40
MAX_ELEMENTS = 2**28  # of all weights together, where no file of weights says how many there are
SLACK_ELEMENTS = 2**16  # counters and states that stand in no file

_KEYS = {
    "module",
    "class_name",
    "config",
    "registered_name",
    "build_config",
    "compile_config",
    "shared_object_id",
    "name",
    "inbound_nodes",
}
# Whatever class takes them: a text here would be opened as a path or URL.
_PATH_FIELDS = {
    "vocabulary",
    "idf_weights",
    "weights",
    "weights_path",
    "file",
    "filename",
    "filepath",
    "path",
    "url",
    "uri",
    "origin",
    "directory",
    "log_dir",
    "call_endpoint",
}
# Counts that a class turns into lists or tables when it is made.
_COUNT_FIELDS = {
    "shared_object_id": 2**64,
    "num_thresholds": 100_000,
    "num_bins": 1_000_000,
    "max_tokens": 2**31,
    "batch_size": 2**31,
}
_NO_CODE = "Files hold no code. Define the function in your program, register it with register_keras_serializable, and save again."


def refuse(who: str, rule: str, received: str = "", fix: str = "") -> FileFormatError:
    """Return the error for a file or description that breaks `rule`."""
    return FileFormatError(message(who, rule, received, fix))


@contextlib.contextmanager
def only_format_errors(who: str):
    """Turn whatever goes wrong while a file is read into a `FileFormatError`; errors of the operating system stay."""
    try:
        yield
    except FileFormatError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except MemoryError:
        raise refuse(who, "needs more memory than there is") from None
    except Exception as error:
        text = str(error).strip().rstrip(".")
        if not (
            isinstance(error, (ValueError, TypeError)) and text
        ):  # others do not say what is wrong
            text = f"the contents can't be used ({type(error).__name__}: {text[:200]})"
        told = text.startswith(f"{who}: ")
        raise FileFormatError(f"{text}." if told else f"{who}: {text}.") from error


# ---- text


def parse_json(data: bytes, who: str):
    """Return the value of bounded JSON text.

    Raises:
        FileFormatError: it is too long, too deep, has too many entries, duplicate keys, NaN or infinity, or is no JSON.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > MAX_JSON_BYTES:
        raise refuse(who, f"JSON must have at most {MAX_JSON_BYTES} bytes", f"{len(data)} bytes")
    bare = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", data, flags=re.DOTALL)
    codes = np.frombuffer(bare, np.uint8)
    opens = (codes == ord("[")) | (codes == ord("{"))
    closes = (codes == ord("]")) | (codes == ord("}"))
    depth = np.cumsum(opens.astype(np.int32) - closes.astype(np.int32))
    if len(depth) and depth.max() > MAX_DEPTH:
        raise refuse(who, f"JSON must be nested at most {MAX_DEPTH} deep", f"depth {depth.max()}")
    if opens.sum() > MAX_CONTAINERS or (codes == ord(",")).sum() > MAX_COMMAS:
        raise refuse(
            who, f"JSON must have at most {MAX_CONTAINERS} lists and objects, {MAX_COMMAS} entries"
        )

    def constant(name):
        raise refuse(who, "JSON must hold finite numbers", name)

    def number(text):
        value = float(text)
        return value if math.isfinite(value) else constant(text[:40])

    def pairs(items):
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            double = next(name for name in names if names.count(name) > 1)
            raise refuse(who, "JSON must not have a key twice", repr(double[:80]))
        return found

    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=pairs,
            parse_constant=constant,
            parse_float=number,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise refuse(who, "is no JSON", str(error)) from None
    except ValueError as error:
        if isinstance(error, FileFormatError):
            raise
        raise refuse(who, "JSON holds a number that is too long", str(error)) from None


# ---- descriptions


def check_description(tree, who: str = "deserialize") -> None:
    """Check a description, or a structure of them, as plain data: nothing is looked up or made.

    Raises:
        FileFormatError: it holds code, paths, foreign fields, names of wrong types, or sizes out of all bounds.
    """
    layers = 0
    seen: set[int] = set()
    stack = [(tree, "", 0)]
    while stack:
        value, field, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise refuse(who, f"a description must be nested at most {MAX_DEPTH} deep")
        if isinstance(value, dict):
            if id(value) in seen and value:
                continue
            seen.add(id(value))
            if len(seen) > MAX_CONTAINERS:
                raise refuse(who, f"a description must have at most {MAX_CONTAINERS} parts")
            if "class_name" in value:
                _check_class_entry(value, who)
                layers += "inbound_nodes" in value
            for key, item in value.items():
                if not isinstance(key, str):
                    raise refuse(who, "keys must be strings", f"{key!r}")
                stack.append((item, key, depth + 1))
        elif isinstance(value, (list, tuple)):
            if field == "layers":
                layers += len(value)
            if layers > 2 * MAX_LAYERS:
                raise refuse(who, f"a model must have at most {MAX_LAYERS} layers")
            for item in value:
                if type(item) in (int, float, bool, type(None)):
                    _check_number(item, field, who)
                else:
                    stack.append((item, field, depth + 1))
        elif isinstance(value, str):
            if field in _PATH_FIELDS:
                fix = "Load the contents in your program and pass them as a list or array."
                raise refuse(
                    who,
                    f"`{field}` must not be a text, files name no other files",
                    repr(value),
                    fix,
                )
        else:
            _check_number(value, field, who)


def _check_number(value, field, who):
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        bound = _COUNT_FIELDS.get(field, MAX_INTEGER)
        if abs(value) > bound:
            raise refuse(who, f"`{field}` must be at most {bound}", str(value)[:60])
    elif isinstance(value, float) and not math.isfinite(value):
        raise refuse(who, f"`{field}` must be finite", repr(value))


def _check_class_entry(entry: dict, who: str) -> None:
    name, config = entry["class_name"], entry.get("config")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise refuse(who, "`class_name` must be a name", f"{name!r}")
    unknown = set(entry) - _KEYS
    if unknown:
        raise refuse(
            who,
            f"a description of {name!r} has unknown fields",
            ", ".join(map(repr, sorted(map(str, unknown)))),
        )
    for key in ("module", "registered_name"):
        if entry.get(key) is not None and not isinstance(entry[key], str):
            raise refuse(who, f"`{key}` of {name!r} must be a text", f"{entry[key]!r}")
    if name == "__lambda__":
        raise refuse(who, "holds the code of a lambda function", "", _NO_CODE)
    if name == "Lambda" and isinstance(config, dict):
        for key in ("function", "output_shape", "mask"):
            check_function(config.get(key), f"Lambda {config.get('name')!r}")
    if name == "function":
        check_function(entry, who)


def check_function(value, who: str) -> None:
    """Check what stands for a function in a description: None, a shape, or the name of a registered function.

    Raises:
        FileFormatError: it is code, in whatever wrapping.
    """
    if value is None or (
        isinstance(value, (list, tuple)) and all(n is None or type(n) is int for n in value)
    ):
        return
    if (
        isinstance(value, dict)
        and value.get("class_name") == "function"
        and isinstance(value.get("config"), str)
    ):
        return
    if isinstance(value, str) and len(value) <= MAX_NAME and re.fullmatch(r"[\w.>-]+", value):
        return
    raise refuse(who, "a function must be the name of a registered one", f"{value!r}", _NO_CODE)


def check_text_name(name, who: str) -> str:
    """Return a name of a group, tensor or layer in a file if it can do no harm.

    Raises:
        FileFormatError: it is empty, long, ".", "..", or has separators or control characters.
    """
    sound = isinstance(name, str) and 0 < len(name) <= MAX_NAME and name not in (".", "..")
    if not sound or re.search(r"[/\\\x00-\x1f\x7f]", name):
        raise refuse(who, "holds a name that can't be used", f"{name!r}")
    return name


# ---- memory


class Budget:
    """How many elements weights may have while something is loaded; `Variable` asks before it takes memory.

    Args:
        elements: int. Of all weights together.
        who: who is loading, for the error's text.
    """

    def __init__(self, elements: int, who: str):
        self.left, self.who = elements + SLACK_ELEMENTS, who

    def take(self, path: str, shape) -> None:
        """Count a weight.

        Raises:
            FileFormatError: the weights have more elements than the budget.
        """
        self.left -= math.prod(shape)
        if self.left < 0:
            fix = "Build a model of this size in code and load its weights."
            raise refuse(
                self.who,
                "describes weights of more elements than it may",
                f"{path!r} of shape {tuple(shape)}",
                fix,
            )


@contextlib.contextmanager
def budget(elements: int, who: str):
    """Bound the weights made inside a `with` block; an outer bound stays in force."""
    before = context.budget
    if before is None:
        context.budget = Budget(elements, who)
    try:
        yield
    finally:
        context.budget = before


@contextlib.contextmanager
def making(who: str):
    """Bound the weights of what a description describes, and turn errors into ours; inside another such block do nothing."""
    if context.budget is not None:
        yield
        return
    with only_format_errors(who), budget(MAX_ELEMENTS, who):
        yield
