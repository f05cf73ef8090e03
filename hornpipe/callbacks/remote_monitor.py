"""`RemoteMonitor`: send the logs of every epoch to a web server."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request

from hornpipe.callbacks.base import Callback
from hornpipe.core.errors import message
from hornpipe.utils.progress import Screen

_TIMEOUT_SECONDS = 10


class RemoteMonitor(Callback):
    """Sends the epoch (from 0) and its logs to a web server after every epoch, by HTTP POST.

    The body is a form with one field that holds a JSON object, or that object itself. NaN and
    infinities are null in it. Training goes on where the server can't be reached; the first failure
    is told.

    Args:
        root: str. The server's address, https or http. Default "http://localhost:9000".
        path: str. The path below it. Default "/publish/epoch/end/".
        field: str. The form's field. Default "data".
        headers: dict of further HTTP headers, or None.
        send_as_json: bool. Whether the object is the body ("application/json"). Default False.

    Raises:
        ValueError: `root` is no such address.
        TypeError: `path` or `field` is no string, `headers` no dict of strings.

    Example:
        >>> import hornpipe as keras
        >>> monitor = keras.callbacks.RemoteMonitor(path="/epochs", send_as_json=True)
        >>> request = monitor.make_request(0, {"loss": 0.5})
        >>> request.full_url, request.data
        ('http://localhost:9000/epochs', b'{"epoch": 0, "loss": 0.5}')
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        for name, value in (("root", root), ("path", path), ("field", field)):
            if not isinstance(value, str):
                raise TypeError(
                    message("RemoteMonitor", f"`{name}` must be a string", f"{name}={value!r}")
                )
        parts = urllib.parse.urlsplit(root)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            fix = 'For example root="http://localhost:9000".'
            rule = "`root` must be an address that begins with http:// or https://"
            raise ValueError(message("RemoteMonitor", rule, f"root={root!r}", fix))
        headers = {} if headers is None else headers
        if not isinstance(headers, dict) or not all(
            isinstance(each, str) for pair in headers.items() for each in pair
        ):
            rule = "`headers` must be a dict of strings"
            raise TypeError(message("RemoteMonitor", rule, f"headers={headers!r}"))
        self.root, self.path, self.field, self.headers = root, path, field, headers
        self.send_as_json = bool(send_as_json)
        self._told = False

    def on_train_begin(self, logs=None):
        """Tell the next failure again."""
        self._told = False

    def make_request(self, epoch, logs) -> urllib.request.Request:
        """Return the request for an epoch."""
        content = {"epoch": int(epoch)}
        content.update({name: _finite(value) for name, value in (logs or {}).items()})
        text = json.dumps(content, allow_nan=False)
        if self.send_as_json:
            body, kind = text.encode(), "application/json"
        else:
            body = urllib.parse.urlencode({self.field: text}).encode()
            kind = "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **self.headers}
        return urllib.request.Request(self.root + self.path, body, headers, method="POST")

    def on_epoch_end(self, epoch, logs=None):
        """Send the logs."""
        try:
            with urllib.request.urlopen(self.make_request(epoch, logs), timeout=_TIMEOUT_SECONDS):
                return
        except OSError as error:  # URLError and HTTPError are such
            reason = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()
        if not self._told:
            self._told = True
            Screen().finish(
                f"RemoteMonitor: {self.root + self.path} can't be reached ({reason}); training goes on."
            )


def _finite(value):
    """Return a value with None for numbers that JSON does not have."""
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
