"""hornpipe beside Keras and beside hand-written loops: same data, same models, one run.

`python -m benchmarks` measures everything, prints medians, ratios and goals, and writes `results.json` and `results.md`.

| file | what |
| --- | --- |
| `workloads.py` | the data and the models: what is measured |
| `contenders.py` | who is measured: interpreter, environment, family of code |
| `api.py`, `hand_jax.py`, `hand_torch.py` | the families: the Keras interface (hornpipe and Keras), loops written out by hand |
| `worker.py` | a contender's process, and the driver's handle on it |
| `script.py` | a whole Boston script, timed from outside |
| `resources.py`, `accuracy.py` | imports, compile time, memory; what the trained models reach |
| `goals.py`, `report.py` | what must hold; tables |
| `__main__.py` | the driver |
"""
