"""The import gate: the bytes of a .tflite → a Graph, or a one-sentence error.

The file is read with the schema package `tflite`, and nothing in it is trusted: every count, offset, length and index
is checked before it is used, so that later stages can rely on the result. Kernel support is not checked here.
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
from . import blocks, ops
from .ir import DType, Graph, Op, Quantization, Tensor
from .layer_names import layer_names, telling_names

IDENTIFIER = b"TFL3"  # file_identifier of the TFLite schema
MAX_RANK = 8  # no TFLite kernel supports more
MAX_TENSOR_BYTES = 1 << 31
MAX_COMPUTED_BYTES = 1 << 28  # of a tensor that is not a constant: far more RAM than a microcontroller has
MAX_NAME_LETTERS = 200  # the rest would only fill the terminal
MAX_INPUTS = 0xFF  # the model facade counts inputs and outputs in 8 bits
CUSTOM = 32  # BuiltinOperator of every operator that is not built in
MAX_SUBGRAPHS = 1000

_DTYPES = {number: DType[name] for name, number in vars(tflite.TensorType).items() if name in DType.__members__}
_QUANTIZED = tuple(dtype for dtype in DType if np.issubdtype(dtype.numpy, np.integer))
_TYPE_NAMES = {number: name for name, number in vars(tflite.TensorType).items() if name.isupper()}
# The exceptions of the flatbuffers runtime and NumPy for an offset outside the file.
_DAMAGE = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)
_T = TypeVar("_T")


def read(data: bytes, name: str) -> Graph:
    """The model in a .tflite, unchanged; constants are views into ``data``.

    An open batch dimension is read as 1. Unknown operators get no attributes.

    Raises ModelError for a file that is not a .tflite or inconsistent, UnsupportedModel for a valid model with tensors
    that kerf cannot represent.
    """
    if len(data) < 8 or data[4:8] != IDENTIFIER:
        raise ModelError(
            f"model {name!r} is not a .tflite file ({len(data)} bytes without the identifier TFL3); "
            f"give --model a file written by TensorFlow's converter"
        )
    with _intact(name):
        model = tflite.Model.GetRootAsModel(data, 0)
        if model.Version() != 3:
            raise ModelError(
                f"model {name!r} has schema version {model.Version()}, but kerf reads version 3; convert it again"
            )
        if model.SubgraphsLength() > MAX_SUBGRAPHS:
            raise ModelError(f"model {name!r} has {model.SubgraphsLength()} subgraphs; convert it again")
        buffers = _items(model.Buffers, model.BuffersLength(), data, name)
        codes = _items(model.OperatorCodes, model.OperatorCodesLength(), data, name)
        subgraphs = _items(model.Subgraphs, model.SubgraphsLength(), data, name)
        if not subgraphs:
            raise ModelError(f"model {name!r} has no subgraph; convert it again")
        graphs = [_graph(raw, i == 0, buffers, codes, data, name) for i, raw in enumerate(subgraphs)]
    for graph in graphs:
        _check_order(graph)
    main, *others = blocks.attached(graphs)
    return replace(main, subgraphs=tuple(others))


def _graph(raw: Any, is_main: bool, buffers: Sequence[Any], codes: Sequence[Any], data: bytes, name: str) -> Graph:
    """One subgraph of the file; only the main one must have inputs and outputs."""
    raw_tensors = _items(raw.Tensors, raw.TensorsLength(), data, name)
    raw_ops = _items(raw.Operators, raw.OperatorsLength(), data, name)
    inputs = _indices(raw.InputsLength, raw.InputsAsNumpy, data, name)
    outputs = _indices(raw.OutputsLength, raw.OutputsAsNumpy, data, name)
    if len(raw_ops) > blocks.MAX_OPS:
        raise UnsupportedModel(f"model {name!r} has {len(raw_ops)} operators; kerf supports at most {blocks.MAX_OPS}")
    _check_inputs_and_outputs(raw_tensors, inputs, outputs, name, is_main)
    tensors = tuple(_tensor(i, tensor, buffers, i in inputs) for i, tensor in enumerate(raw_tensors))
    graph_ops = _operators(raw_ops, codes, tensors, data)
    return Graph(name, hashlib.sha256(data).hexdigest(), len(data), tensors, graph_ops, inputs, outputs)


@contextmanager
def _intact(name: str) -> Iterator[None]:
    """Converts the flatbuffers runtime's exceptions for a damaged file to a ModelError."""
    try:
        yield
    except _DAMAGE as damage:
        raise ModelError(
            f"model {name!r} is truncated or damaged ({type(damage).__name__} while reading it); "
            f"copy or convert the file again"
        ) from damage


