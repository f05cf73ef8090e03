"""LSTM and GRU with their gradients in NumPy float64, one step after the other: slow and obvious."""

from __future__ import annotations

import numpy as np

INPUTS = ("x", "kernel", "recurrent", "bias", "recurrent_bias", "h", "c")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Case:
    """One sampled sequence problem: sizes, operands and upstream gradients in float64 (of float32 values).

    Args:
        rng: NumPy generator.
        gates: int. 4 for an LSTM, 3 for a GRU.
        sizes: `(batch, steps, features, units)`, or None for sampled ones.
    """

    def __init__(self, rng, gates, sizes=None):
        if sizes is None:
            sizes = (
                int(rng.choice([1, 2, 3, 7, 8, 9, 15, 17, 24, 33, 70])),
                int(rng.choice([1, 2, 3, 5, 9, 20])),
                int(rng.choice([1, 2, 3, 5, 8, 16, 17, 33, 48, 130])),
                int(rng.choice([1, 2, 3, 7, 8, 15, 16, 17, 32, 33, 40, 65])),
            )
        self.gates, self.sizes = gates, sizes
        self.backwards, self.sequences, self.masked = (bool(rng.integers(2)) for _ in range(3))
        batch, steps, features, units = sizes
        width = gates * units
        shapes = {
            "x": (batch, steps, features),
            "kernel": (features, width),
            "recurrent": (units, width),
            "bias": (width,),
            "recurrent_bias": (width,) if gates == 3 else (0,),
            "h": (batch, units),
            "c": (batch, units) if gates == 4 else (0, 0),
        }
        scales = {"kernel": features**-0.5, "recurrent": units**-0.5}

        def draw(shape, scale=1.0):
            return (rng.standard_normal(shape) * scale).astype("float32").astype("float64")

        self.inputs = {name: draw(shape, scales.get(name, 1.0)) for name, shape in shapes.items()}
        self.valid = rng.random((batch, steps)) < 0.7 if self.masked else None
        self.d_outputs = draw((batch, steps, units)) if self.sequences else None
        self.d_h, self.d_c = draw(shapes["h"]), draw(shapes["c"])

    def __repr__(self):
        flags = self.backwards, self.sequences, self.masked
        return f"gates {self.gates}, sizes {self.sizes}, backwards/sequences/masked {flags}"

    def _now(self, t):
        """Return where step t of the reading stands, and which rows count there, as a column."""
        at = self.sizes[1] - 1 - t if self.backwards else t
        return at, np.ones((self.sizes[0], 1), bool) if self.valid is None else self.valid[
            :, at, None
        ]

    def forward(self):
        """Return the outputs of all steps, the last h and the last c."""
        p, units = self.inputs, self.sizes[3]
        h, c, self.steps, outputs = p["h"], p["c"], [], []
        for t in range(self.sizes[1]):
            at, now = self._now(t)
            z = p["x"][:, at] @ p["kernel"] + p["bias"]
            inner = h @ p["recurrent"]
            if self.gates == 4:
                i, f, g, o = np.split(z + inner, 4, axis=1)
                i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
                new_c = f * c + i * g
                new_h = o * np.tanh(new_c)
                self.steps.append((h, c, new_c, i, f, g, o))
                c = np.where(now, new_c, c)
            else:
                inner = inner + p["recurrent_bias"]
                update = sigmoid(z[:, :units] + inner[:, :units])
                reset = sigmoid(z[:, units : 2 * units] + inner[:, units : 2 * units])
                own = inner[:, 2 * units :]
                candidate = np.tanh(z[:, 2 * units :] + reset * own)
                new_h = update * h + (1 - update) * candidate
                self.steps.append((h, update, reset, candidate, own))
            h = np.where(now, new_h, h)
            outputs.append(h)
        return np.stack(outputs, 1), h, c

    def backward(self):
        """Return the gradients of the inputs, in their order."""
        self.forward()
        p, d = self.inputs, {name: np.zeros_like(value) for name, value in self.inputs.items()}
        d_h, d_c = self.d_h, self.d_c
        for t in reversed(range(self.sizes[1])):
            at, now = self._now(t)
            if self.d_outputs is not None:
                d_h = d_h + self.d_outputs[:, t]
            active = np.where(now, d_h, 0)
            if self.gates == 4:
                h, c, new_c, i, f, g, o = self.steps[t]
                d_cell = np.where(now, d_c, 0) + active * o * (1 - np.tanh(new_c) ** 2)
                parts = d_cell * g * i * (1 - i), d_cell * c * f * (1 - f), d_cell * i * (1 - g**2)
                d_z = np.concatenate([*parts, active * np.tanh(new_c) * o * (1 - o)], 1)
                d_inner, direct = d_z, 0.0
                d_c = np.where(now, d_cell * f, d_c)
            else:
                h, update, reset, candidate, own = self.steps[t]
                d_candidate = active * (1 - update) * (1 - candidate**2)
                d_update = active * (h - candidate) * update * (1 - update)
                d_reset = d_candidate * own * reset * (1 - reset)
                d_z = np.concatenate([d_update, d_reset, d_candidate], 1)
                d_inner = np.concatenate([d_update, d_reset, d_candidate * reset], 1)
                direct = active * update
                d["recurrent_bias"] += d_inner.sum(0)
            d_h = np.where(now, direct + d_inner @ p["recurrent"].T, d_h)
            d["x"][:, at] = d_z @ p["kernel"].T
            d["kernel"] += p["x"][:, at].T @ d_z
            d["recurrent"] += h.T @ d_inner
            d["bias"] += d_z.sum(0)
        return [*(d[name] for name in INPUTS[:5]), d_h, d_c]
