"""Mutations of .tflite files: random ones of the bytes, and ones that know the schema and change some of its fields."""

import random
import struct
from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np

INTEGERS = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 1000, 32767, 65535, 1 << 20, (1 << 31) - 1, 1 << 31)
SCALES = (0.0, -0.0, -1.0, 1e-45, 1e-38, 1e-10, 0.5, 1.0, 2.0, 1e10, 3e38, float("inf"), float("-inf"), float("nan"))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The file with a few changes; the result may be any bytes."""
    try:
        if rng.random() < 0.75:
            data = by_schema(data, rng)
        if rng.random() < 0.35:
            data = blind(data, rng)
    except (struct.error, ValueError, TypeError, AttributeError, IndexError, OverflowError, AssertionError):
        return blind(data, rng)  # a value that the schema's writer does not write
    return data


def blind(data: bytes, rng: random.Random) -> bytes:
    """Bits, words, parts and the end of the bytes changed."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if len(changed) < 8:
            break
        at = rng.randrange(len(changed))
        kind = rng.randrange(7)
        if kind == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at] = rng.randrange(256)
        elif kind in (2, 3):  # offsets, counts and lengths are words
            at &= ~3
            word = integer(rng) & 0xFFFFFFFF
            changed[at : at + 4] = struct.pack("<I", word)
        elif kind == 4:
            del changed[at : at + rng.randrange(1, 64)]
        elif kind == 5:
            source = rng.randrange(len(changed))
            part = changed[source : source + rng.randrange(1, 64)]
            changed[at : at + len(part)] = part
        elif rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def integer(rng: random.Random) -> int:
    value = rng.choice(INTEGERS)
    return rng.choice((value, value, -value, value - 1, rng.randrange(-10, 300)))


