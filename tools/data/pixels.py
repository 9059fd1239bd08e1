"""The range to which a model's pixel values are scaled: 0 … 1, 0 … 255 or -1 … 1."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelError, QuantizeError, UnknownName
from ..model_files import architecture
from ..oracle import signature

RANGES = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0), "-1..1": (-1.0, 1.0)}
UNIT, BYTES, SIGNED = RANGES

# Keras layers that leave pixel values unchanged, besides Random…, and those that apply a constant.
_PASSING = ("InputLayer", "Resizing", "CenterCrop", "ZeroPadding2D", "Reshape", "GetItem", "SlicingOpLambda")
_SCALING = ("Rescaling", "Normalization", "TrueDivide", "Divide", "Multiply", "Subtract", "Add", "TFOpLambda")
_LARGE = 16.0  # constants that are added to, or divide, pixels of 0 … 1 are smaller; factors are above 1 / 16
# What invalid files and unexpected configurations raise; the conversion reports what is wrong with them.
_UNREADABLE = (QuantizeError, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True)
class Range:
    """One of RANGES by name, and the reason for it in words."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"pixels are {self.name}: {self.why}"


def scaled(levels: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float32]:
    """Levels 0 … 255, scaled to the range ``name``."""
    real = levels.astype(np.float32)
    if name == UNIT:
        real /= np.float32(255)
    elif name == SIGNED:
        real /= np.float32(127.5)
        real -= np.float32(1)
    return real


def choose(wanted: str, model: Path | None) -> Range:
    """The range that the user asked for, else the one inferred from the model's file; None is for kerf's own models.

    Raises UnknownName.
    """
    if wanted:
        if wanted not in RANGES:
            raise UnknownName("range of pixels", wanted, RANGES)
        return Range(wanted, "requested with --pixels")
    if model is None:
        return Range(UNIT, "the range of kerf's own models")
    if model.suffix == ".tflite":
        return _of_tflite(model)
    try:
        if model.is_dir():  # a SavedModel has operators and no layers
            return Range(UNIT, f"{model} does not say; override with --pixels")
        return _of_layers(_layers(architecture.read(model).config))
    except _UNREADABLE:
        return Range(UNIT, f"{model} cannot be read; override with --pixels")


def _of_tflite(path: Path) -> Range:
    unknown = Range(UNIT, f"the input of {path.name} does not say; override with --pixels")
    try:
        spec = signature.read(path.read_bytes(), path.name).inputs[0]
    except (OSError, ModelError):
        return unknown
    if spec.dtype == "uint8" and not spec.scale:
        return Range(BYTES, f"the input of {path.name} is uint8")
    if spec.dtype not in ("int8", "uint8", "int16") or not spec.scale:
        return unknown
    limits = np.iinfo(spec.dtype)
    low, high = ((limit - spec.zero_point) * spec.scale for limit in (limits.min, limits.max))
    what = f"the input of {path.name} has the range {low:.3g} … {high:.3g}"
    if high > _LARGE:
        return Range(BYTES, what)
    # An int16 input is always symmetric, also for 0 … 1.
    is_signed = spec.dtype != "int16" and -1.5 < low < -0.75 and 0.75 < high < 1.5
    return Range(SIGNED if is_signed else UNIT, what)


# --- what a Keras model does first ------------------------------------------------------------------------------------


def _layers(model: Any) -> Iterator[Any]:
    """The layers in order, with those of a nested model in its place."""
    for layer in model["config"]["layers"]:
        if "layers" in layer["config"]:
            yield from _layers(layer)
        else:
            yield layer


def _of_layers(layers: Iterator[Any]) -> Range:
    for layer in layers:
        kind, config = layer["class_name"], layer["config"]
        if kind == "InputLayer" and config.get("dtype") == "uint8":
            return Range(BYTES, "the model's input is uint8")
        if kind in _PASSING or kind.startswith("Random"):
            continue
        if kind not in _SCALING:
            break
        if _takes_bytes(kind, config, layer.get("inbound_nodes")):
            return Range(BYTES, f"the model starts with {kind}")
    return Range(UNIT, "the model's first layers do not scale them down")


def _takes_bytes(kind: str, config: Any, calls: Any) -> bool:
    if kind == "Normalization":  # without a mean, it has learned one from the data
        return config.get("mean") is None or any(abs(mean) > _LARGE for mean in _numbers(config["mean"]))
    if kind == "Rescaling":
        scales, offsets = _numbers(config["scale"]), _numbers(config["offset"])
        return any(abs(s) < 1 / _LARGE for s in scales) or any(abs(o) > _LARGE for o in offsets)
    return any(abs(n) > _LARGE or 0 < abs(n) < 1 / _LARGE for n in _numbers(calls))


def _numbers(value: Any) -> Iterator[float]:
    """All numbers in lists and objects, except in those that describe a tensor."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, dict) and value.get("class_name") != "__keras_tensor__":
        yield from _numbers(list(value.values()))
