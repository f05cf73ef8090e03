"""What a network is made of: layers, models in both styles, losses, optimizers, the backend, the configuration."""

import keras
import keras.layers.core as core
import numpy as np
from keras import (
    activations,
    backend,
    constraints,
    initializations,
    layers,
    models,
    optimizers,
    regularizers,
)
from keras import backend as K
from keras.callbacks import Callback, EarlyStopping, History
from keras.engine.topology import Layer
from keras.layers import Activation, Dense, Dropout, Embedding, Flatten, Input, LSTM, merge
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.models import Model, Sequential, load_model, model_from_json
from keras.optimizers import SGD, Adam, RMSprop

# the configuration of the time
assert K.backend() in ("jax", "torch") and K.floatx() == "float32"
assert K.image_dim_ordering() == "tf" and K.epsilon() == 1e-7 and backend is K

# a layer takes what the one before gives
layer = layers.Dense(32, input_shape=(784,))
model = models.Sequential()
model.add(layer)
model.add(layers.Dense(32))
assert model.layers[1].input_shape == (None, 32) and model.output_shape == (None, 32)
assert layers.Dense is Dense is core.Dense is keras.layers.core.Dense

# the same network in both styles, the second in both spellings
first = models.Sequential()
first.add(layers.Dense(32, activation="relu", input_shape=(784,)))
first.add(layers.Dense(10, activation="softmax"))
input_tensor = layers.Input(shape=(784,))
x = layers.Dense(32, activation="relu")(input_tensor)
output_tensor = layers.Dense(10, activation="softmax")(x)
assert K.int_shape(x) == (None, 32) and K.ndim(output_tensor) == 2
second = models.Model(input=input_tensor, output=output_tensor)
third = Model(inputs=input_tensor, outputs=output_tensor)
rows, targets = np.random.random((256, 784)), np.eye(10)[np.random.randint(0, 10, 256)]
for model in (first, second, third):
    assert model.count_params() == 784 * 32 + 32 + 32 * 10 + 10
    model.compile(optimizer=optimizers.RMSprop(lr=0.001), loss="mse", metrics=["accuracy"])
    history = model.fit(rows, targets, batch_size=128, nb_epoch=2, verbose=0)
    assert list(history.history) == ["loss", "acc"]
    assert model.predict(rows).shape == (256, 10)

# the learning rate can be read and set
optimizer = first.optimizer
assert np.isclose(K.get_value(optimizer.lr), 0.001)
K.set_value(optimizer.lr, 0.5)
assert np.isclose(float(optimizer.learning_rate), 0.5)
optimizer.lr = 0.25
assert np.isclose(K.get_value(optimizer.lr), 0.25) and np.isclose(
    K.get_value(first.optimizer.lr), 0.25
)
assert [type(o).__name__ for o in (SGD(lr=0.01, momentum=0.9), Adam(lr=0.002), RMSprop(0.01))] == [
    "SGD",
    "Adam",
    "RMSprop",
]

# activations inside a layer and behind it are the same
one, two = Sequential(), Sequential()
one.add(Dense(4, input_dim=3, activation="relu"))
two.add(Dense(4, input_dim=3))
two.add(Activation(activations.relu))
two.set_weights(one.get_weights())
three = np.random.randn(5, 3)
assert np.array_equal(one.predict(three), two.predict(three))

# losses of the time, by name and by function
for name in (
    "mse",
    "mae",
    "binary_crossentropy",
    "categorical_crossentropy",
    "hinge",
    "poisson",
    "kullback_leibler_divergence",
):
    assert callable(getattr(keras.objectives, name)) and keras.objectives.get(name) is not None
value = K.eval(keras.objectives.mse(K.variable([[1.0, 2.0]]), K.variable([[1.0, 4.0]])))
assert value.tolist() == [2.0]


def my_loss(y_true, y_pred):
    return K.mean(K.square(y_pred - y_true), axis=-1)


def mean_pred(y_true, y_pred):
    return K.mean(y_pred)


one.compile(loss=my_loss, optimizer="sgd", metrics=["mse", mean_pred])
history = one.fit(three, np.ones((5, 4)), nb_epoch=1, verbose=0)
assert list(history.history) == ["loss", "mean_squared_error", "mean_pred"]


# a layer, a callback, an image network and a sequence network of one's own
class Scale(Layer):
    def __init__(self, output_dim=1, **kwargs):
        self.output_dim = output_dim
        super(Scale, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight(
            shape=(input_shape[-1], self.output_dim), initializer="one", trainable=True, name="W"
        )
        super(Scale, self).build(input_shape)

    def call(self, x, mask=None):
        return K.dot(x, self.W)


class Losses(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get("loss"))


model = Sequential([Scale(2, input_shape=(3,))])
model.compile("sgd", "mse")
seen = Losses()
model.fit(
    three,
    np.ones((5, 2)),
    batch_size=1,
    nb_epoch=2,
    verbose=0,
    callbacks=[seen, EarlyStopping(monitor="loss", patience=2)],
)
assert len(seen.losses) == 10

model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode="same", activation="relu", input_shape=(8, 8, 3)))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dropout(0.25))
model.add(Dense(10, activation="softmax"))
assert [layer.output_shape for layer in model.layers][:3] == [
    (None, 8, 8, 4),
    (None, 4, 4, 4),
    (None, 64),
]
model = Sequential()
model.add(Embedding(50, 8, input_length=6))
model.add(LSTM(5, dropout_W=0.2, dropout_U=0.2))
assert model.output_shape == (None, 5) and model.predict(np.zeros((2, 6))).shape == (2, 5)

# two branches that join
left, right = Input(shape=(3,)), Input(shape=(3,), name="right")
joined = merge([Dense(4)(left), Dense(4)(right)], mode="concat", concat_axis=-1)
model = Model(input=[left, right], output=Dense(1)(joined))
assert model.predict([three, three]).shape == (5, 1)
model.compile(optimizer="rmsprop", loss="mse")
model.save("model.keras")
assert np.allclose(load_model("model.keras").predict([three, three]), model.predict([three, three]))
assert model_from_json(model.to_json()).count_params() == model.count_params()
assert float(K.eval(regularizers.l2(0.5)(K.variable([1.0, 2.0])))) == 2.5
assert constraints.maxnorm(2).max_value == 2 and isinstance(history, History)
assert initializations.get("glorot_uniform")((3, 2)).shape == (3, 2)
print("anatomy: ok")
