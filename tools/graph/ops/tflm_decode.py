"""TFLM_DECODE, a custom operator: constants that TFLM's compression stored in fewer bits; passes/fold.py decodes them.

It has two inputs for each output: the encoded elements, and ancillary data with a header of 16 bytes and a table. Must
equal TFLM: decode.cc and decode_state_{lut,huffman,prune}.cc in tensorflow/lite/micro/kernels.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ModelError, UnsupportedModel, counted
from ..ir import DType, Graph, Op, Tensor
from ..operator import Operator
from ._quantized import check_present, describe

HEADER_BYTES = 16
MAX_BYTES = 1 << 24  # of a decoded constant, more than a microcontroller's flash
METHOD, VERSION, METHOD_VERSION, PARAMETERS, STRIDE = 0, 1, 4, 5, 6  # bytes of the header
MOVED = (DType.BOOL, DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32, DType.INT64)

Array = npt.NDArray[Any]
# (header, encoded elements, table, output) → the elements in order. Raises ValueError if they contradict each other.
Decode = Callable[[bytes, bytes, bytes, Tensor], Array]


def _lookup(header: bytes, encoded: bytes, table: bytes, output: Tensor) -> Array:
    """Indices of 1 to 7 bits, the highest bit first, into a table of values for each channel."""
    width = header[PARAMETERS] & 7
    if width == 0:
        raise ValueError("indices of 0 bits")
    bits = _bits(encoded, width * output.elements).reshape(-1, width)
    positions = bits @ (1 << np.arange(width)[::-1]) + header[STRIDE] * _channels(output)
    return _values(table, output, int(positions.max()) + 1)[positions]


def _pruned(header: bytes, encoded: bytes, table: bytes, output: Tensor) -> Array:
    """A bit for each element, the highest first: whether it is the table's next value, or its channel's zero point."""
    zero_points = np.array((0,) if output.quantization is None else output.quantization.zero_points)
    if output.dtype is not DType.INT8 and zero_points.any():
        raise ValueError(f"a zero point other than 0 of {output.dtype.value}")
    elements = zero_points[_channels(output)].astype(output.dtype.numpy)
    kept = _bits(encoded, output.elements) != 0
    elements[kept] = _values(table, output, int(kept.sum()))
    return elements


def _huffman(header: bytes, encoded: bytes, table: bytes, output: Tensor) -> Array:
    """Codewords, looked up in tables that follow each other.

    An entry with its highest bit set is an element and the number of bits that its codeword has in this table. Any
    other is the distance to the next table and the number of bits that it is looked up with, minus 1.
    """
    size, found, shift = (4, 1 << 31, 27) if header[PARAMETERS] & 1 else (2, 1 << 15, 11)
    if size < output.dtype.bytes + 1:
        raise ValueError(f"entries of {size} bytes for {output.dtype.value}")
    entries = np.frombuffer(table, f"<u{size}", len(table) // size).tolist()
    first, end = (header[PARAMETERS] >> 4) + 1, 8 * len(encoded)
    padded = np.frombuffer(encoded + bytes(4), np.uint8).astype(np.uint32)
    words = (padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]).tolist()  # from each byte on
    elements: list[int] = []
    count, at = output.elements, 0  # at: a position in bits
    while len(elements) < count:
        begin, base, width = at, 0, first
        while True:
            bits = words[at >> 3] >> (32 - (at & 7) - width) if at <= end else -1
            position = base + (bits & ((1 << width) - 1))
            if bits < 0 or position >= len(entries):
                raise ValueError(f"no codeword for element {len(elements)} of {count}")
            value = entries[position]
            if value & found:
                break
            at, base, width = at + width, position + (value & ((1 << shift) - 1)), ((value >> shift) & 15) + 1
        at += min(width, (value >> shift) & 15)
        elements.append(value)
        if at == begin:  # a codeword of 0 bits is the same again for all further elements
            break
    if at > end:
        raise ValueError(f"codewords of {at} bits in {len(encoded)} bytes")
    last = np.full(count - len(elements), elements[-1], np.uint32)
    whole = np.concatenate([np.array(elements, np.uint32), last])
    return whole.astype(f"u{output.dtype.bytes}").view(output.dtype.numpy)


METHODS: dict[int, tuple[Decode, tuple[DType, ...]]] = {
    0: (_lookup, MOVED),
    1: (_huffman, (DType.INT8, DType.INT16)),
    2: (_pruned, MOVED),
}


def _bits(encoded: bytes, count: int) -> npt.NDArray[np.uint8]:
    if 8 * len(encoded) < count:
        raise ValueError(f"{len(encoded)} bytes where {count} bits are needed")
    return np.unpackbits(np.frombuffer(encoded, np.uint8), count=count)


def _values(table: bytes, output: Tensor, count: int) -> Array:
    """The first ``count`` values of a table."""
    if len(table) < count * output.dtype.bytes:
        raise ValueError(f"a table of {len(table)} bytes where {count} values of {output.dtype.value} are needed")
    kind = "u1" if output.dtype is DType.BOOL else np.dtype(output.dtype.numpy).str[1:]
    return np.frombuffer(table, f"<{kind}", count).astype(output.dtype.numpy)


def _channels(output: Tensor) -> npt.NDArray[np.int64]:
    """The channel of each element, 0 if all have one quantization."""
    quantization, positions = output.quantization, np.arange(output.elements)
    if quantization is None or not quantization.per_channel:
        return np.zeros_like(positions)
    channels = len(quantization.scales)
    return positions % channels if quantization.axis else positions // (output.elements // channels)


def _groups(op: Op, tensors: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The encoded elements, the ancillary data and the output, for each output."""
    inputs, outputs = tensors[: len(op.inputs)], tensors[len(op.inputs) :]
    return zip(inputs[::2], inputs[1::2], outputs, strict=True)


