"""Names, order and defaults of arguments are those of Keras 3.15."""

from __future__ import annotations

import inspect

import pytest

import hornpipe as keras

SIGNATURES = {
    "CSVLogger": "(filename, separator=',', append=False)",
    "EarlyStopping": "(monitor='val_loss', min_delta=0, patience=0, verbose=0, mode='auto', baseline=None, "
    "restore_best_weights=False, start_from_epoch=0)",
    "LambdaCallback": "(on_epoch_begin=None, on_epoch_end=None, on_train_begin=None, on_train_end=None, "
    "on_train_batch_begin=None, on_train_batch_end=None, **kwargs)",
    "LearningRateScheduler": "(schedule, verbose=0)",
    "ModelCheckpoint": "(filepath, monitor='val_loss', verbose=0, save_best_only=False, save_weights_only=False, "
    "mode='auto', save_freq='epoch', initial_value_threshold=None)",
    "ProgbarLogger": "()",
    "ReduceLROnPlateau": "(monitor='val_loss', factor=0.1, patience=10, verbose=0, mode='auto', min_delta=0.0001, "
    "cooldown=0, min_lr=0.0)",
    "RemoteMonitor": "(root='http://localhost:9000', path='/publish/epoch/end/', field='data', headers=None, "
    "send_as_json=False)",
    "SwapEMAWeights": "(swap_on_epoch=False)",
    "TensorBoard": "(log_dir='logs', histogram_freq=0, write_graph=True, write_images=False, "
    "write_steps_per_second=False, update_freq='epoch', profile_batch=0, embeddings_freq=0, embeddings_metadata=None)",
    "TerminateOnNaN": "(raise_error=False)",
}


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_signature(name):
    signature = inspect.signature(getattr(keras.callbacks, name))
    plain = [
        each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()
    ]
    assert str(inspect.Signature(plain)) == SIGNATURES[name]


PICTURES = {
    "plot_model": "(model, to_file='model.png', show_shapes=False, show_dtype=False, show_layer_names=False, "
    "rankdir='TB', expand_nested=False, dpi=200, show_layer_activations=False, show_trainable=False, splines='ortho'",
    "model_to_dot": "(model, show_shapes=False, show_dtype=False, show_layer_names=True, rankdir='TB', "
    "expand_nested=False, dpi=200, subgraph=False, show_layer_activations=False, show_trainable=False, splines='ortho'",
}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_signature_of_pictures(name):
    """Ours may have more, by name only."""
    text = str(inspect.signature(getattr(keras.utils, name)))
    assert text == PICTURES[name] + ", *, highlight=())"


def test_every_callback_has_its_place_in_the_table():
    for name in keras.callbacks.__all__:
        assert getattr(keras.callbacks, name).__name__ == name
        assert name in dir(keras.callbacks)
    with pytest.raises(AttributeError, match="Did you mean 'ModelCheckpoint'"):
        keras.callbacks.ModelCheckpiont  # noqa: B018
