"""Construction, learning rate, state, configs, subclasses in both styles, and every error by its text."""

import json
import re

import numpy as np
import pytest

import hornpipe as keras

NAMES = {
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adam": "Adam",
    "adamw": "AdamW",
    "adamax": "Adamax",
    "nadam": "Nadam",
    "lamb": "Lamb",
    "lion": "Lion",
    "ftrl": "Ftrl",
    "adafactor": "Adafactor",
}


def weight(values=(1.0, 2.0), name="weight"):
    return keras.Variable(np.array(values, "float32"), name=name)


def ones(*shape):
    return np.ones(shape or (2,), "float32")


def raises(error, text):
    return pytest.raises(error, match=f"^{re.escape(text)}")


# ---- state


def test_paths_are_those_of_keras():
    kernel = weight(name="kernel")
    kernel.path = "dense/kernel"
    optimizer = keras.optimizers.Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)
    optimizer.build([kernel, weight(name="bias")])
    assert [each.path for each in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_kernel_average",
        "adam/bias_average",
        "adam/dense_kernel_gradient_accumulator",
        "adam/bias_gradient_accumulator",
        "adam/dense_kernel_momentum",
        "adam/dense_kernel_velocity",
        "adam/bias_momentum",
        "adam/bias_velocity",
        "adam/dense_kernel_velocity_hat",
        "adam/bias_velocity_hat",
    ]
    assert not any(each.trainable for each in optimizer.variables)


def test_rmsprop_keeps_its_slots_one_after_the_other():
    optimizer = keras.optimizers.RMSprop(momentum=0.9, centered=True)
    optimizer.build([weight(name="a"), weight(name="b")])
    slots = [each.name for each in optimizer.variables][2:]
    assert slots == [f"{v}_{s}" for s in ("velocity", "momentum", "average_gradient") for v in "ab"]


def test_adafactor_keeps_rows_and_columns_of_matrices():
    optimizer = keras.optimizers.Adafactor()
    optimizer.build([keras.Variable(np.ones((4, 3, 2), "float32"), name="kernel"), weight()])
    assert [each.shape for each in optimizer.variables[2:]] == [(4, 3), (4, 2), (2,)]


def test_slots_have_the_dtype_of_their_weight():
    optimizer = keras.optimizers.Adam()
    optimizer.build([keras.Variable(np.ones(2, "float32"), dtype="bfloat16", name="half")])
    assert [each.dtype for each in optimizer.variables] == [
        "int32",
        "float32",
        "bfloat16",
        "bfloat16",
    ]


def test_long_paths_make_names_that_are_allowed():
    deep = weight()
    deep.path = "/".join(["block"] * 100)
    optimizer = keras.optimizers.Adam()
    optimizer.build([deep])
    assert optimizer.variables[2].name.endswith("block_block_momentum")


def test_state_travels_through_a_store():
    first, second = weight(), weight()
    one, other = keras.optimizers.Nadam(0.1), keras.optimizers.Nadam(0.5)
    for _ in range(3):
        one.apply([ones()], [first])
    store = {}
    one.save_own_variables(store)
    other.build([second])
    other.load_own_variables(store)
    second.assign(first.numpy())
    one.apply([ones()], [first])
    other.apply([ones()], [second])
    np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert int(other.iterations) == 4


def test_loading_into_an_optimizer_that_was_not_built():
    one = keras.optimizers.Adam()
    one.build([weight()])
    store = {}
    one.save_own_variables(store)
    text = (
        "Adam: the state has 2 variables. Received: 4 values. "
        "Build the optimizer first: `optimizer.build(model.trainable_variables)`."
    )
    with raises(ValueError, text):
        keras.optimizers.Adam().load_own_variables(store)


# ---- the learning rate


def test_learning_rate_is_read_and_set():
    optimizer = keras.optimizers.SGD(0.5)
    assert float(optimizer.learning_rate) == float(optimizer.lr) == 0.5
    optimizer.learning_rate = 0.25
    assert float(optimizer.lr) == 0.25
    optimizer.lr = 0.125
    assert optimizer.get_config()["learning_rate"] == 0.125
    optimizer.learning_rate.assign(0.75)
    one = weight()
    optimizer.apply([ones()], [one])
    assert one.numpy().tolist() == [0.25, 1.25]


