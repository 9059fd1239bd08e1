"""Rebuilds recurrent layers of a Keras model without the loop that TensorFlow's converter cannot quantize.

Keras computes a recurrent layer in a loop over the steps of a sequence. The converter writes loops as WHILE, and
crashes when it has to quantize one. It can convert an LSTM of Keras 2 to a single operator instead. All other layers
are unrolled: the network contains their steps one after another.

For one step per inference, the model's input is a single step. The operator of an LSTM keeps its state; other layers
keep theirs in variables, as Keras' stateful layers do.
"""

from collections.abc import Callable
from typing import Any

Config = dict[str, Any]

LSTM, FUSED, UNROLL, STATEFUL = "LSTM", "Fused", "unroll", "stateful"
INPUT_SHAPES = ("batch_shape", "batch_input_shape")  # of Keras 3 and of Keras 2
BUILT = ("build_config", "build_input_shape")  # shapes that a layer is built for before it is called
# The options with which an LSTM can be a single operator.
FUSABLE = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "recurrent_dropout": 0.0,
    "return_state": False,
    "use_bias": True,
}


def is_recurrent(model: Any) -> bool:
    """Whether a Keras model has a recurrent layer."""
    return _has(model.get_config(), lambda config: UNROLL in config)


def rebuild(model: Any, keras_2: Any, fuses: bool, stateful: bool = False) -> tuple[Any, bool]:
    """A model with the same layers and weights but without loops, and whether any of its LSTMs is a single operator.

    ``model`` is of Keras 3 or Keras 2; ``keras_2`` is Keras 2 itself. Without ``fuses``, every LSTM is unrolled.
    ``stateful``: the model takes a batch of one and a single step of the sequence.
    """
    is_keras_2 = isinstance(model, keras_2.Model)
    config = _rebuilt(model.get_config(), fuses, stateful, is_keras_2)
    # Must come before from_config(), which takes the configuration apart.
    is_fused = _has(config, lambda found: found.get("class_name") in (LSTM, FUSED) and _is_fused(found))
    layers: list[Any] = []
    rebuilt = type(model).from_config(config, {} if is_keras_2 else {FUSED: _fused_class(keras_2, layers)})
    rebuilt.set_weights(model.get_weights())
    for layer in layers:
        layer.hand_over_weights()
    return rebuilt, is_fused


def _rebuilt(config: Any, fuses: bool, stateful: bool, is_keras_2: bool) -> Any:
    """A configuration in which every recurrent layer is fused or unrolled."""
    if isinstance(config, list | tuple):
        return [_rebuilt(each, fuses, stateful, is_keras_2) for each in config]
    if not isinstance(config, dict):
        return config
    found = {key: _rebuilt(value, fuses, stateful, is_keras_2) for key, value in config.items()}
    if UNROLL in found:
        found |= {UNROLL: True, STATEFUL: stateful}
    if stateful:
        found = {key: value for key, value in found.items() if key not in BUILT}
        found |= {key: [1, 1, *found[key][2:]] for key in INPUT_SHAPES if len(found.get(key) or ()) > 1}
    if fuses and found.get("class_name") == LSTM and _can_fuse(found["config"]):
        found["config"][STATEFUL] = False
        if is_keras_2:
            found["config"][UNROLL] = False
        else:
            found |= {"class_name": FUSED, "registered_name": FUSED, "module": None}
    return found


def _can_fuse(config: Config) -> bool:
    return all(config.get(option) == value for option, value in FUSABLE.items()) and not config.get("time_major")


def _is_fused(layer: Config) -> bool:
    return layer["class_name"] == FUSED or not layer["config"][UNROLL]


def _has(config: Any, wanted: Callable[[Config], bool]) -> bool:
    """Whether ``wanted`` is true of a configuration or of one nested in it."""
    if isinstance(config, dict):
        return wanted(config) or any(_has(each, wanted) for each in config.values())
    return isinstance(config, list | tuple) and any(_has(each, wanted) for each in config)


def _fused_class(keras_2: Any, layers: list[Any]) -> Any:
    """A subclass of Keras 3's LSTM that computes with Keras 2's. Its instances add themselves to ``layers``."""
    import keras

    class Fused(keras.layers.LSTM):  # type: ignore[misc]
        """Falls back to the unrolled LSTM of Keras 3 if the layer gets a mask or an initial state."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            layers.append(self)

        def hand_over_weights(self) -> None:
            if not self.built:  # a template: Bidirectional makes its two layers from one that it does not use
                return
            layer = keras_2.layers.LSTM(self.units, return_sequences=self.return_sequences, name=self.name)
            layer.build((1, None, self.cell.kernel.shape[0]))
            layer.set_weights(self.get_weights())
            self.__dict__["fused"] = layer  # hidden from Keras 3, which would take the layer's weights for its own

        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            if initial_state is not None or mask is not None:
                return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
            return self.fused(keras.ops.flip(sequences, 1) if self.go_backwards else sequences)

    return Fused
