"""Callbacks: what happens around training, evaluation and prediction. Each name loads its own file
on first use.

>>> import hornpipe as keras
>>> stop = keras.callbacks.EarlyStopping(monitor="loss", patience=3)
>>> stop.monitored_names()
['loss']
"""

from __future__ import annotations

import importlib

_HOMES = {
    "BackupAndRestore": "backup",
    "Callback": "base",
    "CallbackList": "base",
    "CSVLogger": "csv_logger",
    "EarlyStopping": "early_stopping",
    "History": "history",
    "LambdaCallback": "lambda_callback",
    "LearningCurves": "learning_curves",
    "LearningRateScheduler": "learning_rate",
    "ModelCheckpoint": "model_checkpoint",
    "ProgbarLogger": "progbar_logger",
    "ReduceLROnPlateau": "learning_rate",
    "RemoteMonitor": "remote_monitor",
    "SwapEMAWeights": "swap_ema_weights",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "terminate_on_nan",
    "TimeLimit": "time_limit",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        from hornpipe.core.dialect import find_name

        return find_name(__name__, name, _HOMES)
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOMES})