def by_schema(data: bytes, rng: random.Random) -> bytes:
    """Changes one to three fields and writes the file again."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(CHANGES)(model, rng)
    builder = flatbuffers.Builder(len(data) + 1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _graph(model: Any, rng: random.Random) -> Any:
    return rng.choice(model.subgraphs)


def _tensor(model: Any, rng: random.Random) -> Any:
    return rng.choice(_graph(model, rng).tensors)


def _operator(model: Any, rng: random.Random) -> Any:
    return rng.choice(_graph(model, rng).operators)


def _list(values: Any, rng: random.Random, value: Callable[[random.Random], Any]) -> list[Any]:
    """A list with an element changed, added, removed, repeated or exchanged; or an entirely different list."""
    found = [] if values is None else list(values)
    kind = rng.randrange(8)
    if kind < 4 and found:
        found[rng.randrange(len(found))] = value(rng)
    elif kind == 4:
        found.insert(rng.randrange(len(found) + 1), value(rng))
    elif kind == 5 and found:
        del found[rng.randrange(len(found))]
    elif kind == 6:
        rng.shuffle(found)
    elif kind == 7:
        found = [value(rng) for _ in range(rng.choice((0, 1, 2, 3, 9, 300)))]
    return found


def _shape(model: Any, rng: random.Random) -> None:
    tensor = _tensor(model, rng)
    tensor.shape = _list(tensor.shape, rng, lambda r: max(-1, min(integer(r), (1 << 31) - 1)))


def _signature(model: Any, rng: random.Random) -> None:
    tensor = _tensor(model, rng)
    tensor.shapeSignature = _list(tensor.shape, rng, lambda r: r.choice((-1, -1, 0, 4)))
    tensor.hasRank = rng.random() < 0.5


def _type(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).type = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 99))


def _variable(model: Any, rng: random.Random) -> None:
    tensor = _tensor(model, rng)
    tensor.isVariable = not tensor.isVariable


def _name(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).name = bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 5, 300))))


def _quantization(model: Any, rng: random.Random) -> None:
    tensor = _tensor(model, rng)
    found = tensor.quantization
    if found is None or rng.random() < 0.1:
        tensor.quantization = None
        return
    kind = rng.randrange(5)
    if kind < 2:
        found.scale = _list(found.scale, rng, lambda r: r.choice(SCALES))
    elif kind == 2:
        limit = (1 << 63) - 1
        found.zeroPoint = _list(found.zeroPoint, rng, lambda r: r.choice((integer(r), limit, -limit, r.randint(-9, 9))))
    elif kind == 3:
        found.quantizedDimension = max(-(1 << 31), min(integer(rng), (1 << 31) - 1))
    else:
        channels = rng.choice((2, 3, 4, 8, 1000))
        found.scale, found.zeroPoint = [0.1] * channels, [0] * rng.choice((0, channels, 1))


def _wiring(model: Any, rng: random.Random) -> None:
    """Indices out of range, cycles, missing and repeated inputs, tensors that nobody computes."""
    graph = _graph(model, rng)
    count = len(graph.tensors)

    def index(r: random.Random) -> int:
        return r.choice((r.randrange(count), r.randrange(count), r.randrange(count), -1, count, -2, (1 << 31) - 1))

    owner = rng.choice((graph, *graph.operators, *graph.operators))
    name = rng.choice(("inputs", "outputs"))
    setattr(owner, name, _list(getattr(owner, name), rng, index))


def _buffer_index(model: Any, rng: random.Random) -> None:
    _tensor(model, rng).buffer = rng.choice((0, rng.randrange(len(model.buffers)), len(model.buffers), 0xFFFFFFFF))


def _contents(model: Any, rng: random.Random) -> None:
    """Constants: too few bytes, too many, or other values, such as axes and paddings that make no sense."""
    buffer = rng.choice(model.buffers)
    if buffer.data is None or not len(buffer.data):
        return
    data = bytearray(np.asarray(buffer.data, np.uint8).tobytes())
    kind = rng.randrange(4)
    if kind == 0:
        del data[rng.randrange(len(data)) :]
    elif kind == 1:
        data += bytes(rng.choice((1, 4, 1000)))
    else:
        at = rng.randrange(len(data)) & ~3
        data[at : at + 4] = struct.pack("<i", max(-(1 << 31), min(integer(rng), (1 << 31) - 1)))
    buffer.data = np.frombuffer(bytes(data), np.uint8)


def _outside(model: Any, rng: random.Random) -> None:
    buffer = rng.choice(model.buffers)
    buffer.offset, buffer.size = abs(integer(rng)), abs(integer(rng))


def _kind(model: Any, rng: random.Random) -> None:
    code = rng.choice(model.operatorCodes)
    code.builtinCode = rng.randrange(210)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _code_index(model: Any, rng: random.Random) -> None:
    _operator(model, rng).opcodeIndex = rng.choice((0, 1, len(model.operatorCodes), 0xFFFFFFFF))


def _options(model: Any, rng: random.Random) -> None:
    """Strides of 0, axes out of range, activations that do not exist, missing options, those of another operator."""
    operator = _operator(model, rng)
    if rng.random() < 0.1:
        operator.builtinOptionsType = rng.randrange(130)
    options = operator.builtinOptions
    if options is None or rng.random() < 0.1:
        operator.builtinOptions = None
        return
    fields = sorted(vars(options))
    if not fields:
        return
    name = rng.choice(fields)
    value = getattr(options, name)
    if isinstance(value, bool):
        setattr(options, name, not value)
    elif isinstance(value, int):
        setattr(options, name, max(-(1 << 31), min(integer(rng), (1 << 31) - 1)))
    elif isinstance(value, float):
        setattr(options, name, rng.choice(SCALES))
    else:
        setattr(options, name, _list(value, rng, integer))


def _operators(model: Any, rng: random.Random) -> None:
    graph = _graph(model, rng)
    if rng.random() < 0.5:
        rng.shuffle(graph.operators)
    else:
        graph.operators.append(rng.choice(graph.operators))


def _graphs(model: Any, rng: random.Random) -> None:
    if rng.random() < 0.5:
        model.subgraphs.append(model.subgraphs[0])
    else:
        model.version = rng.choice((0, 2, 4, 0xFFFFFFFF))


CHANGES = (
    *(_shape, _shape, _type, _type, _quantization, _quantization, _quantization, _wiring, _wiring, _options, _options),
    *(_signature, _variable, _name, _buffer_index, _contents, _contents, _outside, _kind, _kind, _code_index),
    *(_operators, _graphs),
)