@pytest.mark.parametrize("rate", [1, np.float32(0.5), np.array(0.5), "tensor", "variable"])
def test_learning_rate_given_in_other_ways(rate):
    expected = 1.0 if isinstance(rate, int) else 0.5
    if isinstance(rate, str):
        rate = keras.Variable(0.5) if rate == "variable" else keras.ops.convert_to_tensor(0.5)
    assert float(keras.optimizers.SGD(rate).learning_rate) == expected


def test_learning_rate_follows_a_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25])
    optimizer = keras.optimizers.SGD(schedule)
    one = weight()
    for expected in (1.0, 0.5, 0.25):
        assert float(optimizer.learning_rate) == expected
        optimizer.apply([ones()], [one])
    assert one.numpy().tolist() == [-0.75, 0.25]
    assert [each.name for each in optimizer.variables] == ["iteration"]
    text = "SGD: the learning rate can't be set, since it follows a schedule. Received: learning_rate=0.1."
    with raises(TypeError, text):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.125, 10, 0.5)
    assert 0 < float(optimizer.learning_rate) < 0.125


def test_a_schedule_takes_the_place_of_a_number():
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5)
    assert float(optimizer.learning_rate) == 0.5
    assert optimizer.get_config()["learning_rate"]["class_name"] == "ExponentialDecay"
    assert len(optimizer.variables) == 1


def test_learning_rate_from_a_function():
    optimizer = keras.optimizers.SGD(lambda: 0.5)
    one = weight()
    optimizer.apply([ones()], [one])
    assert one.numpy().tolist() == [0.5, 1.5]


# ---- configs and lookup


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    optimizer = keras.optimizers.get(name)
    assert type(optimizer).__name__ == NAMES[name]
    optimizer.learning_rate = 0.5
    description = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    assert description["module"] == "keras.optimizers" and description["class_name"] == NAMES[name]
    twin = keras.optimizers.deserialize(description)
    assert twin.get_config() == optimizer.get_config()
    assert twin.name == optimizer.name and float(twin.learning_rate) == 0.5
    assert keras.optimizers.get(description).get_config() == optimizer.get_config()


def test_config_holds_options_and_schedules():
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 10, warmup_target=1.0, warmup_steps=3)
    options = {
        "momentum": 0.5,
        "weight_decay": 0.1,
        "clipnorm": 2.0,
        "use_ema": True,
        "ema_momentum": 0.5,
    }
    optimizer = keras.optimizers.SGD(
        schedule, gradient_accumulation_steps=4, name="mine", **options
    )
    twin = keras.optimizers.SGD.from_config(json.loads(json.dumps(optimizer.get_config())))
    assert twin.get_config() == optimizer.get_config()
    assert {name: getattr(twin, name) for name in options} == options
    assert twin.gradient_accumulation_steps == 4 and twin.name == "mine"
    assert float(twin.learning_rate) == 0.5


def test_an_unchanged_learning_rate_comes_back_exactly():
    assert keras.optimizers.Adam(0.001).get_config()["learning_rate"] == 0.001


def test_positional_arguments_in_the_order_of_keras():
    optimizer = keras.optimizers.Adam(0.1, 0.2, 0.3, 0.4, True, 0.5, None, None, 0.6)
    config = optimizer.get_config()
    assert [config[key] for key in ("beta_1", "beta_2", "epsilon", "amsgrad")] == [
        0.2,
        0.3,
        0.4,
        True,
    ]
    assert (optimizer.weight_decay, optimizer.global_clipnorm) == (0.5, 0.6)
    assert keras.optimizers.AdamW(0.1, 0.2).weight_decay == 0.2


def test_names_count_up():
    assert [keras.optimizers.Adam().name for _ in range(2)] == ["adam", "adam_1"]


def test_lookup():
    assert type(keras.optimizers.get("RMSProp")).__name__ == "RMSprop"
    assert type(keras.optimizers.get(keras.optimizers.SGD)).__name__ == "SGD"
    optimizer = keras.optimizers.SGD()
    assert keras.optimizers.get(optimizer) is optimizer
    assert keras.optimizers.get(None) is None
    config = {"class_name": "SGD", "config": {"learning_rate": 0.25}}
    assert float(keras.optimizers.get(config).learning_rate) == 0.25
    with raises(ValueError, "optimizer: name is unknown. Received: 'adan'. Did you mean 'adam'?"):
        keras.optimizers.get("adan")


