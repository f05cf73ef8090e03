"""`FolderLock`: one run on a folder at a time. The system lets go of it when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from hornpipe.core.errors import message

_NAME = "lock"
_held: set[str] = set()  # by this process: the system's locks do not keep a process from itself
_guard = threading.Lock()


class FolderLock:
    """A lock on a folder: the file `lock` in it, which names the process that has it.

    What counts is the system's lock on that file and not its contents, so the file of a run that was killed is in nobody's way.

    Args:
        folder: path of a folder that exists.
        who: name of the function, for errors.
    """

    def __init__(self, folder: str | Path, who: str):
        self.folder, self.who = Path(folder), who
        self._key = os.path.realpath(folder)
        self._file = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            RuntimeError: another run has it; the message says which process.
            OSError: the folder can't be written.
        """
        with _guard:
            if self._key in _held:
                raise self._taken(f"process {os.getpid()}, this one")
            try:
                file = os.fdopen(os.open(self.folder / _NAME, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            except OSError as error:
                rule = f"the checkpoint folder can't be written ({error.strerror})"
                fix = "Choose a folder that this process may write."
                text = message(self.who, rule, f"checkpoint={str(self.folder)!r}", fix)
                raise type(error)(error.errno, text) from None
            try:
                _lock(file)
            except OSError:
                with file:
                    owner = file.read(40).decode("ascii", "replace").strip() or "unknown"
                raise self._taken(f"process {owner}") from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
            file.flush()
            self._file = file
            _held.add(self._key)

    def _taken(self, owner):
        rule = f"another run writes its checkpoints into {str(self.folder)!r}"
        fix = "Wait until it ends, or choose another folder. Nothing was changed."
        return RuntimeError(message(self.who, rule, owner, fix))

    def release(self) -> None:
        """Let go of the lock."""
        if self._file is None:
            return
        with _guard:
            _held.discard(self._key)
            with contextlib.suppress(OSError):
                self._file.truncate(0)
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file) -> None:
        # A byte far behind the text, so that others can read whose lock it is.
        file.seek(2**20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)

else:
    import fcntl

    def _lock(file) -> None:
        # Locks of this kind are not handed on to forked processes, which may outlive a run.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
