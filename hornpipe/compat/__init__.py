"""Keras 1, understood: the dialect of 2016 as one table, and the machinery that reads it.

`keras1.py` is the table: old spelling, today's name, conversion of the value. `convert.py` holds the conversions, `translate.py`
applies rows to calls, `names.py` gives metrics and history keys their old names, `models.py` holds methods that are gone today,
`backend_functions.py` the functions of `keras.backend`, `modules.py` lets `import keras` mean hornpipe, `run.py` runs a script so,
and `guide.py` prints the table as the migration guide, docs/migration.md.

>>> import hornpipe as keras
>>> layer = keras.layers.Dense(output_dim=8, init="uniform", W_regularizer="l2")
>>> layer.units, type(layer.kernel_initializer).__name__
(8, 'RandomUniform')
"""

from __future__ import annotations