# ---- errors


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"learning_rate": -1.0},
            "`learning_rate` must be a finite number >= 0. Received: learning_rate=-1.0.",
        ),
        (
            {"learning_rate": float("nan")},
            "`learning_rate` must be a finite number >= 0. Received: learning_rate=nan.",
        ),
        (
            {"learning_rate": "fast"},
            "`learning_rate` must be a finite number >= 0. Received: learning_rate='fast'.",
        ),
        (
            {"learning_rate": True},
            "`learning_rate` must be a finite number >= 0. Received: learning_rate=True.",
        ),
        (
            {"momentum": 1.5},
            "`momentum` must be a finite number in [0, 1]. Received: momentum=1.5.",
        ),
        (
            {"weight_decay": -0.1},
            "`weight_decay` must be a finite number >= 0. Received: weight_decay=-0.1.",
        ),
        ({"clipnorm": 0}, "`clipnorm` must be a finite number > 0. Received: clipnorm=0."),
        ({"clipvalue": -1}, "`clipvalue` must be a finite number > 0. Received: clipvalue=-1."),
        (
            {"global_clipnorm": "a"},
            "`global_clipnorm` must be a finite number > 0. Received: global_clipnorm='a'.",
        ),
        (
            {"ema_momentum": 2},
            "`ema_momentum` must be a finite number in [0, 1]. Received: ema_momentum=2.",
        ),
        (
            {"ema_overwrite_frequency": 0},
            "`ema_overwrite_frequency` must be an integer >= 1 or None. Received: ema_overwrite_frequency=0.",
        ),
        (
            {"loss_scale_factor": 0},
            "`loss_scale_factor` must be a finite number > 0. Received: loss_scale_factor=0.",
        ),
        (
            {"gradient_accumulation_steps": 1},
            "`gradient_accumulation_steps` must be an integer >= 2 or None. Received: gradient_accumulation_steps=1.",
        ),
        (
            {"clipnorm": 1.0, "clipvalue": 0.5},
            "at most one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
            "Received: clipnorm=1.0, clipvalue=0.5, global_clipnorm=None.",
        ),
    ],
)
def test_arguments_out_of_range(options, text):
    with raises(ValueError, f"SGD: {text}"):
        keras.optimizers.SGD(**options)


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        (
            "Adam",
            {"beta_1": 1.0},
            "`beta_1` must be a finite number in [0, 1). Received: beta_1=1.0.",
        ),
        ("Adam", {"epsilon": -1}, "`epsilon` must be a finite number >= 0. Received: epsilon=-1."),
        (
            "AdamW",
            {"weight_decay": None},
            "`weight_decay` must be a finite number >= 0. Received: weight_decay=None.",
        ),
        ("Lion", {"beta_1": 0}, "`beta_1` must be a finite number in (0, 1]. Received: beta_1=0."),
        ("RMSprop", {"rho": -0.5}, "`rho` must be a finite number in [0, 1]. Received: rho=-0.5."),
        (
            "Ftrl",
            {"learning_rate_power": 0.5},
            "`learning_rate_power` must be a finite number <= 0. Received: learning_rate_power=0.5.",
        ),
        (
            "Adafactor",
            {"clip_threshold": 0},
            "`clip_threshold` must be a finite number > 0. Received: clip_threshold=0.",
        ),
    ],
)
def test_own_arguments_out_of_range(name, options, text):
    with raises(ValueError, f"{name}: {text}"):
        getattr(keras.optimizers, name)(**options)


def test_unknown_argument():
    text = (
        "SGD: got an unknown argument `momentun`. Received: momentun=0.5. Did you mean 'momentum'?"
    )
    with raises(TypeError, text):
        keras.optimizers.SGD(0.1, momentun=0.5)


def test_wrong_number_of_gradients():
    optimizer = keras.optimizers.SGD()
    text = "SGD: needs one gradient for each variable. Received: 2 gradients for 1 variables."
    with raises(ValueError, text):
        optimizer.apply([ones(), ones()], [weight()])


def test_variables_are_needed_first():
    text = "SGD: `apply` needs `trainable_variables` the first time. Received: trainable_variables=None."
    with raises(ValueError, text):
        keras.optimizers.SGD().apply([ones()])


