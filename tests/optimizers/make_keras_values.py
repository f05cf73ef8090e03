"""Writes keras_values.json: weights after some steps of Keras's optimizers. Run it with Keras 3.15 installed.

python tests/optimizers/make_keras_values.py
"""

import json
from pathlib import Path

CASES = {
    "sgd": ["SGD", {"learning_rate": 0.1}],
    "sgd_momentum": ["SGD", {"learning_rate": 0.1, "momentum": 0.9}],
    "sgd_nesterov": ["SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}],
    "rmsprop": ["RMSprop", {"learning_rate": 0.1}],
    "rmsprop_momentum": ["RMSprop", {"learning_rate": 0.1, "momentum": 0.5, "rho": 0.8}],
    "rmsprop_centered": [
        "RMSprop",
        {"learning_rate": 0.1, "momentum": 0.5, "centered": True, "epsilon": 1e-3},
    ],
    "adagrad": ["Adagrad", {"learning_rate": 0.1}],
    "adadelta": ["Adadelta", {"learning_rate": 1.0, "epsilon": 1e-3}],
    "adam": ["Adam", {"learning_rate": 0.1}],
    "adam_amsgrad": ["Adam", {"learning_rate": 0.1, "amsgrad": True, "beta_2": 0.5}],
    "adamw": ["AdamW", {"learning_rate": 0.1, "weight_decay": 0.1}],
    "adamax": ["Adamax", {"learning_rate": 0.1}],
    "nadam": ["Nadam", {"learning_rate": 0.1}],
    "lamb": ["Lamb", {"learning_rate": 0.1}],
    "lion": ["Lion", {"learning_rate": 0.1}],
    "ftrl": ["Ftrl", {"learning_rate": 0.1}],
    "ftrl_all": [
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.3,
            "beta": 0.4,
        },
    ],
    "adafactor": ["Adafactor", {"learning_rate": 0.5}],
    "adafactor_clipped": ["Adafactor", {"learning_rate": 0.5, "clip_threshold": 0.5}],
    "clipnorm": ["SGD", {"learning_rate": 0.1, "clipnorm": 1.0}],
    "clipvalue": ["SGD", {"learning_rate": 0.1, "clipvalue": 0.5}],
    "global_clipnorm": ["SGD", {"learning_rate": 0.1, "global_clipnorm": 1.0}],
    "weight_decay": ["RMSprop", {"learning_rate": 0.1, "weight_decay": 0.2}],
    "ema": [
        "SGD",
        {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    ],
    "accumulation": ["Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}],
    "loss_scale": ["SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}],
}
STEPS = 6
WEIGHTS = {"kernel": [[1.0, -2.0, 0.5], [0.3, 0.8, -1.2]], "bias": [0.1, -0.4, 2.0]}


def gradient(name: str, step: int) -> list:
    """Return made-up gradients with changing signs and sizes."""
    return _map(
        WEIGHTS[name],
        lambda w, index: round(((7 * step + 3 * index + 2) % 11 - 5.5) / 4 + 0.3 * w, 6),
    )


def _map(values, function, counter=None):
    counter = iter(range(100)) if counter is None else counter
    return [
        _map(v, function, counter) if isinstance(v, list) else function(v, next(counter))
        for v in values
    ]


def main():
    import keras
    import numpy as np

    results = {}
    for case, (name, options) in CASES.items():
        optimizer = getattr(keras.optimizers, name)(**options)
        variables = [
            keras.Variable(np.array(value, "float32"), name=key) for key, value in WEIGHTS.items()
        ]
        for step in range(STEPS):
            gradients = [np.array(gradient(key, step), "float32") for key in WEIGHTS]
            optimizer.apply([keras.ops.convert_to_tensor(each) for each in gradients], variables)
        results[case] = [
            np.asarray(variable.value).astype("float64").tolist() for variable in variables
        ]
    text = json.dumps({"keras": keras.__version__, "weights": results}, indent=1)
    (Path(__file__).parent / "keras_values.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