def _items(get: Callable[[int], _T], count: int, data: bytes, name: str) -> tuple[_T, ...]:
    """All elements of a vector of tables, each of which takes at least 4 bytes for its offset."""
    if count > len(data) // 4:
        raise ModelError(f"model {name!r} is damaged: a list of {count} entries in {len(data)} bytes; convert it again")
    return tuple(get(i) for i in range(count))


def _indices(length: Callable[[], int], values: Callable[[], Any], data: bytes, name: str) -> tuple[int, ...]:
    """A vector of tensor positions; () if it is absent."""
    count = length()
    if count > len(data) // 4:
        raise ModelError(f"model {name!r} is damaged: a list of {count} entries in {len(data)} bytes; convert it again")
    return tuple(int(i) for i in values()) if count else ()


# --- tensors ----------------------------------------------------------------------------------------------------------


def _text(raw: Any) -> str:
    """A tensor's name as text."""
    return _shown(raw.Name())


def _shown(raw: bytes | None) -> str:
    """A name as text, cut if it is very long; in the file, names are bytes and not necessarily UTF-8."""
    name = (raw or b"").decode("utf-8", "replace")
    return name if len(name) <= MAX_NAME_LETTERS else f"{name[: MAX_NAME_LETTERS - 1]}…"


def _open_dimensions(raw: Any) -> list[int]:
    """The dimensions of unknown size (-1), except the batch dimension 0."""
    signature = [raw.ShapeSignature(i) for i in range(min(raw.ShapeSignatureLength(), MAX_RANK))]
    shape = [raw.Shape(i) for i in range(min(raw.ShapeLength(), MAX_RANK))]
    return [i for i, n in enumerate(signature or shape) if n < 0 and i > 0]


def _shape(raw: Any, where: str) -> tuple[int, ...]:
    """The static shape; an open batch dimension is 1."""
    rank = raw.ShapeLength()
    if rank > MAX_RANK:
        raise ModelError(f"{where} has {rank} dimensions, but TFLite supports {MAX_RANK}; convert the model again")
    shape = [int(raw.Shape(i)) for i in range(rank)]
    if shape and shape[0] == -1:
        shape[0] = 1
    if any(n < 0 for n in shape):
        raise UnsupportedModel(
            f"{where} has the dynamic shape {tuple(shape)}; give every Keras Input a fixed shape and convert again"
        )
    return tuple(shape)


def _tensor(index: int, raw: Any, buffers: Sequence[Any], is_fed: bool) -> Tensor:
    """A tensor; one that is fed before each inference has no state, whatever the file says."""
    name = _text(raw)
    where = f"tensor {index} {name!r}"
    dtype = _DTYPES.get(raw.Type())
    if dtype is None:
        kind = _TYPE_NAMES.get(raw.Type(), f"number {raw.Type()}")
        raise UnsupportedModel(f"{where} is of type {kind}, which kerf does not support; try --mode int8")
    if raw.Sparsity() is not None:
        raise UnsupportedModel(f"{where} is stored sparse, which kerf does not support; convert without sparsity")
    shape = _shape(raw, where)
    if math.prod(shape) * dtype.bytes >= MAX_TENSOR_BYTES:
        raise ModelError(f"{where} of shape {shape} takes {math.prod(shape) * dtype.bytes} bytes; convert again")
    contents = _contents(raw, buffers, dtype, shape, where)
    if contents is None and math.prod(shape) * dtype.bytes > MAX_COMPUTED_BYTES:
        raise ModelError(
            f"{where} of shape {shape} takes {math.prod(shape) * dtype.bytes} bytes, more than any microcontroller has"
        )
    if contents is not None and raw.IsVariable():
        raise ModelError(f"{where} is both a constant and a state, which no interpreter accepts; convert it again")
    if dtype is DType.INT4 and contents is None:
        raise UnsupportedModel(f"{where} is computed in int4, which only constants may have; try --mode int8")
    quantization = _quantization(raw, shape, dtype, where)
    initial = None if is_fed else _initial(raw, shape, dtype)
    return Tensor(index, name, shape, dtype, quantization, contents, initial)


