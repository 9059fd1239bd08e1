"""The import gate: the bytes of a .tflite become a Graph, or one sentence about why they cannot.

The file is walked with the schema package `tflite` and trusted in nothing: every count, offset, length and index is
checked before it is used, so that what comes out is a graph the later stages need not question.
"""

import hashlib
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tflite

from ..errors import ModelError, UnsupportedModel
from . import ops, specification
from .fold import FOLDED, fold, parse_folded
from .ir import DType, Graph, Op, Quantization, Tensor
from .names import layer_names
from .prune import prune

IDENTIFIER = b"TFL3"  # file_identifier of the TFLite schema
MAX_RANK = 8  # no TFLite kernel takes more
MAX_TENSOR_BYTES = 1 << 31
MAX_OPS = 0xFFFF  # the model facade counts operators in 16 bits …
MAX_PORTS = 0xFF  # … and inputs and outputs in 8
CUSTOM = 32  # BuiltinOperator of everything that is none

_DTYPES = {
    tflite.TensorType.FLOAT32: DType.FLOAT32,
    tflite.TensorType.FLOAT16: DType.FLOAT16,
    tflite.TensorType.INT32: DType.INT32,
    tflite.TensorType.UINT8: DType.UINT8,
    tflite.TensorType.INT64: DType.INT64,
    tflite.TensorType.BOOL: DType.BOOL,
    tflite.TensorType.INT16: DType.INT16,
    tflite.TensorType.INT8: DType.INT8,
    tflite.TensorType.INT4: DType.INT4,
}
_TYPE_NAMES = {number: name for name, number in vars(tflite.TensorType).items() if name.isupper()}
# What the flatbuffers runtime and numpy raise when an offset leads out of the file.
_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)
_T = TypeVar("_T")


def read(data: bytes, name: str, *, kernels: bool = True, folded: bool = True) -> Graph:
    """The model in a .tflite, checked; constants are views into ``data``.

    A batch dimension left open is taken as 1; SHAPE, STRIDED_SLICE and PACK of known values are folded away. With
    ``kernels`` every operator has passed its module's check() and can be lowered; without, operators that have no
    module are let through with no attributes, for a runtime that brings its own kernels. Without ``folded`` operators
    and tensors are the file's own, numbered as there, for a runtime that reads the file itself.

    Raises ModelError for bytes that are no .tflite or contradict themselves, UnsupportedModel for a valid model with
    something kerf does not take.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            f"model {name!r} is not a .tflite file ({len(data)} bytes without the identifier TFL3); "
            f"pass the file that TensorFlow's converter wrote"
        )
    with _intact(name):
        model = tflite.Model.GetRootAsModel(data, 0)
        subgraph = _only_subgraph(model, name)
        buffers = _items(model.Buffers, model.BuffersLength(), data, name)
        raw_tensors = _items(subgraph.Tensors, subgraph.TensorsLength(), data, name)
        raw_ops = _items(subgraph.Operators, subgraph.OperatorsLength(), data, name)
        codes = _items(model.OperatorCodes, model.OperatorCodesLength(), data, name)
        inputs = _indices(subgraph.InputsLength, subgraph.InputsAsNumpy, data, name)
        outputs = _indices(subgraph.OutputsLength, subgraph.OutputsAsNumpy, data, name)
        if len(raw_ops) > MAX_OPS:
            raise UnsupportedModel(f"model {name!r} has {len(raw_ops)} operators; kerf takes at most {MAX_OPS}")
        _check_ports(raw_tensors, inputs, outputs, name)
        tensors = tuple(_tensor(i, raw, buffers) for i, raw in enumerate(raw_tensors))
        graph_ops = _operators(raw_ops, codes, tensors, data)
    graph = Graph(name, hashlib.sha256(data).hexdigest(), len(data), tensors, graph_ops, inputs, outputs)
    _check_order(graph)
    if folded:
        graph = fold(graph)
    names = layer_names([(op.kind, _tensor_names(op, graph.tensors)) for op in graph.ops])
    graph = replace(graph, ops=tuple(replace(op, name=n) for op, n in zip(graph.ops, names, strict=True)))
    if kernels:
        check_kernels(graph)
        graph = prune(graph)
    return graph


@contextmanager
def _intact(name: str) -> Iterator[None]:
    """What the flatbuffers runtime raises on a damaged file, as a ModelError."""
    try:
        yield
    except _DAMAGE as damage:
        raise ModelError(
            f"model {name!r} is truncated or damaged ({type(damage).__name__} while reading it); "
            f"copy or convert the file again"
        ) from damage


def _items(get: Callable[[int], _T], count: int, data: bytes, name: str) -> tuple[_T, ...]:
    """All elements of a vector of tables, whose count cannot exceed one 4-byte offset each."""
    if count > len(data) // 4:
        raise ModelError(f"model {name!r} is damaged: a list of {count} entries in {len(data)} bytes; convert it again")
    return tuple(get(i) for i in range(count))


def _indices(length: Callable[[], int], values: Callable[[], Any], data: bytes, name: str) -> tuple[int, ...]:
    """A vector of tensor positions; () when it is absent."""
    count = length()
    if count > len(data) // 4:
        raise ModelError(f"model {name!r} is damaged: a list of {count} entries in {len(data)} bytes; convert it again")
    return tuple(int(i) for i in values()) if count else ()


def _only_subgraph(model: Any, name: str) -> Any:
    if model.Version() != 3:
        raise ModelError(f"model {name!r} has schema version {model.Version()}, kerf reads version 3; convert it again")
    if model.SubgraphsLength() != 1:
        raise UnsupportedModel(
            f"model {name!r} has {model.SubgraphsLength()} subgraphs where kerf takes one; "
            f"convert it without control flow (tf.while, tf.cond, unrolled=False recurrent layers)"
        )
    return model.Subgraphs(0)


# --- tensors ----------------------------------------------------------------------------------------------------------


def _text(raw: Any) -> str:
    """A tensor's name as text; names are bytes in the file, and nothing says they are UTF-8."""
    return (raw.Name() or b"").decode("utf-8", "replace")


