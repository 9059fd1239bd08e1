"""TFLM_DECODE: kerf decodes the constants that TFLM's interpreter decodes, and refuses what it cannot decode."""

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases, run_tflm
from single_op import OpSpec, TensorSpec, build

from tools import oracle
from tools.errors import KerfError
from tools.graph import ops, passes, read

RNG = np.random.default_rng(47)
KIND = "CUSTOM:TFLM_DECODE"
LUT, HUFFMAN, PRUNING, CUSTOM = 0, 1, 2, 127
INTEGERS = ("int8", "int16", "int32", "int64")
Stored = tuple[bytes, bytes]  # encoded elements, ancillary data


def header(method: int, parameters: int = 0, stride: int = 0, version: int = 1, own_version: int = 1) -> bytes:
    return bytes([method, version, 0, 0, own_version, parameters, stride, *bytes(9)])


def bits(numbers: Sequence[int], width: int) -> bytes:
    """Numbers of ``width`` bits, the highest first."""
    table = np.array(numbers, np.uint32)[:, np.newaxis] >> np.arange(width)[::-1] & 1
    return np.packbits(table.astype(np.uint8).ravel()).tobytes()


def some(dtype: str, *shape: int) -> np.ndarray:
    if dtype == "float32":
        return RNG.normal(0, 3, shape).astype(dtype)
    if dtype == "bool":
        return RNG.integers(0, 2, shape).astype(bool)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def lut(output: TensorSpec, width: int, channels: int = 1) -> Stored:
    table = some(output.dtype, channels, min(1 << width, 100))
    indices = RNG.integers(0, table.shape[1], int(np.prod(output.shape)))
    return bits(indices.tolist(), width), header(LUT, width, table.shape[1]) + table.tobytes()


def pruned(output: TensorSpec, share: float = 0.5) -> Stored:
    kept = RNG.random(int(np.prod(output.shape))) < share
    return np.packbits(kept).tobytes(), header(PRUNING) + some(output.dtype, int(kept.sum())).tobytes()


def code(symbols: Sequence[int]) -> dict[int, str]:
    """Huffman's code for symbols of which each is half as likely as the one before."""
    order = count()
    heap = [(0.55**i, next(order), {symbol: ""}) for i, symbol in enumerate(symbols)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, _, first), (b, _, second) = heapq.heappop(heap), heapq.heappop(heap)
        joined = {s: bit + word for bit, each in (("0", first), ("1", second)) for s, word in each.items()}
        heapq.heappush(heap, (a + b, next(order), joined))
    return heap[0][2] if len(symbols) > 1 else {symbols[0]: "0"}


def tables(words: Mapping[int, str], width: int, shift: int, found: int) -> list[int]:
    """Tables of at most 2^width entries that decode the codewords, each behind the one that refers to it."""
    entries = [0] * (1 << width)
    for position in range(1 << width):
        prefix = f"{position:0{width}b}"
        short = next((s for s, word in words.items() if prefix.startswith(word)), None)
        if short is not None:
            entries[position] = found | len(words[short]) << shift | short
            continue
        rest = {s: word[width:] for s, word in words.items() if word.startswith(prefix)}
        if rest:
            own = min(width, max(map(len, rest.values())))
            entries[position] = own - 1 << shift | len(entries) - position
            entries += tables(rest, own, shift, found)
    return entries


def huffman(output: TensorSpec, width: int, wide: bool, alphabet: int) -> Stored:
    size = np.dtype(output.dtype).itemsize
    symbols = RNG.choice(1 << 8 * size, alphabet, replace=False).tolist()
    words = code(symbols)
    found, shift = (1 << 31, 27) if wide else (1 << 15, 11)
    known = np.array(tables(words, width, shift, found), np.uint32 if wide else np.uint16)
    elements = RNG.choice(symbols, int(np.prod(output.shape)))
    text = "".join(words[int(symbol)] for symbol in elements)
    encoded = np.packbits(np.array([*text, *"0" * (-len(text) % 32)], np.uint8)).tobytes()
    return encoded + bytes(4), header(HUFFMAN, wide | width - 1 << 4) + known.tobytes()  # TFLM reads a word ahead


