"""Writes .tflite files field by field, including invalid ones, for the tests of the reader."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import tflite
from tflite.utils import BUILTIN_OPCODE2NAME

CODES = {name: code for code, name in BUILTIN_OPCODE2NAME.items()}


@dataclass(frozen=True)
class RawTensor:
    """Fields of the schema's Tensor; ``buffer`` is a position in the file's buffers."""

    name: str | bytes = "t"
    shape: Sequence[int] = (1, 4)
    type: int = tflite.TensorType.INT8
    buffer: int = 0
    signature: Sequence[int] | None = None
    scales: Sequence[float] = (0.5,)
    zero_points: Sequence[int] = (0,)
    axis: int = 0
    variable: bool = False
    sparse: bool = False


@dataclass(frozen=True)
class RawOp:
    """``kind`` is TFLite's name, or a number without a name; RELU has no options and suits most tests."""

    inputs: Sequence[int] = (0,)
    outputs: Sequence[int] = (1,)
    kind: str | int = "RELU"
    custom: str | None = None
    options: str | None = None  # the schema's table, with all fields at their defaults


@dataclass(frozen=True)
class RawModel:
    """By default: one RELU from tensor 0 to tensor 1."""

    tensors: Sequence[RawTensor] = (RawTensor("in"), RawTensor("out"))
    ops: Sequence[RawOp] = (RawOp(),)
    inputs: Sequence[int] = (0,)
    outputs: Sequence[int] = (1,)
    buffers: Sequence[bytes] = (b"",)
    subgraphs: int = 1
    version: int = 3
    external: tuple[int, int] | None = None  # offset and size written into the last buffer
    identifier: bytes = field(default=b"TFL3")

    def data(self) -> bytes:
        b = flatbuffers.Builder(1024)
        subgraphs = _vector(b, [self._subgraph(b) for _ in range(self.subgraphs)])
        codes = []
        for op in self.ops:
            custom = b.CreateString(op.custom) if op.custom is not None else None
            number = CODES.get(op.kind, op.kind) if isinstance(op.kind, str) else op.kind
            tflite.OperatorCodeStart(b)
            tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
            tflite.OperatorCodeAddBuiltinCode(b, number)
            if custom is not None:
                tflite.OperatorCodeAddCustomCode(b, custom)
            codes.append(tflite.OperatorCodeEnd(b))
        codes_vector = _vector(b, codes)
        buffers = []
        for i, contents in enumerate(self.buffers):
            vector = b.CreateByteVector(contents) if contents else None
            tflite.BufferStart(b)
            if vector is not None:
                tflite.BufferAddData(b, vector)
            if self.external and i == len(self.buffers) - 1:
                tflite.BufferAddOffset(b, self.external[0])
                tflite.BufferAddSize(b, self.external[1])
            buffers.append(tflite.BufferEnd(b))
        buffers_vector = _vector(b, buffers)
        tflite.ModelStart(b)
        tflite.ModelAddVersion(b, self.version)
        tflite.ModelAddOperatorCodes(b, codes_vector)
        tflite.ModelAddSubgraphs(b, subgraphs)
        tflite.ModelAddBuffers(b, buffers_vector)
        b.Finish(tflite.ModelEnd(b), file_identifier=self.identifier)
        return bytes(b.Output())

    def _subgraph(self, b: Any) -> int:
        tensors = _vector(b, [_tensor(b, tensor) for tensor in self.tensors])
        ops = []
        for i, op in enumerate(self.ops):
            inputs, outputs = _ints(b, op.inputs), _ints(b, op.outputs)
            if op.options is not None:
                getattr(tflite, f"{op.options}Start")(b)
                options = getattr(tflite, f"{op.options}End")(b)
            tflite.OperatorStart(b)
            if op.options is not None:
                tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, op.options))
                tflite.OperatorAddBuiltinOptions(b, options)
            tflite.OperatorAddOpcodeIndex(b, i)
            tflite.OperatorAddInputs(b, inputs)
            tflite.OperatorAddOutputs(b, outputs)
            ops.append(tflite.OperatorEnd(b))
        ops_vector = _vector(b, ops)
        inputs, outputs = _ints(b, self.inputs), _ints(b, self.outputs)
        tflite.SubGraphStart(b)
        tflite.SubGraphAddTensors(b, tensors)
        tflite.SubGraphAddInputs(b, inputs)
        tflite.SubGraphAddOutputs(b, outputs)
        tflite.SubGraphAddOperators(b, ops_vector)
        return tflite.SubGraphEnd(b)


def _tensor(b: Any, tensor: RawTensor) -> int:
    name, shape = b.CreateString(tensor.name), _ints(b, tensor.shape)
    signature = _ints(b, tensor.signature) if tensor.signature is not None else None
    quantization = None
    if tensor.scales or any(tensor.zero_points):
        scales = _numbers(b, tensor.scales, 4, b.PrependFloat32)
        zero_points = _numbers(b, tensor.zero_points, 8, b.PrependInt64)
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, scales)
        tflite.QuantizationParametersAddZeroPoint(b, zero_points)
        tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    sparsity = None
    if tensor.sparse:
        tflite.SparsityParametersStart(b)
        sparsity = tflite.SparsityParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddName(b, name)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, tensor.type)
    tflite.TensorAddBuffer(b, tensor.buffer)
    if signature is not None:
        tflite.TensorAddShapeSignature(b, signature)
    if quantization is not None:
        tflite.TensorAddQuantization(b, quantization)
    if sparsity is not None:
        tflite.TensorAddSparsity(b, sparsity)
    tflite.TensorAddIsVariable(b, tensor.variable)
    return tflite.TensorEnd(b)


def _vector(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _ints(b: Any, values: Sequence[int]) -> int:
    return _numbers(b, values, 4, b.PrependInt32)


def _numbers(b: Any, values: Sequence[Any], size: int, prepend: Any) -> int:
    b.StartVector(size, len(values), size)
    for value in reversed(values):
        prepend(value)
    return b.EndVector()
