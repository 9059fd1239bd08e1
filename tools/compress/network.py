"""A convolutional network as a plain value: layers in order, with configuration and weights; used by all methods.

It is read from a Keras 3 or Keras 2 (tf_keras) model and can be rebuilt with either: they share names and weight
layouts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..errors import CompressError

Array = npt.NDArray[Any]

INPUT = "InputLayer"
_POOL = ("pool_size", "strides", "padding")
_WINDOW = ("kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias")
# The supported layers, each with the options that both Keras versions have. Regularizers and initializers are left out:
# they only matter to training from scratch.
KINDS: dict[str, tuple[str, ...]] = {
    "Activation": ("activation",),
    "Add": (),
    "AveragePooling2D": _POOL,
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "Concatenate": ("axis",),
    "Conv2D": ("filters", "groups", *_WINDOW),
    "Dense": ("units", "activation", "use_bias"),
    "DepthwiseConv2D": ("depth_multiplier", *_WINDOW),
    "Dropout": ("rate",),
    "Flatten": (),
    "GlobalAveragePooling2D": ("keepdims",),
    "GlobalMaxPooling2D": ("keepdims",),
    "MaxPooling2D": _POOL,
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "Rescaling": ("scale", "offset"),
    "Reshape": ("target_shape",),
    "SeparableConv2D": ("filters", "depth_multiplier", *_WINDOW),
    "Softmax": ("axis",),
    "SpatialDropout2D": ("rate",),
    "ZeroPadding2D": ("padding",),
}
_NESTED = ("Functional", "Model", "Sequential")


@dataclass(frozen=True, eq=False)
class Layer:
    """``kind`` is the Keras class, ``inputs`` the layers it reads, ``shape`` its output's without the batch dimension.

    ``weights`` are in Keras' order: kernel (h, w, in, out) or (in, out), bias; depthwise (h, w, in, multiplier);
    gamma, beta, mean, variance.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    weights: tuple[Array, ...] = ()

    @property
    def is_softmax(self) -> bool:
        return self.kind == "Softmax" or self.config.get("activation") == "softmax"


@dataclass(frozen=True, eq=False)
class Network:
    """Layers from the only input (the first) to the only output (the last), each after those it reads."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        return sum(array.size for layer in self.layers for array in layer.weights)


def read(model: Any, name: str) -> Network:
    """The network of a Keras model, with nested models flattened. Raises CompressError, naming the layer."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise CompressError(
            f"{name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs: only a model with one of each "
            "can be compressed"
        )
    layers: dict[str, Layer] = {}
    _unfold(model, None, layers, name)
    return Network(model.name, tuple(layers.values()))


def build(network: Network, keras: Any) -> Any:
    """The Keras model with its weights, built from either version's ``keras.layers``."""
    tensors: dict[str, Any] = {}
    for layer in network.layers:
        if layer.kind == INPUT:
            tensors[layer.name] = keras.Input(layer.shape, name=layer.name)
        else:
            read_ = [tensors[name] for name in layer.inputs]
            made = getattr(keras.layers, layer.kind)(name=layer.name, **layer.config)
            tensors[layer.name] = made(read_[0] if len(read_) == 1 else read_)
    model = keras.Model(tensors[network.layers[0].name], tensors[network.layers[-1].name], name=network.name)
    for layer in network.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(list(layer.weights))
    return model


def with_weights(network: Network, model: Any) -> Network:
    """The same network with the current weights of a model built from it."""
    layers = []
    for layer in network.layers:
        weights = tuple(np.asarray(array) for array in model.get_layer(layer.name).get_weights())
        layers.append(Layer(layer.name, layer.kind, layer.config, layer.inputs, layer.shape, weights))
    return Network(network.name, tuple(layers))


def dump(network: Network, path: Path) -> None:
    """Writes the network to a file for `load`, which may run in another process."""
    described = [[a.name, a.kind, dict(a.config), a.inputs, a.shape, len(a.weights)] for a in network.layers]
    arrays = {f"{i}.{j}": array for i, layer in enumerate(network.layers) for j, array in enumerate(layer.weights)}
    text = json.dumps([network.name, described]).encode()
    files.write(path, files.pack_arrays({"network": np.frombuffer(text, np.uint8), **arrays}))


def load(path: Path) -> Network:
    """Reads a network written by `dump`."""
    arrays = files.unpack_arrays(path.read_bytes())
    name, described = json.loads(arrays["network"].tobytes())
    layers = [
        Layer(a, kind, config, tuple(inputs), tuple(shape), tuple(arrays[f"{i}.{j}"] for j in range(count)))
        for i, (a, kind, config, inputs, shape, count) in enumerate(described)
    ]
    return Network(name, tuple(layers))


