"""The inputs, outputs and types of a .tflite: enough to run it in an interpreter, not to compile it.

graph/read.py reads the whole model and is stricter.
"""

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..errors import ModelError, UnsupportedModel
from ..graph import ops

IDENTIFIER = b"TFL3"  # file_identifier of the TFLite schema

_NUMPY = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT4: "int4",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
}
_IO_TYPES = frozenset(_NUMPY.values()) - {"int4"}
MAX_TENSOR_BYTES = 1 << 26  # far more than a microcontroller holds; the host's test set has many samples of an input
_TYPE_NAMES = {number: name for name, number in vars(tflite.TensorType).items() if name.isupper()}
_OPERATORS: dict[int, str] = {number: name for name, number in vars(tflite.BuiltinOperator).items() if name.isupper()}


@dataclass(frozen=True)
class TensorSpec:
    """A model input or output. real = scale * (quantized - zero_point); scale is 0 if it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the leading batch axis of 1."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape

    def quantize(self, real: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Quantizes real values; rounds halves away from zero, as TFLM's QUANTIZE does (std::round)."""
        if not self.scale or self.dtype not in ("int8", "uint8", "int16"):
            return real.astype(self.dtype)
        steps = real.astype(np.float32) / np.float32(self.scale)
        rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps)) + self.zero_point
        limits = np.iinfo(self.dtype)
        clipped: npt.NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(self.dtype)
        return clipped

    @property
    def highest(self) -> float:
        """The largest real value that the tensor can hold; infinite if it is not quantized."""
        is_quantized = self.scale and self.dtype in ("int8", "uint8", "int16")
        return float((np.iinfo(self.dtype).max - self.zero_point) * self.scale) if is_quantized else math.inf

    def dequantize(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Dequantizes values to float64."""
        real = values.astype(np.float64)
        return (real - self.zero_point) * self.scale if self.scale else real


@dataclass(frozen=True)
class Signature:
    """``mode`` is one of values.MODES, inferred from the file's types.

    ``is_integer``: no operator uses floats, except those that convert to integers and back, so that TFLM's kernels
    define the result bit for bit. ``tensor_bytes`` is the size of all tensors that are not constants.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    mode: str
    is_integer: bool
    tensor_bytes: int


def read(data: bytes, name: str) -> Signature:
    """The signature of a .tflite's main subgraph.

    ``name`` is the file's name in errors. Raises ModelError for a damaged file and for oversized tensors;
    UnsupportedModel for inputs and outputs of unsupported types, such as strings.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelError(f"{name} is not a .tflite file: it lacks the identifier {IDENTIFIER.decode()!r} at byte 4")
    with damage(name):
        model = tflite.Model.GetRootAs(data, 0)
        if model.SubgraphsLength() < 1:
            raise ModelError(f"{name} contains no graph")
        return _signature(model, model.Subgraphs(0), len(data), name)


def last_operator(data: bytes, name: str) -> str:
    """The kind of the operator that computes the first output of a .tflite, ignoring conversions and reshapes."""
    with damage(name):
        model = tflite.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        makers = {o.Outputs(0): o for o in map(graph.Operators, range(graph.OperatorsLength())) if o.OutputsLength()}
        tensor, kind = graph.Outputs(0), ""
        while operator := makers.pop(tensor, None):
            kind = _kind(model, operator)
            known = ops.lookup(kind)
            if known is None or not (known.converts or known.view):
                break
            tensor = operator.Inputs(0)
        return kind


def _kind(model: Any, operator: Any) -> str:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return _OPERATORS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")


@contextmanager
def damage(name: str) -> Iterator[None]:
    """Converts the exceptions of flatbuffers and NumPy for invalid offsets and lengths to a ModelError."""
    try:
        yield
    except (struct.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(f"{name} is damaged or truncated: export it again ({type(error).__name__})") from error


def _signature(model: Any, graph: Any, size: int, name: str) -> Signature:
    if max(graph.TensorsLength(), graph.OperatorsLength(), graph.InputsLength(), graph.OutputsLength()) > size:
        raise ModelError(f"{name} is damaged or truncated: it claims more tensors than it has bytes")
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    specs = [_tensor_spec(tensor, name) for tensor in tensors]
    constant = [_is_constant(model, tensor) for tensor in tensors]
    inputs = [graph.Inputs(i) for i in range(graph.InputsLength())]
    outputs = [graph.Outputs(i) for i in range(graph.OutputsLength())]
    if not inputs or not outputs:
        raise ModelError(f"{name} has {len(inputs)} inputs and {len(outputs)} outputs: it needs at least one of each")
    for what, index in [("input", i) for i in inputs] + [("output", i) for i in outputs]:
        if specs[index].dtype not in _IO_TYPES:
            kind = _TYPE_NAMES.get(tensors[index].Type(), f"number {tensors[index].Type()}")
            raise UnsupportedModel(
                f"{what} {specs[index].name!r} of {name} has type {kind}, which kerf cannot send to a device; convert "
                "the model to an 8-, 16- or 32-bit type"
            )

    touched = set()  # (dtype, is constant) of each tensor that an operator uses; of converting ones, only constants
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        known = ops.lookup(_kind(model, operator))
        if known is not None and known.converts:
            touched |= {(specs[t].dtype, constant[t]) for t in _used(operator) if constant[t]}
        else:
            touched |= {(specs[t].dtype, constant[t]) for t in _used(operator)}
    variable = [spec for spec, is_constant in zip(specs, constant, strict=True) if not is_constant]
    return Signature(
        tuple(specs[i] for i in inputs),
        tuple(specs[i] for i in outputs),
        _mode(touched),
        not any(dtype.startswith("float") for dtype, _ in touched),
        sum(_bytes(spec) for spec in variable),
    )


def _used(operator: Any) -> list[int]:
    """The indices of the tensors that an operator reads and writes, without absent optional inputs (-1)."""
    used = [operator.Inputs(i) for i in range(operator.InputsLength())]
    used += [operator.Outputs(i) for i in range(operator.OutputsLength())]
    return [tensor for tensor in used if tensor >= 0]


def _mode(touched: set[tuple[str, bool]]) -> str:
    if ("int4", True) in touched:
        return "int4"
    if ("int16", False) in touched:
        return "int16x8"
    if ("int8", False) in touched or ("uint8", False) in touched:
        return "int8"
    if ("int8", True) in touched:
        return "dynamic"
    return "float16" if ("float16", True) in touched else "float32"


def _bytes(spec: TensorSpec) -> int:
    item = np.dtype(spec.dtype).itemsize if spec.dtype in _NUMPY.values() and spec.dtype != "int4" else 8
    return math.prod(spec.shape) * item


def _is_constant(model: Any, tensor: Any) -> bool:
    index = tensor.Buffer()
    return bool(index < model.BuffersLength() and model.Buffers(index).DataLength() > 0)


def _tensor_spec(tensor: Any, name: str) -> TensorSpec:
    shape = tuple(int(tensor.Shape(i)) for i in range(min(tensor.ShapeLength(), 16)))
    if any(size < 0 for size in shape):
        raise ModelError(f"{name} is damaged or truncated: a tensor has the shape {shape}")
    if math.prod(shape) > MAX_TENSOR_BYTES:
        raise ModelError(f"{name} has a tensor of shape {shape}: too large for any microcontroller")
    quantization = tensor.Quantization()
    is_quantized = quantization is not None and quantization.ScaleLength() == 1
    return TensorSpec(
        (tensor.Name() or b"").decode("utf-8", "replace"),
        shape,
        _NUMPY.get(tensor.Type(), f"type {tensor.Type()}"),
        float(quantization.Scale(0)) if is_quantized else 0.0,
        int(quantization.ZeroPoint(0)) if is_quantized and quantization.ZeroPointLength() else 0,
    )