def _initial(raw: Any, shape: tuple[int, ...], dtype: DType) -> npt.NDArray[Any] | None:
    """The initial value of a state tensor, which keeps its value between inferences; None for other tensors.

    TFLM: MicroInterpreterGraph::ResetTensorData fills int8 with the lowest byte of the first zero point, whether there
    is a scale or not, and all other types with 0.
    """
    if not raw.IsVariable():
        return None
    table = raw.Quantization()
    zero_point = int(table.ZeroPoint(0)) if dtype is DType.INT8 and table and table.ZeroPointLength() else 0
    return np.full(shape, np.array(zero_point).astype(dtype.numpy), dtype.numpy)


def _contents(
    raw: Any, buffers: Sequence[Any], dtype: DType, shape: tuple[int, ...], where: str
) -> npt.NDArray[Any] | None:
    """A constant's values; None for a computed tensor."""
    number = raw.Buffer()
    if number >= len(buffers):
        raise ModelError(f"{where} refers to buffer {number} of {len(buffers)}; the file is damaged, convert it again")
    buffer = buffers[number]
    if buffer.Offset() > 1 or buffer.Size() > 1:  # 0 and 1 are the schema's "inside the flatbuffer"
        raise UnsupportedModel(f"{where} is stored outside the flatbuffer; convert the model to one file below 2 GB")
    size = buffer.DataLength()
    expected = (math.prod(shape) * dtype.bits + 7) // 8
    if number == 0 or dtype is DType.RESOURCE or (size == 0 and expected != 0):
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
    # Constants are little-endian in the file on every machine.
    values: npt.NDArray[Any] = buffer.DataAsNumpy().view(np.dtype(dtype.value).newbyteorder("<"))
    return values.reshape(shape)


