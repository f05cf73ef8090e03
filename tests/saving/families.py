"""Case list used by both libraries: name -> function(keras) -> layers or (inputs, outputs)."""


def cases(keras):
    L = keras.layers
    x = lambda *s, **k: keras.Input(s, batch_size=k.pop("b", None), **k)
    return {
        "dense": lambda: [
            x(4),
            L.Dense(3, activation="relu", kernel_regularizer="l2"),
            L.Dense(2, use_bias=False),
        ],
        "einsum_dense": lambda: [x(3, 4), L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")],
        "activation": lambda: [
            x(4),
            L.Activation("gelu"),
            L.ReLU(max_value=1.0),
            L.LeakyReLU(0.2),
            L.PReLU(),
            L.ELU(),
            L.Softmax(),
        ],
        "dropout": lambda: [
            x(4, 4),
            L.Dropout(0.1, seed=1),
            L.SpatialDropout1D(0.1),
            L.GaussianNoise(0.1),
            L.GaussianDropout(0.1),
            L.AlphaDropout(0.1),
            L.ActivityRegularization(l2=0.1),
        ],
        "reshaping": lambda: [
            x(4, 6),
            L.Permute((2, 1)),
            L.ZeroPadding1D(1),
            L.Cropping1D(1),
            L.UpSampling1D(2),
            L.Flatten(),
            L.RepeatVector(2),
            L.Reshape((4, 24)),
        ],
        "reshaping2d": lambda: [
            x(4, 4, 2),
            L.ZeroPadding2D(1),
            L.Cropping2D(((1, 0), (0, 1))),
            L.UpSampling2D(2, interpolation="bilinear"),
        ],
        "embedding": lambda: [x(5, dtype="int32"), L.Embedding(7, 3)],
        "batch_norm": lambda: [x(4), L.BatchNormalization()],
        "layer_norm": lambda: [
            x(4),
            L.LayerNormalization(),
            L.RMSNormalization(),
            L.UnitNormalization(),
        ],
        "group_norm": lambda: [x(4, 4), L.GroupNormalization(2)],
        "conv": lambda: [
            x(8, 8, 3),
            L.Conv2D(4, 3, padding="same", dilation_rate=2),
            L.Conv2D(2, (3, 2), strides=2, groups=2),
        ],
        "conv1d": lambda: [x(8, 3), L.Conv1D(4, 3, padding="causal")],
        "conv3d": lambda: [x(4, 4, 4, 2), L.Conv3D(2, 2)],
        "depthwise": lambda: [
            x(8, 8, 3),
            L.DepthwiseConv2D(3, depth_multiplier=2),
            L.SeparableConv2D(2, 3),
        ],
        "depthwise1d": lambda: [x(8, 3), L.DepthwiseConv1D(3), L.SeparableConv1D(2, 3)],
        "transpose": lambda: [x(4, 4, 3), L.Conv2DTranspose(2, 3, strides=2)],
        "transpose1d": lambda: [x(4, 3), L.Conv1DTranspose(2, 3)],
        "transpose3d": lambda: [x(3, 3, 3, 2), L.Conv3DTranspose(2, 2)],
        "pooling": lambda: [
            x(8, 8, 3),
            L.MaxPooling2D(2),
            L.AveragePooling2D(2),
            L.GlobalAveragePooling2D(),
        ],
        "pooling1d": lambda: [
            x(8, 3),
            L.MaxPooling1D(2),
            L.AveragePooling1D(2),
            L.GlobalMaxPooling1D(keepdims=True),
        ],
        "adaptive": lambda: [x(8, 8, 3), L.AdaptiveAveragePooling2D(2)],
        "lstm": lambda: [
            x(5, 3),
            L.LSTM(4, return_sequences=True, recurrent_dropout=0.1),
            L.LSTM(2),
        ],
        "gru": lambda: [x(5, 3), L.GRU(4, return_sequences=True), L.GRU(2, reset_after=False)],
        "simple_rnn": lambda: [x(5, 3), L.SimpleRNN(4)],
        "stateful": lambda: [x(5, 3, b=2), L.LSTM(4, stateful=True)],
        "rnn": lambda: [x(5, 3), L.RNN([L.LSTMCell(2), L.GRUCell(3)])],
        "bidirectional": lambda: [
            x(5, 3),
            L.Bidirectional(L.LSTM(2, return_sequences=True)),
            L.Bidirectional(L.GRU(2), merge_mode="sum"),
        ],
        "wrappers": lambda: [x(5, 3), L.Masking(0.0), L.TimeDistributed(L.Dense(2)), L.Identity()],
        "spectral": lambda: [x(3), L.SpectralNormalization(L.Dense(2))],
        "merging": lambda: (
            lambda a, b: (
                [a, b],
                [
                    L.Add()([a, b]),
                    L.Multiply()([a, b]),
                    L.Concatenate()([a, b]),
                    L.Dot(1)([a, b]),
                    L.Subtract()([a, b]),
                    L.Average()([a, b]),
                    L.Maximum()([a, b]),
                    L.Minimum()([a, b]),
                ],
            )
        )(x(3), x(3)),
        "attention": lambda: (
            lambda a, b: ([a, b], L.Attention(use_scale=True)([L.AdditiveAttention()([a, b]), b]))
        )(x(4, 3), x(4, 3)),
        "mha": lambda: (lambda a, b: ([a, b], L.MultiHeadAttention(2, 3, dropout=0.1)(a, b)))(
            x(4, 6), x(5, 6)
        ),
        "gqa": lambda: (lambda a: (a, L.GroupQueryAttention(4, 4, 2)(a, a)))(x(4, 6)),
        "branches": lambda: branches(keras, x),
        "operations": lambda: operations(keras, x),
    }


def branches(keras, x):
    L = keras.layers
    a, b = x(4, name="a"), x(4, name="b")
    shared = L.Dense(3, name="shared")
    long = L.Dense(3)(L.Dense(5)(shared(a)))
    short = L.Dense(3)(b)
    inner_in = x(3)
    inner = keras.Model(inner_in, L.Dense(3)(L.Dense(3)(inner_in) + inner_in))
    seq = keras.Sequential([x(3), L.Dense(2), L.Dense(3)], name="seq")
    out = L.Add()([inner(long), seq(short), shared(b), seq(long)])
    return {"a": a, "b": b}, [L.Dense(2, name="o1")(out), L.Dense(1, name="o2")(short)]


def operations(keras, x):
    a = x(4)
    ops = keras.ops
    y = a * 2.0 + 1 - a / 3
    z = ops.concatenate([ops.relu(y), ops.sum(a, axis=-1, keepdims=True)], axis=1)
    w = ops.reshape(z[:, :4], (-1, 2, 2))
    v = ops.einsum("abc,acd->abd", w, ops.transpose(w, (0, 2, 1)))
    return a, [
        ops.mean(v, axis=(1, 2)),
        ops.softmax(z),
        ops.where(z > 0, z, -z),
        ops.expand_dims(a[:, 1], 1),
        ops.stack([a, y], axis=1),
        abs(a) ** 2,
        ops.squeeze(ops.matmul(w, w)[:, :1], axis=1),
    ]


def model(keras, name):
    """Return the model of a case."""
    made = cases(keras)[name]()
    if isinstance(made, tuple):
        return keras.Model(*made)
    if name in ("dense", "conv", "embedding"):
        return keras.Sequential(made)
    y = made[0]
    for layer in made[1:]:
        y = layer(y)
    return keras.Model(made[0], y)


def data(m, seed=0):
    """Return inputs for a model, in its structure."""
    import numpy as np

    r = np.random.RandomState(seed)

    def one(t):
        s = tuple(2 if n is None else n for n in t.shape)
        return (
            r.randint(0, 7, s).astype("int32")
            if "int" in str(t.dtype)
            else r.uniform(-1, 1, s).astype("float32")
        )

    leaves = [one(t) for t in m.inputs]
    if len(m.inputs) > 1 and isinstance(m.input, dict):
        return dict(zip(m.input, leaves, strict=True))
    return leaves if len(leaves) > 1 else leaves[0]