def _objection(encoded: Tensor, ancillary: Tensor, output: Tensor) -> str | None:
    """Why an output cannot be decoded, as the end of a sentence; None if nothing but damage can prevent it."""
    for tensor in (encoded, ancillary):
        if tensor.data is None or tensor.dtype is not DType.UINT8:
            return f"{describe(tensor)} is not a constant of type uint8; compress only constants"
    assert ancillary.data is not None
    header = ancillary.data.tobytes()[:HEADER_BYTES]
    if len(header) < HEADER_BYTES:
        return f"{describe(ancillary)} has no whole header; compress the model again"
    if not 0 < output.elements * output.dtype.bytes <= MAX_BYTES:
        return f"{describe(output)} has {output.elements:,} elements, not a tensor of 1 to {MAX_BYTES:,} bytes"
    if header[METHOD] not in METHODS:
        return f"decode type {header[METHOD]} is not LUT, Huffman or pruning, which kerf decodes; use one of them"
    if (header[VERSION], header[METHOD_VERSION]) != (1, 1):
        return f"{describe(ancillary)} is not of version 1; compress the model with TFLM of 2026"
    if output.dtype not in METHODS[header[METHOD]][1]:
        return f"{describe(output)} is of a type that TFLM does not decode; leave it uncompressed"
    quantization = output.quantization
    if quantization is not None and quantization.axis not in (0, len(output.shape) - 1):
        return f"{describe(output)} has channels along dimension {quantization.axis}, not the first or the last"
    return None


def evaluate(op: Op, tensors: Sequence[Tensor]) -> tuple[Array, ...] | None:
    """The decoded constants, None if check() refuses the operator. Raises ValueError if they are damaged."""
    if len(op.inputs) != 2 * len(op.outputs) or any(_objection(*group) for group in _groups(op, tensors)):
        return None
    return tuple(_decoded(*group) for group in _groups(op, tensors))


def _decoded(encoded: Tensor, ancillary: Tensor, output: Tensor) -> Array:
    assert encoded.data is not None and ancillary.data is not None
    stored = ancillary.data.tobytes()
    decode, _ = METHODS[stored[METHOD]]
    elements = decode(stored[:HEADER_BYTES], encoded.data.tobytes(), stored[HEADER_BYTES:], output)
    return elements.reshape(output.shape)


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel, because an operator that reaches this check could not be decoded."""
    if len(op.inputs) != 2 * len(op.outputs):
        raise ModelError(
            f"{op.where}: has {counted(len(op.inputs), 'input')} for {counted(len(op.outputs), 'output')}, but needs "
            "two for each; compress the model again"
        )
    check_present(op, *range(len(op.inputs)))
    tensors = [*(graph.input(op, i) for i in range(len(op.inputs))), *(graph.tensors[i] for i in op.outputs)]
    for group in _groups(op, tensors):
        if objection := _objection(*group):
            raise UnsupportedModel(f"{op.where}: {objection}")
    raise UnsupportedModel(f"{op.where}: its constants are outputs of the model; remove them from the model")


OPERATOR = Operator(
    summary="constants from TFLM's compression, at compile time",
    types=(),
    check=check,
    variants=(),
    evaluate_all=evaluate,
)