def _open_dimensions(raw: Any) -> list[int]:
    """The dimensions whose size the file leaves open (-1), without the batch dimension 0."""
    signature = [raw.ShapeSignature(i) for i in range(min(raw.ShapeSignatureLength(), MAX_RANK))]
    shape = [raw.Shape(i) for i in range(min(raw.ShapeLength(), MAX_RANK))]
    return [i for i, n in enumerate(signature or shape) if n < 0 and i > 0]


def _shape(raw: Any, where: str) -> tuple[int, ...]:
    """The static shape; a batch dimension left open is 1."""
    rank = raw.ShapeLength()
    if rank > MAX_RANK:
        raise ModelError(f"{where} has {rank} dimensions; at most {MAX_RANK} make sense, so convert the model again")
    shape = [int(raw.Shape(i)) for i in range(rank)]
    if shape and shape[0] == -1:
        shape[0] = 1
    if any(n < 0 for n in shape):
        raise UnsupportedModel(
            f"{where} has the dynamic shape {tuple(shape)}; give every Keras Input a fixed shape and convert again"
        )
    return tuple(shape)


def _tensor(index: int, raw: Any, buffers: Sequence[Any]) -> Tensor:
    name = _text(raw)
    where = f"tensor {index} {name!r}"
    dtype = _DTYPES.get(raw.Type())
    if dtype is None:
        kind = _TYPE_NAMES.get(raw.Type(), f"number {raw.Type()}")
        raise UnsupportedModel(f"{where} is of type {kind}, which kerf does not take; try --mode int8")
    if raw.IsVariable():
        raise UnsupportedModel(f"{where} is a variable (it keeps state between runs), which kerf does not take")
    if raw.Sparsity() is not None:
        raise UnsupportedModel(f"{where} is stored sparse, which kerf does not take; convert without sparsity")
    shape = _shape(raw, where)
    if math.prod(shape) * dtype.bytes >= MAX_TENSOR_BYTES:
        raise ModelError(f"{where} of shape {shape} takes {math.prod(shape) * dtype.bytes} bytes; convert again")
    contents = _contents(raw, buffers, dtype, shape, where)
    if dtype is DType.INT4 and contents is None:
        raise UnsupportedModel(f"{where} is computed in int4, which only constants may be; try --mode int8")
    return Tensor(index, name, shape, dtype, _quantization(raw, shape, dtype, where), contents)