def unpack_int4(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Two numbers -8 … 7 from each byte, the low nibble first."""
    signed = packed.view(np.int8)
    return np.stack([signed << 4 >> 4, signed >> 4], -1).astype(np.int8).ravel()


def _quantization(raw: Any, shape: tuple[int, ...], dtype: DType, where: str) -> Quantization | None:
    table = raw.Quantization()
    count = table.ScaleLength() if table is not None else 0
    # TFLM takes a tensor without zero points as not quantized (MicroAllocator: InitializeTfLiteTensorFromFlatbuffer).
    if table is None or count == 0 or table.ZeroPointLength() == 0 or dtype not in _QUANTIZED:
        return None
    # For a bias, which has one dimension, some converters write an invalid value here, and no interpreter reads it.
    axis = 0 if len(shape) == 1 else int(table.QuantizedDimension())
    if count > 1 and (not 0 <= axis < len(shape) or shape[axis] != count):
        raise ModelError(
            f"{where} of shape {shape} has {count} quantization scales along dimension {axis}, but needs "
            f"one per tensor or one per channel; convert the model again"
        )
    if table.ZeroPointLength() != count:
        raise ModelError(
            f"{where} has {count} quantization scales and {table.ZeroPointLength()} zero points; convert it again"
        )
    scales = tuple(float(s) for s in table.ScaleAsNumpy())
    # In int16x8, the converter gives an all-zero filter the scale 0; this occurs only in per-channel quantization.
    wrong = next((s for s in scales if not (math.isfinite(s) and (s > 0 or (s == 0 and count > 1)))), None)
    if wrong is not None:
        raise ModelError(
            f"{where} has the quantization scale {wrong}, which must be a positive number; "
            f"check the representative data set for constant or NaN values and convert again"
        )
    zero_points = tuple(int(z) for z in table.ZeroPointAsNumpy())
    limits = np.iinfo(dtype.numpy)
    for zero_point in zero_points:
        if not limits.min <= zero_point <= limits.max:
            raise ModelError(f"{where} has the zero point {zero_point}, outside {dtype.value}; convert it again")
    return Quantization(scales, zero_points, axis if count > 1 else 0)


def _check_inputs_and_outputs(
    raw_tensors: Sequence[Any], inputs: Sequence[int], outputs: Sequence[int], name: str, is_main: bool
) -> None:
    """Checks that inputs and outputs exist, that the main graph has some, and that its inputs have a fixed shape."""
    for what, indices in (("inputs", inputs), ("outputs", outputs)):
        if not is_main <= len(indices) <= MAX_INPUTS:
            raise ModelError(f"model {name!r} has {len(indices)} {what}; it needs 1 to {MAX_INPUTS}, convert it again")
        for index in indices:
            if not 0 <= index < len(raw_tensors):
                raise ModelError(f"model {name!r} lists tensor {index} of {len(raw_tensors)} among its {what}")
    if len(set(inputs)) != len(inputs):
        raise ModelError(f"model {name!r} lists a tensor twice among its inputs; convert it again")
    for index in inputs if is_main else ():
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
        if not sides[1] and not _needs_no_output(kinds[i]):
            raise ModelError(f"operator {i} {kinds[i]} has no output; the file is damaged, convert it again")
        wiring.append(sides)
    nameless = [
        Op(i, kind, "", tuple(None if t == -1 else t for t in inputs), outputs, position=i)
        for i, (kind, (inputs, outputs)) in enumerate(zip(kinds, wiring, strict=True))
    ]
    names = layer_names([(op.kind, telling_names(op, tensors)) for op in nameless])
    named = [replace(op, name=name) for op, name in zip(nameless, names, strict=True)]
    return tuple(replace(op, attributes=_attributes(op, raw)) for op, raw in zip(named, raw_ops, strict=True))


def _needs_no_output(kind: str) -> bool:
    """Whether an operator uses variables and so may have an effect without an output."""
    operator = ops.lookup(kind)
    return operator is not None and operator.state is not None


def _kind(raw: Any, codes: Sequence[Any], index: int) -> str:
    """TFLite's name of an operator; for a custom one, that of its module, or ``CUSTOM:name``."""
    if raw.OpcodeIndex() >= len(codes):
        raise ModelError(f"operator {index} has kind {raw.OpcodeIndex()} of {len(codes)}; the file is damaged")
    code = codes[raw.OpcodeIndex()]
    # Writers before schema 3a set only the 8-bit field, later ones both (see GetBuiltinCode in TFLite).
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == CUSTOM:
        name = _shown(code.CustomCode())
        return ops.custom(name) or f"CUSTOM:{repr(name)[1:-1]}"  # one line, whatever the file has in it
    kind: str | None = tflite.BUILTIN_OPCODE2NAME.get(number)
    if kind is None:
        raise UnsupportedModel(f"operator {index} is of unknown kind {number}; convert with TensorFlow 2.21")
    return kind


def _attributes(op: Op, raw: Any) -> Any:
    """The options, parsed by the operator's module; None if there is no module."""
    try:
        operator = ops.lookup(op.kind)
        return operator.parse(raw) if operator is not None else None
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{op.where}: {error}") from error
    except ModelError as error:
        raise ModelError(f"{op.where}: {error}") from error
    except _DAMAGE as damage:
        raise ModelError(f"{op.where}: its options are damaged; convert the model again") from damage


def _check_order(graph: Graph) -> None:
    """Checks that every tensor is written once and before it is read, so that there are no cycles.

    A variable has a value before it is written; only an operator that updates it may write it.
    """
    ready = {t.index for t in graph.tensors if t.data is not None}
    for index in graph.inputs:
        if index in ready:
            raise ModelError(f"input {graph.tensors[index].name!r} is a constant; convert the model again")
    states = {t.index for t in graph.states}
    ready |= {*graph.inputs, *states}
    for op in graph.ops:
        for source in op.inputs:
            if source is not None and source not in ready:
                raise ModelError(
                    f"{op.where} reads tensor {graph.tensors[source].name!r} before any operator has computed it; "
                    f"the file is damaged, convert it again"
                )
        operator = ops.lookup(op.kind)
        updated = states if operator is not None and operator.updates_output else set()
        for output in op.outputs:
            if output in ready - updated:
                raise ModelError(f"{op.where} writes tensor {graph.tensors[output].name!r}, which already has a value")
            ready.add(output)
    hidden = states.difference(*(op.outputs for op in graph.ops))
    for index in graph.outputs:
        if index in hidden:
            raise UnsupportedModel(
                f"output {graph.tensors[index].name!r} is a state, which no operator has as its output; "
                "remove it from the outputs"
            )
        if index not in ready:
            raise ModelError(f"no operator computes output {graph.tensors[index].name!r}; convert the model again")
