"""Builds valid .tflite files of one or a few operators from a description, for the tests of kernels and of the reader.

    x = TensorSpec((1, 4, 4, 3), "int8", scale=0.5, zero_point=-3)
    w = TensorSpec((8, 3, 3, 3), "int8", scale=[0.01] * 8, data=weights)
    y = TensorSpec((1, 4, 4, 8), "int8", scale=0.1)
    single_op("CONV_2D", [x, w, None], [y], "Conv2DOptions", Padding=tflite.Padding.SAME, StrideW=1, StrideH=1, …)

Specs are compared by identity: the same object used twice is the same tensor. A tensor with data is a constant. The
model's inputs are the other tensors that operators read and no operator computes, except variables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from flatbuffers import flexbuffers

CUSTOM = "CUSTOM:"  # in front of the name of a custom operator, whose options are a flexbuffer


@dataclass(frozen=True, eq=False)
class TensorSpec:
    """One tensor. ``scale`` is a number (per tensor), a sequence (per channel along ``axis``) or None (not quantized);
    ``zero_point`` likewise a number for all scales or one per scale. An input is fed 0 … ``below`` - 1 if
    ``below`` is given. A ``variable`` is state, which operators keep from one inference to the next."""

    shape: Sequence[int]
    dtype: str = "int8"
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    axis: int = 0
    data: Any = None
    name: str = ""
    below: int | None = None
    variable: bool = False

    @property
    def is_computed(self) -> bool:
        """Whether an operator or the caller of the model makes it, before each inference."""
        return self.data is None and not self.variable


@dataclass(frozen=True, eq=False)
class GraphSpec:
    """A subgraph. The option of an operator that has it as value gets its number."""

    ops: Sequence["OpSpec"]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]


@dataclass(frozen=True, eq=False)
class OpSpec:
    """One operator: TFLite's name, tensors (None = absent optional input) and options by the schema's field names."""

    kind: str
    inputs: Sequence[TensorSpec | None]
    outputs: Sequence[TensorSpec]
    options_table: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def single_op(
    kind: str,
    inputs: Sequence[TensorSpec | None],
    outputs: Sequence[TensorSpec],
    options_table: str | None = None,
    **options: Any,
) -> bytes:
    """A .tflite with one operator."""
    return build([OpSpec(kind, inputs, outputs, options_table, options)])


def build(
    ops: Sequence[OpSpec],
    inputs: Sequence[TensorSpec] | None = None,
    outputs: Sequence[TensorSpec] | None = None,
) -> bytes:
    """A .tflite with these operators in this order.

    Without ``inputs`` and ``outputs`` the model takes every tensor that is neither constant nor made by an operator,
    and gives every tensor that no operator uses.
    """
    used = _unique(t for op in ops for t in op.inputs if t is not None)
    made = _unique(t for op in ops for t in op.outputs)
    if inputs is None:
        inputs = [t for t in used if t.is_computed and not _contains(made, t)]
    if outputs is None:
        outputs = [t for t in made if not _contains(used, t)]
    graphs = _graphs(GraphSpec(ops, inputs, outputs))
    tensors = [_tensors(graph) for graph in graphs]
    constants = [t for each in tensors for t in each if t.data is not None]
    kinds = list(dict.fromkeys(op.kind for graph in graphs for op in graph.ops))

    b = flatbuffers.Builder(1024)
    buffer_of = {id(t): i + 1 for i, t in enumerate(constants)}
    buffer_offsets = [_buffer(b, data) for data in (b"", *map(_bytes, constants))]
    subgraphs = _offsets(
        b,
        [_subgraph(b, graph, each, buffer_of, kinds, graphs) for graph, each in zip(graphs, tensors, strict=True)],
    )
    codes = _offsets(b, [_operator_code(b, kind) for kind in kinds])
    buffers_vector = _offsets(b, buffer_offsets)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, codes)
    tflite.ModelAddSubgraphs(b, subgraphs)
    tflite.ModelAddBuffers(b, buffers_vector)
    b.Finish(tflite.ModelEnd(b), file_identifier=b"TFL3")
    return bytes(b.Output())


def _graphs(main: GraphSpec) -> list[GraphSpec]:
    """A graph and all that its operators run, each once."""
    found = [main]
    for graph in found:  # which grows
        inner = [value for op in graph.ops for value in op.options.values() if isinstance(value, GraphSpec)]
        found += [each for i, each in enumerate(inner) if each not in found and each not in inner[:i]]
    return found


def _tensors(graph: GraphSpec) -> list[TensorSpec]:
    used = [t for op in graph.ops for t in op.inputs if t is not None]
    return _unique([*graph.inputs, *used, *(t for op in graph.ops for t in op.outputs), *graph.outputs])


def _subgraph(
    b: Any,
    graph: GraphSpec,
    tensors: Sequence[TensorSpec],
    buffer_of: Mapping[int, int],
    kinds: Sequence[str],
    graphs: Sequence[GraphSpec],
) -> int:
    index = {id(tensor): i for i, tensor in enumerate(tensors)}
    tensors_vector = _offsets(b, [_tensor(b, t, i, buffer_of.get(id(t), 0)) for i, t in enumerate(tensors)])
    ops_vector = _offsets(b, [_operator(b, op, kinds.index(op.kind), index, graphs) for op in graph.ops])
    inputs_vector = b.CreateNumpyVector(np.array([index[id(t)] for t in graph.inputs], np.int32))
    outputs_vector = b.CreateNumpyVector(np.array([index[id(t)] for t in graph.outputs], np.int32))
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tensors_vector)
    tflite.SubGraphAddInputs(b, inputs_vector)
    tflite.SubGraphAddOutputs(b, outputs_vector)
    tflite.SubGraphAddOperators(b, ops_vector)
    return int(tflite.SubGraphEnd(b))


def _contains(tensors: Sequence[TensorSpec], tensor: TensorSpec) -> bool:
    return any(t is tensor for t in tensors)


def _unique(tensors: Any) -> list[TensorSpec]:
    return list({id(t): t for t in tensors}.values())


def _bytes(tensor: TensorSpec) -> bytes:
    data = np.asarray(tensor.data)
    if tensor.dtype == "int4":  # two to the byte, the first in the lower half
        assert data.dtype == "int8" and data.shape == tuple(tensor.shape) and data.min() >= -8 and data.max() <= 7
        halves = np.resize(data.view(np.uint8) & 15, (data.size + 1) // 2 * 2)
        return (halves[::2] | halves[1::2] << 4).tobytes()
    assert data.dtype == tensor.dtype and data.shape == tuple(tensor.shape), (
        f"{tensor}: data is {data.dtype} {data.shape}"
    )
    return data.tobytes()


def _offsets(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: Any, data: bytes) -> int:
    vector = None
    if data:
        b.StartVector(1, len(data), 16)  # interpreters use constants where they lie
        b.head = b.Head() - len(data)
        b.Bytes[b.Head() : b.Head() + len(data)] = data
        vector = b.EndVector()
    tflite.BufferStart(b)
    if vector is not None:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _tensor(b: Any, tensor: TensorSpec, index: int, buffer: int) -> int:
    quantization = None
    if tensor.scale is not None:
        scales = np.atleast_1d(np.array(tensor.scale, np.float32))
        zero_points = np.broadcast_to(np.array(tensor.zero_point, np.int64), scales.shape)
        scale_vector = b.CreateNumpyVector(scales)
        zero_vector = b.CreateNumpyVector(np.ascontiguousarray(zero_points))
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scale_vector)
        tflite.QuantizationParametersAddZeroPoint(b, zero_vector)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    shape = b.CreateNumpyVector(np.array(tensor.shape, np.int32))
    name = b.CreateString(tensor.name or f"tensor{index}")
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, getattr(tflite.TensorType, tensor.dtype.upper()))
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    tflite.TensorAddIsVariable(b, tensor.variable)
    return tflite.TensorEnd(b)


def _operator_code(b: Any, kind: str) -> int:
    custom = b.CreateString(kind.removeprefix(CUSTOM)) if kind.startswith(CUSTOM) else None
    code = tflite.BuiltinOperator.CUSTOM if custom else getattr(tflite.BuiltinOperator, kind)
    tflite.OperatorCodeStart(b)
    if custom:
        tflite.OperatorCodeAddCustomCode(b, custom)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    tflite.OperatorCodeAddVersion(b, 1)
    tflite.OperatorCodeAddBuiltinCode(b, code)
    return tflite.OperatorCodeEnd(b)


def _options(b: Any, table: str, fields: Mapping[str, Any], graphs: Sequence[GraphSpec]) -> int:
    values = {name: _stored(b, value, graphs) for name, value in fields.items()}
    getattr(tflite, f"{table}Start")(b)
    for name, value in values.items():
        getattr(tflite, f"{table}Add{name}")(b, value)
    return getattr(tflite, f"{table}End")(b)


def _stored(b: Any, value: Any, graphs: Sequence[GraphSpec]) -> Any:
    """A field's number, or the offset of its list or text."""
    if isinstance(value, GraphSpec):
        return graphs.index(value)
    if isinstance(value, (list, tuple)):
        return b.CreateNumpyVector(np.array(value, np.int32))
    return b.CreateString(value) if isinstance(value, str) else value


def _operator(b: Any, op: OpSpec, opcode: int, index: Mapping[int, int], graphs: Sequence[GraphSpec]) -> int:
    options = None if op.options_table is None else _options(b, op.options_table, op.options, graphs)
    custom = b.CreateByteVector(bytes(flexbuffers.Dumps(dict(op.options)))) if op.kind.startswith(CUSTOM) else None
    inputs = b.CreateNumpyVector(np.array([-1 if t is None else index[id(t)] for t in op.inputs], np.int32))
    outputs = b.CreateNumpyVector(np.array([index[id(t)] for t in op.outputs], np.int32))
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, opcode)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if custom is not None:
        tflite.OperatorAddCustomOptions(b, custom)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options_table))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)