def _contents(
    raw: Any, buffers: Sequence[Any], dtype: DType, shape: tuple[int, ...], where: str
) -> npt.NDArray[Any] | None:
    """A constant's values, None for a tensor that is computed."""
    number = raw.Buffer()
    if number >= len(buffers):
        raise ModelError(f"{where} names buffer {number} of {len(buffers)}; the file is damaged, convert it again")
    buffer = buffers[number]
    if buffer.Offset() > 1 or buffer.Size() > 1:  # 0 and 1 are the schema's "inside the flatbuffer"
        raise UnsupportedModel(f"{where} is stored outside the flatbuffer; convert the model to one file below 2 GB")
    size = buffer.DataLength()
    expected = (math.prod(shape) * dtype.bits + 7) // 8
    if number == 0 or (size == 0 and expected != 0):
        return None
    if size != expected:
        raise ModelError(
            f"{where} of shape {shape} and type {dtype.value} needs {expected} bytes, but its buffer has {size}; "
            f"the file is damaged, convert it again"
        )
    if size == 0:
        return np.zeros(shape, dtype.numpy)
    if dtype is DType.INT4:
        return unpack_int4(buffer.DataAsNumpy())[: math.prod(shape)].reshape(shape)
    # Constants are little-endian in the file whatever machine reads it.
    values: npt.NDArray[Any] = buffer.DataAsNumpy().view(np.dtype(dtype.value).newbyteorder("<"))
    return values.reshape(shape)