def test_variables_it_was_not_built_for():
    optimizer = keras.optimizers.SGD()
    optimizer.build([weight()])
    text = "SGD: was built for 1 variables, and these are not among them. Received: stranger."
    with raises(ValueError, text):
        optimizer.apply([ones()], [weight(name="stranger")])


def test_building_for_something_else():
    with raises(ValueError, "SGD: `build` needs a list of variables. Received: 3."):
        keras.optimizers.SGD().build([3])


def test_missing_gradients_are_left_out_with_a_warning():
    one, other = weight(name="one"), weight(name="other")
    optimizer = keras.optimizers.SGD(1.0)
    text = r"^SGD: variables without a gradient are left alone\. Received: one\. Check that"
    with pytest.warns(UserWarning, match=text):
        optimizer.apply([None, ones()], [one, other])
    assert one.numpy().tolist() == [1.0, 2.0] and other.numpy().tolist() == [0.0, 1.0]


def test_no_gradient_at_all():
    with raises(ValueError, "SGD: no variable has a gradient. Received: None for each."):
        keras.optimizers.SGD().apply([None], [weight()])


def test_no_variables_at_all():
    optimizer = keras.optimizers.Adam(global_clipnorm=1.0)
    optimizer.apply([], [])
    assert int(optimizer.iterations) == 1


def test_some_of_the_variables():
    one, other = weight(name="one"), weight(name="other")
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([one, other])
    optimizer.apply([ones()], [other])
    assert one.numpy().tolist() == [1.0, 2.0] and other.numpy().tolist() == [0.0, 1.0]


def test_pairs():
    one = weight()
    keras.optimizers.SGD(1.0).apply_gradients(zip([ones()], [one], strict=True))
    assert one.numpy().tolist() == [0.0, 1.0]


def test_pure_use_needs_the_right_numbers_of_values():
    optimizer = keras.optimizers.SGD()
    text = "SGD: `stateless_apply` needs a built optimizer. Received: built=False."
    with raises(ValueError, text):
        optimizer.stateless_apply([], [], [])
    optimizer.build([weight()])
    with raises(ValueError, "SGD: needs 1 weights and 2 state values. Received: 1 and 0."):
        optimizer.stateless_apply([], [ones()], [ones()])


def test_a_subclass_without_a_rule():
    class Empty(keras.optimizers.Optimizer):
        pass

    with raises(
        NotImplementedError,
        "Empty: a subclass must define `update`, or `update_step` in the style of Keras.",
    ):
        Empty(0.1).apply([ones()], [weight()])


# ---- subclasses


def test_subclass_in_the_style_of_keras():
    class Momentum(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, momentum=0.5, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.momentum = momentum

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self._momentums = [
                self.add_variable_from_reference(v, name="momentum") for v in variables
            ]

        def update_step(self, gradient, variable, learning_rate):
            slot = self._momentums[self._get_variable_index(variable)]
            self.assign(slot, self.momentum * slot.value - learning_rate * gradient)
            self.assign_add(variable, slot.value)

    one, other = weight(), weight()
    mine, ours = (
        Momentum(0.1, gradient_accumulation_steps=2),
        keras.optimizers.SGD(0.1, momentum=0.5),
    )
    for _ in range(3):
        mine.apply([ones()], [one])
        mine.apply([ones()], [one])
        ours.apply([ones()], [other])
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)
    assert [each.path for each in mine.variables][-1] == "momentum/weight_momentum"
    assert Momentum.from_config(mine.get_config()).momentum == 0.5


def test_subclass_that_scales_the_learning_rate():
    class Halved(keras.optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate / 2)

    one, other = weight(), weight()
    for _ in range(3):
        mine, ours = Halved(0.1), keras.optimizers.Adam(0.05)
        mine.apply([ones()], [one])
        ours.apply([ones()], [other])
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)


def test_several_slots_at_once():
    optimizer = keras.optimizers.SGD()
    first, second = optimizer.add_optimizer_variables(
        [weight(name="a"), weight(name="b")], ["m", "v"], ["zeros", "ones"]
    )
    assert [each.name for each in (*first, *second)] == ["a_m", "b_m", "a_v", "b_v"]
    assert second[0].numpy().tolist() == [1.0, 1.0]