def constant(data: bytes) -> TensorSpec:
    return TensorSpec((len(data),), "uint8", data=np.frombuffer(data, np.uint8))


def decode(*pairs: tuple[TensorSpec, Stored]) -> OpSpec:
    return OpSpec(KIND, [constant(part) for _, stored in pairs for part in stored], [output for output, _ in pairs])


def t(dtype: str, *shape: int, scale: Any = None, zero_point: Any = 0, axis: int = 0) -> TensorSpec:
    return TensorSpec(shape, dtype, scale, zero_point, axis)


def per_channel(dtype: str, shape: tuple[int, ...], axis: int, zero_points: Any = 0) -> TensorSpec:
    scales = np.linspace(0.01, 0.03, shape[axis]).tolist()
    return TensorSpec(shape, dtype, scales, zero_points, axis)


# --- the decoded constants, beside the interpreter's ------------------------------------------------------------------

ALONE = {
    **{
        f"lut {dtype} {width} bits {shape}": decode((y := t(dtype, *shape), lut(y, width)))
        for dtype in ("bool", "float32", *INTEGERS)
        for width in range(1, 8)
        for shape in ((1,), (3, 5), (7, 19))
    },
    **{
        f"lut {dtype} {width} bits, channels of {shape} along {axis}": decode(
            (y := per_channel(dtype, shape, axis), lut(y, width, shape[axis]))
        )
        for dtype in INTEGERS
        for width in range(1, 8)
        for shape, axis in (((4, 35), 0), ((2, 3, 9), 2), ((1, 65, 3), 2))
    },
    **{
        f"pruned {dtype} {share} {shape}": decode((y := t(dtype, *shape), pruned(y, share)))
        for dtype in ("bool", "float32", *INTEGERS)
        for share in (0.0, 0.1, 0.9, 1.0)
        for shape in ((1,), (3, 5), (4, 17))
    },
    **{
        f"pruned {dtype}, channels of {shape} along {axis}": decode((y := per_channel(dtype, shape, axis), pruned(y)))
        for dtype in INTEGERS
        for shape, axis in (((4, 35), 0), ((2, 3, 9), 2))
    },
    **{
        f"pruned with zero points, channels of {shape} along {axis}": decode(
            (y := per_channel("int8", shape, axis, RNG.integers(-128, 128, shape[axis]).tolist()), pruned(y))
        )
        for shape, axis in (((4, 35), 0), ((2, 3, 9), 2), ((7,), 0))
    },
    **{
        f"pruned with zero point {zero}": decode((y := t("int8", 5, 9, scale=0.1, zero_point=zero), pruned(y)))
        for zero in (-128, -1, 127)
    },
    **{
        f"huffman {dtype} of {alphabet} symbols, {'wide ' * wide}tables of {width} bits": decode(
            (y := t(dtype, 9, 23), huffman(y, width, wide, alphabet))
        )
        for dtype, wide in (("int8", False), ("int8", True), ("int16", True))
        for alphabet in (1, 2, 9, 15)
        for width in (1, 2, 5, 8)
    },
    "several": decode(
        (y := t("int8", 5, 7), lut(y, 3)),
        (z := t("int16", 31), huffman(z, 4, True, 6)),
        (w := t("float32", 2, 3, 4), pruned(w)),
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_decodes_as_tflm(name: str) -> None:
    op = ALONE[name]
    x, y = t("float32", 1), t("float32", 1)  # a model needs an input
    data = build([op, OpSpec("RELU", [x], [y])], [x], op.outputs)
    theirs = run_tflm(data, [np.zeros((1, 1), np.float32)], len(op.outputs))
    graph = read.read(data, "decode")
    found = graph.ops[0]
    operator = ops.find(found.kind)
    assert operator.evaluate_all is not None
    ours = operator.evaluate_all(found, [graph.tensors[i] for i in (*found.inputs, *found.outputs) if i is not None])
    assert ours is not None
    for kerf, tflm in zip(ours, theirs, strict=True):
        assert (kerf.dtype, kerf.shape) == (tflm.dtype, tflm.shape[1:])
        assert kerf.tobytes() == tflm.tobytes()


# --- models that use them ---------------------------------------------------------------------------------------------


def dense(stored: str, outputs: int, inputs: int, channels: bool = True) -> list[OpSpec]:
    weights = per_channel("int8", (outputs, inputs), 0) if channels else t("int8", outputs, inputs, scale=0.02)
    x, y = t("int8", 1, inputs, scale=0.05, zero_point=-3), t("int8", 1, outputs, scale=0.6)
    return [
        decode((weights, _stored(stored, weights, outputs if channels else 1))),
        OpSpec("FULLY_CONNECTED", [x, weights, None], [y], "FullyConnectedOptions", {}),
    ]


def with_bias(outputs: int, inputs: int) -> list[OpSpec]:
    """Weights and bias of one operator."""
    weights, bias = t("int8", outputs, inputs, scale=0.02), t("int32", outputs, scale=0.001)
    x, y = t("int8", 1, inputs, scale=0.05), t("int8", 1, outputs, scale=0.6)
    table = header(LUT, 2, 4) + np.array([-900, 3, 77, 1200], np.int32).tobytes()
    indices = bits(RNG.integers(0, 4, outputs).tolist(), 2)
    return [
        decode((weights, pruned(weights)), (bias, (indices, table))),
        OpSpec("FULLY_CONNECTED", [x, weights, bias], [y], "FullyConnectedOptions", {}),
    ]


def convolution(stored: str, size: int, outputs: int, inputs: int) -> list[OpSpec]:
    weights = per_channel("int8", (outputs, size, size, inputs), 0)
    x, y = t("int8", 1, 5, 6, inputs, scale=0.05), t("int8", 1, 5, 6, outputs, scale=0.6)
    options = {"StrideW": 1, "StrideH": 1, "DilationWFactor": 1, "DilationHFactor": 1}
    return [
        decode((weights, _stored(stored, weights, outputs))),
        OpSpec("CONV_2D", [x, weights, None], [y], "Conv2DOptions", options),
    ]


def depthwise(stored: str, size: int, channels: int) -> list[OpSpec]:
    weights = per_channel("int8", (1, size, size, channels), 3)
    x, y = t("int8", 1, 5, 6, channels, scale=0.05), t("int8", 1, 5, 6, channels, scale=0.6)
    # A bias, as TFLM crashes on an absent one.
    bias = TensorSpec((channels,), "int32", data=RNG.integers(-900, 900, channels, np.int32))
    options = {"StrideW": 1, "StrideH": 1, "DepthMultiplier": 1, "DilationWFactor": 1, "DilationHFactor": 1}
    return [
        decode((weights, _stored(stored, weights, channels))),
        OpSpec("DEPTHWISE_CONV_2D", [x, weights, bias], [y], "DepthwiseConv2DOptions", options),
    ]


def joined(stored: str, dtype: str, rows: int) -> list[OpSpec]:
    """Constants behind an input."""
    scale = {"int8": 0.1, "int16": 0.001}.get(dtype)
    first, second, both = (t(dtype, n, 3, scale=scale) for n in (1, rows, 1 + rows))
    return [
        decode((second, _stored(stored, second, 1))),
        OpSpec("CONCATENATION", [first, second], [both], "ConcatenationOptions", {"Axis": 0}),
    ]


def _stored(method: str, output: TensorSpec, channels: int) -> Stored:
    if method == "huffman":
        return huffman(output, 4, output.dtype == "int16", 9)
    return pruned(output) if method == "pruned" else lut(output, 3, channels)


CASES = {
    **{
        f"dense {method} {outputs} {inputs}": dense(method, outputs, inputs)
        for method in ("lut", "huffman", "pruned")
        for outputs, inputs in ((2, 3), (5, 16), (9, 33), (16, 100))
    },
    **{f"dense with one scale {method}": dense(method, 6, 21, False) for method in ("lut", "huffman", "pruned")},
    **{f"dense with a bias {n}": with_bias(n, 17) for n in (1, 4, 9)},
    **{
        f"convolution {method} {size} {outputs} {inputs}": convolution(method, size, outputs, inputs)
        for method in ("lut", "huffman", "pruned")
        for size, outputs, inputs in ((1, 8, 5), (3, 4, 3), (3, 9, 16))
    },
    **{
        f"depthwise {method} {size} {n}": depthwise(method, size, n)
        for method in ("lut", "huffman", "pruned")
        for size, n in ((3, 2), (3, 16), (5, 3))
    },
    **{
        f"joined {method} {dtype} {rows}": joined(method, dtype, rows)
        for method, types in (("lut", ("float32", *INTEGERS)), ("pruned", ("float32", *INTEGERS)))
        for dtype in types
        for rows in (1, 6)
    },
    **{f"joined huffman {dtype}": joined("huffman", dtype, 7) for dtype in ("int8", "int16")},
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("decode"))


@pytest.mark.compiler
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


# --- refusals ---------------------------------------------------------------------------------------------------------

WEIGHTS = t("int8", 4, 6, scale=0.02)
ENCODED, ANCILLARY = lut(WEIGHTS, 3)


def used(op: OpSpec) -> list[OpSpec]:
    """The operator, and a dense layer with its output as weights."""
    x, y = t("int8", 1, 6, scale=0.05), t("int8", 1, 4, scale=0.6)
    return [op, OpSpec("FULLY_CONNECTED", [x, op.outputs[0], None], [y], "FullyConnectedOptions", {})]


def stored(encoded: bytes = ENCODED, ancillary: bytes = ANCILLARY, output: TensorSpec = WEIGHTS) -> list[OpSpec]:
    return used(decode((output, (encoded, ancillary))))


def table(method: int, *entries: int, kind: str = "<u2", **fields: int) -> bytes:
    return header(method, **fields) + np.array(entries, kind).tobytes()


REFUSED = {
    "is custom": (stored(ancillary=header(CUSTOM)), "decode type 127 is not LUT, Huffman or pruning"),
    "is reserved": (stored(ancillary=header(3)), "decode type 3 is not LUT"),
    "is of the file's author": (stored(ancillary=header(200)), "decode type 200 is not LUT"),
    "newer": (stored(ancillary=header(LUT, 3, 8, version=2) + bytes(8)), "is not of version 1"),
    "newer method": (stored(ancillary=header(LUT, 3, 8, own_version=2) + bytes(8)), "is not of version 1"),
    "half a header": (stored(ancillary=ANCILLARY[:15]), "has no whole header"),
    "no bits": (stored(ancillary=header(LUT, 0, 8) + bytes(8)), "contradicts itself .indices of 0 bits"),
    "few indices": (stored(ENCODED[:-1]), "contradicts itself .8 bytes where 72 bits are needed"),
    "a short table": (stored(bytes([255] * 9), ANCILLARY[:-1]), "a table of 7 bytes where 8 values of int8 are needed"),
    "a short bitmap": (stored(b"\xff\xff", header(PRUNING) + bytes(99)), "2 bytes where 24 bits are needed"),
    "few values": (stored(b"\xff" * 3, header(PRUNING) + bytes(23)), "a table of 23 bytes where 24 values"),
    "no tables": (stored(b"\xff" * 4, table(HUFFMAN)), "no codeword for element 0 of 24"),
    "another table": (stored(b"\xff" * 4, table(HUFFMAN, 0, 0x07FF)), "no codeword for element 0 of 24"),
    "an endless table": (stored(b"\x00" * 4, table(HUFFMAN, 0, 0)), "no codeword for element 0 of 24"),
    "few codewords": (stored(b"\xf0", table(HUFFMAN, 0x8801, 0x8802)), "no codeword for element 9 of 24"),
    "a broken codeword": (stored(b"\xf0" * 2, table(HUFFMAN, 0x9001, 0x8802)), "contradicts itself"),
    "int16 in narrow tables": (
        stored(b"\xf0", table(HUFFMAN, 0x8801, 0x8802), t("int16", 4, 6, scale=0.02)),
        "entries of 2 bytes for int16",
    ),
    "a bomb": (
        stored(bytes(4), table(HUFFMAN, 0x8005), t("int8", 1 << 26, scale=0.02)),
        "not a tensor of 1 to 16,777,",
    ),
    "a type": (stored(output=t("uint8", 4, 6, scale=0.02)), "is of a type that TFLM does not decode"),
    "a type of another method": (stored(ancillary=header(HUFFMAN), output=t("float32", 4, 6)), "is of a type that"),
    "zero points": (
        stored(b"\xff" * 3, header(PRUNING) + bytes(999), t("int16", 4, 6, scale=0.1, zero_point=4)),
        "a zero point other than 0 of int16",
    ),
    "inner channels": (
        used(decode((y := per_channel("int8", (2, 3, 4), 1), lut(y, 2, 3)))),
        "has channels along dimension 1, not the first or the last",
    ),
    "input": (used(OpSpec(KIND, [t("uint8", 9), constant(ANCILLARY)], [WEIGHTS])), "is not a constant of type uint8"),
    "computed table": (used(OpSpec(KIND, [constant(ENCODED), t("uint8", 24)], [WEIGHTS])), "is not a constant"),
    "no ancillary data": (
        used(OpSpec(KIND, [constant(ENCODED)], [WEIGHTS])),
        "has 1 input for 1 output, but needs two",
    ),
    "absent": (used(OpSpec(KIND, [constant(ENCODED), None], [WEIGHTS])), "input 1 is absent"),
    "an output of the model": (
        [decode((WEIGHTS, (ENCODED, ANCILLARY))), OpSpec("RELU", [x := t("float32", 1)], [t("float32", 1)])],
        "its constants are outputs of the model",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_decoded_is_refused(name: str) -> None:
    model, why = REFUSED[name]
    with pytest.raises(KerfError, match=rf"^operator 0 TFLM_DECODE '.*{why}"):
        passes.run(read.read(build(model), "decode"))


def test_a_code_of_one_symbol_may_have_no_bits() -> None:
    """Its entry says that the codeword takes none of the bits that were looked up."""
    y = t("int8", 4, 6, scale=0.02)
    graph = passes.simplify(read.read(build(used(decode((y, (bytes(4), table(HUFFMAN, 0x8005, 0x8005)))))), "decode"))
    (weights,) = (tensor for tensor in graph.tensors if tensor.data is not None)
    assert np.all(weights.data == 5) and [op.kind for op in graph.ops] == ["FULLY_CONNECTED"]


def test_a_network_of_floats_is_defined_by_litert() -> None:
    """LiteRT does not know TFLM's compression, so the oracle gives it the decoded constants."""
    weights, source, sums = t("float32", 4, 6), t("float32", 1, 6), t("float32", 1, 4)
    values = RNG.normal(size=(4, 6)).astype(np.float32)
    dense = OpSpec("FULLY_CONNECTED", [source, weights, None], [sums], "FullyConnectedOptions", {})
    model = build([decode((weights, (b"\xff" * 3, header(PRUNING) + values.tobytes()))), dense])
    x = RNG.normal(size=(3, 1, 6)).astype(np.float32)
    found = oracle.expected(model, [x], "net")
    assert found.oracle.startswith(oracle.LITERT)
    np.testing.assert_allclose(found.outputs[0].reshape(3, 4), x[:, 0] @ values.T, rtol=1e-5)