def unpack_int4(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Two numbers -8 … 7 from each byte, the lower half first."""
    signed = packed.view(np.int8)
    return np.stack([signed << 4 >> 4, signed >> 4], -1).astype(np.int8).ravel()


def _quantization(raw: Any, shape: tuple[int, ...], dtype: DType, where: str) -> Quantization | None:
    table = raw.Quantization()
    count = table.ScaleLength() if table is not None else 0
    if table is None or count == 0 or dtype in (DType.FLOAT32, DType.FLOAT16, DType.BOOL):
        return None
    axis = int(table.QuantizedDimension())
    if count > 1 and (not 0 <= axis < len(shape) or shape[axis] != count):
        raise ModelError(
            f"{where} of shape {shape} has {count} quantization scales along dimension {axis}; "
            f"there must be one for the tensor or one per channel, so convert the model again"
        )
    if table.ZeroPointLength() not in (0, count):
        raise ModelError(
            f"{where} has {count} quantization scales and {table.ZeroPointLength()} zero points; convert it again"
        )
    scales = tuple(float(s) for s in table.ScaleAsNumpy())
    # In int16x8 the converter gives a filter of zeros the scale 0; per channel, so that it is no activation's.
    wrong = next((s for s in scales if not (math.isfinite(s) and (s > 0 or (s == 0 and count > 1)))), None)
    if wrong is not None:
        raise ModelError(
            f"{where} has the quantization scale {wrong}, which must be a positive number; "
            f"check the representative data set for constant or NaN values and convert again"
        )
    zero_points = tuple(int(z) for z in table.ZeroPointAsNumpy()) if table.ZeroPointLength() else (0,) * count
    limits = np.iinfo(dtype.numpy)
    for zero_point in zero_points:
        if not limits.min <= zero_point <= limits.max:
            raise ModelError(f"{where} has the zero point {zero_point}, outside of {dtype.value}; convert it again")
    return Quantization(scales, zero_points, axis if count > 1 else 0)


def _check_ports(raw_tensors: Sequence[Any], inputs: Sequence[int], outputs: Sequence[int], name: str) -> None:
    """There are inputs and outputs, they exist, and the inputs have a fixed shape."""
    for what, indices in (("inputs", inputs), ("outputs", outputs)):
        if not 0 < len(indices) <= MAX_PORTS:
            raise ModelError(f"model {name!r} has {len(indices)} {what}; it needs 1 to {MAX_PORTS}, convert it again")
        for index in indices:
            if not 0 <= index < len(raw_tensors):
                raise ModelError(f"model {name!r} lists tensor {index} of {len(raw_tensors)} among its {what}")
    if len(set(inputs)) != len(inputs):
        raise ModelError(f"model {name!r} lists a tensor twice among its inputs; convert it again")
    for index in inputs:
        raw = raw_tensors[index]
        if _open_dimensions(raw) or (raw.ShapeLength() == 0 and not raw.HasRank()):
            signature = [int(raw.ShapeSignature(i)) for i in range(min(raw.ShapeSignatureLength(), MAX_RANK))]
            raise UnsupportedModel(
                f"input {_text(raw)!r} has the dynamic shape {tuple(signature) or 'of unknown rank'}; "
                f"give the Keras Input a fixed shape (only the batch dimension may be None) and convert again"
            )


# --- operators --------------------------------------------------------------------------------------------------------


def _operators(raw_ops: Sequence[Any], codes: Sequence[Any], tensors: Sequence[Tensor], data: bytes) -> tuple[Op, ...]:
    kinds = [_kind(raw, codes, i) for i, raw in enumerate(raw_ops)]
    wiring = []
    for i, raw in enumerate(raw_ops):
        sides = []
        for what, length, values in (
            ("input", raw.InputsLength, raw.InputsAsNumpy),
            ("output", raw.OutputsLength, raw.OutputsAsNumpy),
        ):
            indices = _indices(length, values, data, f"operator {i} {kinds[i]}")
            for index in indices:
                if not (0 <= index < len(tensors) or (index == -1 and what == "input")):
                    raise ModelError(
                        f"operator {i} {kinds[i]} has tensor {index} as an {what}, but there are {len(tensors)}; "
                        f"the file is damaged, convert it again"
                    )
            sides.append(indices)
        if not sides[1]:
            raise ModelError(f"operator {i} {kinds[i]} has no output; the file is damaged, convert it again")
        wiring.append(sides)
    nameless = [
        Op(i, kind, "", tuple(None if t == -1 else t for t in inputs), outputs)
        for i, (kind, (inputs, outputs)) in enumerate(zip(kinds, wiring, strict=True))
    ]
    names = layer_names([(op.kind, _tensor_names(op, tensors)) for op in nameless])
    named = [replace(op, name=name) for op, name in zip(nameless, names, strict=True)]
    return tuple(replace(op, attributes=_attributes(op, raw)) for op, raw in zip(named, raw_ops, strict=True))


def _tensor_names(op: Op, tensors: Sequence[Tensor]) -> list[str]:
    """The names that may tell which layer this was: the output's, and the weights' (input 1) if they are constant."""
    weights = [tensors[i].name for i in op.inputs[1:2] if i is not None and tensors[i].data is not None]
    return [tensors[op.outputs[0]].name, *weights]


def _kind(raw: Any, codes: Sequence[Any], index: int) -> str:
    """TFLite's name of an operator, ``CUSTOM:name`` for a custom one."""
    if raw.OpcodeIndex() >= len(codes):
        raise ModelError(f"operator {index} has kind {raw.OpcodeIndex()} of {len(codes)}; the file is damaged")
    code = codes[raw.OpcodeIndex()]
    # Writers before schema 3a fill only the 8-bit field, later ones both (see GetBuiltinCode in TFLite).
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == CUSTOM:
        return f"CUSTOM:{(code.CustomCode() or b'').decode('utf-8', 'replace')}"
    kind: str | None = tflite.BUILTIN_OPCODE2NAME.get(number)
    if kind is None:
        raise UnsupportedModel(f"operator {index} is of the unknown kind {number}; convert with TensorFlow 2.21")
    return kind


def _attributes(op: Op, raw: Any) -> Any:
    """The options as the operator's module parses them; None where there is no module."""
    try:
        if op.kind in FOLDED:
            return parse_folded(op.kind, raw)
        return ops.find(op.kind).parse(raw) if op.kind in ops.known() else None
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{op.where}: {error}") from error
    except ModelError as error:
        raise ModelError(f"{op.where}: {error}") from error
    except _DAMAGE as damage:
        raise ModelError(f"{op.where}: its options are damaged; convert the model again") from damage


def _check_order(graph: Graph) -> None:
    """Every tensor has one origin, and operators come after what they read: there are no cycles."""
    ready = {t.index for t in graph.tensors if t.data is not None}
    for index in graph.inputs:
        if index in ready:
            raise ModelError(f"input {graph.tensors[index].name!r} is a constant; convert the model again")
    ready |= set(graph.inputs)
    for op in graph.ops:
        for source in op.inputs:
            if source is not None and source not in ready:
                raise ModelError(
                    f"{op.where} reads tensor {graph.tensors[source].name!r} before any operator has computed it; "
                    f"the file is damaged, convert it again"
                )
        for output in op.outputs:
            if output in ready:
                raise ModelError(f"{op.where} writes tensor {graph.tensors[output].name!r}, which has a value already")
            ready.add(output)
    for index in graph.outputs:
        if index not in ready:
            raise ModelError(f"output {graph.tensors[index].name!r} is computed by no operator; convert the model")


def check_kernels(graph: Graph) -> None:
    """Each operator has a module and passes its module's check."""
    for index in graph.outputs:
        if graph.tensors[index].data is not None:
            raise UnsupportedModel(f"output {graph.tensors[index].name!r} is a constant; remove it from the model")
    for op in graph.ops:
        if op.kind not in ops.known():
            raise UnsupportedModel(
                f"{op.where} has no kernel in runtime aot; replace the layer in the Keras model "
                "(`inv ops` lists what there is)"
            )
        ops.find(op.kind).check(op, graph)
        specification.check(op, graph)
