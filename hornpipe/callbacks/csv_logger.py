"""`CSVLogger`: the logs of every epoch as a table in a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from hornpipe.callbacks.base import Callback
from hornpipe.callbacks.files import as_text, make_folder, replace_file
from hornpipe.core.errors import message

_MISSING = "NA"


class CSVLogger(Callback):
    """Writes a row with the epoch (from 0) and its logs to a file after every epoch.

    What an epoch does not have, such as `val_loss` without validation, is "NA". A name that turns up
    later gets a column. A resumed run cuts the rows that were written after its checkpoint, so that
    no epoch stands there twice. The file is begun with the first row: what was there stays until
    then.

    Args:
        filename: path of the file. A folder that is missing is made.
        separator: one character. Default ",".
        append: bool. Whether rows are added to those in the file. Default False.

    Raises:
        TypeError: `filename` is no path.
        ValueError: a `separator` that can't be; before training, a file to append to that is no
            such table.
        OSError: before training, the file can't be written.

    Example:
        >>> import os, pathlib, tempfile
        >>> import hornpipe as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
        >>> log = keras.callbacks.CSVLogger(path)
        >>> log.on_train_begin()
        >>> log.on_epoch_end(0, {"loss": 0.5})
        >>> pathlib.Path(path).read_text().splitlines()
        ['epoch,loss', '0,0.5']
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = as_text(filename, "filename", "CSVLogger")
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            fix = "For example separator=';'."
            rule = "`separator` must be one character, no quote and no line break"
            raise ValueError(message("CSVLogger", rule, f"separator={separator!r}", fix))
        self.separator, self.append = separator, bool(append)
        self._expected: list[str] = []
        self._begin()

    def _begin(self):
        self._keys: list[str] | None = None  # the columns, once the file is ours
        self._rows = 0  # in the file, those of earlier runs included
        self._kept: int | None = None  # how many of them a resumed run goes on from

    # ---- before training

    def check_names(self, available, complete):
        """Remember the names of validation: they get columns though the first epoch may lack them."""
        self._expected = [name for name in available if name.startswith("val_")]

    def on_train_begin(self, logs=None):
        """Check that the file can be written, and that it can be appended to.

        Raises:
            OSError, ValueError: it can't.
        """
        self._begin()
        path = Path(self.filename)
        make_folder(path.parent, "CSVLogger")
        existed = path.exists()
        try:
            with open(path, "ab"):
                pass
        except OSError as error:
            text = message("CSVLogger", f"can't write its file ({error.strerror})", str(path))
            raise type(error)(error.errno, text) from None
        if not existed:
            path.unlink()
        elif self.append:
            self._rows = max(len(self._read()) - 1, 0)

    def _read(self) -> list[list[str]]:
        """Return the table in the file, the columns' names first; empty where there is none.

        Raises:
            ValueError: it is no table of this kind.
        """
        path = Path(self.filename)
        if not path.exists():
            return []
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            text = file.read()
        rows = list(csv.reader(text.splitlines(), delimiter=self.separator))
        if rows and rows[0][:1] != ["epoch"]:
            rule = f"the file must be a log with the separator {self.separator!r}, whose first column is 'epoch'"
            fix = "Choose another file, or pass append=False to replace it."
            raise ValueError(message("CSVLogger", rule, f"the first line {text[:60]!r}", fix))
        # A row that was cut short when its writer was stopped is no row.
        if len(rows) > 1 and not text.endswith("\n"):
            rows.pop()
        return [row for row in rows if row]

    # ---- rows

    def on_epoch_end(self, epoch, logs=None):
        """Write the epoch's row.

        Raises:
            OSError: the disk is full.
        """
        logs = logs or {}
        if self._keys is None:
            self._start(logs)
        assert self._keys is not None
        if any(name not in self._keys for name in logs):
            self._rewrite(self._read(), [name for name in logs if name not in self._keys])
        values = [int(epoch), *(logs.get(name, _MISSING) for name in self._keys)]
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            self._writer(file).writerow(values)
        self._rows += 1

    def _start(self, logs):
        """Make the file ours: with the rows to keep and columns for these logs."""
        rows = self._read() if self.append or self._kept else []
        if self._kept is not None:
            rows = rows[: self._kept + 1]
        names = [*logs, *(name for name in self._expected if name not in logs)]
        rows = rows or [["epoch"]]
        self._rewrite(rows, [name for name in names if name not in rows[0]])

    def _rewrite(self, rows, new_names):
        """Write the table again with more columns; the old file stays until the new one is complete."""
        width, buffer = len(rows[0]), io.StringIO()
        writer = self._writer(buffer)
        writer.writerow([*rows[0], *new_names])
        for row in rows[1:]:
            writer.writerow((row + [_MISSING] * width)[:width] + [_MISSING] * len(new_names))
        replace_file(self.filename, buffer.getvalue().encode(), "CSVLogger")
        self._keys, self._rows = [*rows[0][1:], *new_names], len(rows) - 1

    def _writer(self, file):
        return csv.writer(file, delimiter=self.separator, lineterminator="\n")

    # ---- state

    def get_state(self):
        """Return how many rows the file has."""
        return {"rows": self._rows}

    def set_state(self, state):
        """Go on from so many rows; those that came after are cut."""
        self._rows = self._kept = int(state["rows"])