def _unfold(model: Any, entry: str | None, layers: dict[str, Layer], where: str) -> str:
    """Appends a model's layers to ``layers`` and returns the name of the last; ``entry`` is what a nested model reads.

    The architecture is taken from ``get_config()``, which has the format of a .keras file.
    """
    config = model.get_config()
    specs = config["layers"]
    is_chain = "output_layers" not in config
    if is_chain and entry is None and (not specs or specs[0]["class_name"] != INPUT):
        shape = [None, *model.inputs[0].shape[1:]]
        specs = [{"class_name": INPUT, "config": {"name": "input", "batch_shape": shape}}, *specs]
    named: dict[str, str] = {}  # a layer's own name → its name in ``layers``, or that of the last layer inside it
    previous: tuple[str, ...] = ()
    for spec in _in_order(specs, is_chain, where):
        kind, options = spec["class_name"], spec["config"]
        own = options.get("name", kind)
        sources = previous if is_chain else tuple(named[source] for source in _sources(spec))
        if is_chain and not previous and entry is not None and kind != INPUT:
            sources = (entry,)
        if kind == INPUT and entry is not None:
            named[own] = entry
        elif kind in _NESTED:
            named[own] = _unfold(model.get_layer(own), sources[0], layers, where)
        else:
            named[own] = _free(own, layers)
            layer = None if kind == INPUT else model.get_layer(own)
            layers[named[own]] = _layer(named[own], kind, options, sources, layer, where)
        previous = (named[own],)
    outputs = [own] if is_chain else [name for name in _names(config["output_layers"]) if name in named]
    return named[outputs[0]]


def _layer(name: str, kind: str, options: Mapping[str, Any], sources: tuple[str, ...], live: Any, where: str) -> Layer:
    if kind == INPUT:
        shape = tuple(options.get("batch_shape", options.get("batch_input_shape"))[1:])
        if any(size is None for size in shape):
            raise CompressError(f"the input {name!r} of {where} has the shape {shape}: give it fixed sizes")
        return Layer(name, kind, {}, (), shape)
    if kind not in KINDS:
        raise CompressError(
            f"{where} has the layer {name!r} ({kind}), which cannot be compressed; supported: {', '.join(KINDS)}"
        )
    if options.get("data_format", "channels_last") not in (None, "channels_last"):
        raise CompressError(f"the layer {name!r} of {where} is channels_first: microcontrollers need channels_last")
    config = {key: _plain(options[key]) for key in KINDS[kind] if key in options}
    if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:  # Keras 2
        config["axis"] = config["axis"][0]
    activation = config.get("activation", "linear")
    if not isinstance(activation, str):
        raise CompressError(f"the layer {name!r} of {where} has a custom activation: use one of Keras' own")
    weights = tuple(np.asarray(array) for array in live.get_weights())
    return Layer(name, kind, config, sources, tuple(live.output.shape[1:]), weights)


def _plain(value: Any) -> Any:
    """An option as plain JSON: Keras 2 keeps some as numpy arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _sources(spec: Mapping[str, Any]) -> list[str]:
    """The layers that a layer of a functional model reads."""
    return [name for node in spec["inbound_nodes"] for name in _histories(node)]


def _histories(value: Any) -> Iterator[str]:
    if isinstance(value, Sequence) and value and isinstance(value[0], str):  # Keras 2: name, node, tensor, options
        yield value[0]
        return
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
            return
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _histories(inner)


def _names(value: Any) -> list[str]:
    """All strings of nested lists."""
    if isinstance(value, str):
        return [value]
    return [name for inner in value for name in _names(inner)] if isinstance(value, Sequence) else []


def _in_order(specs: Sequence[Any], is_chain: bool, where: str) -> list[Any]:
    """The layers in an order in which each comes after those it reads; Keras lists them in order of creation."""
    if is_chain:
        return list(specs)
    for spec in specs:
        if len(spec["inbound_nodes"]) > 1:
            raise CompressError(
                f"{where} uses the layer {spec['config'].get('name')!r} more than once, and compression cannot change "
                "shared weights: give each use a layer of its own"
            )
    waiting, done, ordered = list(specs), set[str](), list[Any]()
    while waiting:
        ready = [spec for spec in waiting if done.issuperset(_sources(spec))]
        assert ready, "Keras' graphs have no cycles"
        ordered += ready
        done |= {spec["config"]["name"] for spec in ready}
        waiting = [spec for spec in waiting if spec not in ready]
    return ordered


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, with a number appended if a nested model has a layer of the same name."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
