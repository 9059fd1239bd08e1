"""Random shapes of the operators whose own tables are about numbers, so that each type of each operator has SHAPES."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_collected
from cases import activation, with_float16_widened
from moving import Generator, Make, generated, sizes, tensor
from single_op import OpSpec, TensorSpec
from test_against_litert import biased
from test_binary import KINDS, QUOTIENTS, binary
from test_circular_buffer import buffer
from test_concatenation import concatenation
from test_conv_2d import generated as convs
from test_depthwise_conv_2d import generated as depthwises
from test_dequantize import dequantize
from test_fully_connected import generated as denses
from test_gather import dynamic_update_slice, embedding_lookup, gather, gather_nd
from test_int4 import narrowed, per_tensor
from test_log_softmax import log_softmax
from test_mean import mean
from test_move import expand_dims, split, squeeze, transpose, unpack
from test_pool_2d import generated as pools
from test_quantize import ZERO_POINTS, requantize
from test_reductions import along, normalized, running
from test_repeat import batch_to_space, fill, mirror_pad, pad, resize, space_to_batch, tile
from test_reshape import reshape
from test_select import selected
from test_signal import (
    auto_scale,
    delay,
    energy,
    filter_bank,
    framer,
    irfft,
    log,
    overlap_add,
    pcan,
    rfft,
    stacker,
    subtraction,
    window,
)
from test_softmax import softmax
from test_strided_slice import strided_slice
from test_uint8 import SUMS, total, unary
from test_unidirectional_sequence_lstm import lstm

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=97)]

SCALES = {"int8": (0.1, 0.03, 0.4), "int16": (1e-3, 3e-4, 2e-2), "uint8": (0.1, 0.03, 0.4)}
# The quantization that TFLM wants of the output of some functions.
PROBABILITY = {"int8": (1 / 256, -128), "int16": (2.0**-15, 0), "uint8": (1 / 256, 0)}
SIGNED = {"int8": (1 / 128, 0), "int16": (2.0**-15, 0)}


def number(rng: Generator, low: int, high: int) -> int:
    """A random integer, ``high`` included."""
    return int(rng.integers(low, high + 1))


def drawn(rng: Generator, shape: list[int], dtype: str, fixed: tuple[float, int] | None = None) -> TensorSpec:
    """A tensor of random quantization, or of the quantization ``fixed``."""
    scale = float(rng.choice(SCALES.get(dtype, (0,))))
    zero_point = {"int8": number(rng, -128, 127), "uint8": number(rng, 0, 255)}.get(dtype, 0)
    return activation(shape, dtype, *(fixed or (scale, zero_point)))


def function(
    kind: str, output: dict[str, tuple[float, int]] | None = None, table: str | None = None, **options: Any
) -> Make:
    def make(rng: Generator, dtype: str) -> list[OpSpec]:
        shape = sizes(rng, 1, 5)
        x = drawn(rng, shape, dtype)
        return [OpSpec(kind, [x], [drawn(rng, shape, dtype, (output or {}).get(dtype))], table, options)]

    return make


def unscaled(kind: str) -> Make:
    """A function whose output has the input's quantization."""

    def make(rng: Generator, dtype: str) -> list[OpSpec]:
        shape = sizes(rng, 1, 5)
        return [OpSpec(kind, [tensor(shape, dtype)], [tensor(shape, dtype)])]

    return make


def root(rng: Generator, dtype: str) -> list[OpSpec]:
    """RSQRT of constants, as TFLM aborts on negative ones."""
    shape = sizes(rng, 1, 5)
    x, y = drawn(rng, shape, dtype), drawn(rng, shape, dtype)
    data = rng.integers(x.zero_point, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return [OpSpec("RSQRT", [TensorSpec(shape, dtype, x.scale, x.zero_point, data=data)], [y])]


def pair(rng: Generator, largest: int = 5) -> tuple[list[int], list[int]]:
    """Two shapes that broadcast, one of which may have fewer dimensions."""
    whole = sizes(rng, 1, largest)
    first, second = ([n if rng.random() < 0.7 else 1 for n in whole] for _ in range(2))
    return first, second[int(rng.integers(0, len(second))) :]


def broadcasting(kind: str) -> Make:
    def make(rng: Generator, dtype: str) -> list[OpSpec]:
        shapes = pair(rng)
        return binary(kind, dtype, shapes if kind in QUOTIENTS or rng.integers(2) else shapes[::-1])

    return make


def prelu(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 4)
    alpha = [n if rng.random() < 0.7 else 1 for n in shape]
    return binary("PRELU", dtype, (shape, alpha[int(rng.integers(0, len(alpha))) :]))


def sum_of_bytes(kind: str) -> Make:
    """ADD or SUB of uint8."""

    def make(rng: Generator, dtype: str) -> list[OpSpec]:
        return total(kind, pair(rng, 4), *SUMS[int(rng.integers(len(SUMS)))])

    return make


def select(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = tuple(sizes(rng, 1, 5))
    return selected(shape if rng.integers(2) else shape[:1], shape, dtype)


def cast(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    y = TensorSpec(shape, str(rng.choice(["int8", "int16", "int32", "float32"])))
    return [OpSpec("CAST", [TensorSpec(shape, dtype)], [y])]


def cast_unsigned(rng: Generator, dtype: str) -> list[OpSpec]:
    """From int32 and to int32, as the interpreter's interface has no unsigned types."""
    x, y, z = (TensorSpec(shape, kind) for shape in [sizes(rng, 1, 5)] for kind in ("int32", dtype, "int32"))
    return [OpSpec("CAST", [x], [y]), OpSpec("CAST", [y], [z])]


def quantize(rng: Generator, dtype: str) -> list[OpSpec]:
    source, _, output = dtype.partition(" to ")
    output = output or source
    zero_points = [int(rng.choice(ZERO_POINTS.get(each, (0,)))) for each in (source, output)]
    (op,) = requantize(source, output, (0.1, 0.03), (zero_points[0], zero_points[1]), sizes(rng, 1, 5))
    return [op if source != "float32" else OpSpec(op.kind, [TensorSpec(op.outputs[0].shape, source)], op.outputs)]


def widen(rng: Generator, dtype: str) -> list[OpSpec]:
    return dequantize(dtype.partition(" ")[0], 0.1, 3 if dtype.startswith(("int8", "uint8")) else 0, sizes(rng, 1, 5))


def probabilities(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    if dtype == "uint8":
        return unary("SOFTMAX", shape, 0.1, 9, "SoftmaxOptions", Beta=1.0)
    (op,) = softmax(shape, dtype, 1e-3 if dtype == "int16" else 0.15)
    return [
        OpSpec(op.kind, op.inputs, [drawn(rng, shape, dtype, PROBABILITY.get(dtype))], op.options_table, op.options)
    ]


def reshaped(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    order = rng.permutation(len(shape))
    (op,) = reshape(shape, [shape[i] for i in order], dtype)
    if dtype == "bool":
        return [OpSpec(op.kind, [tensor(shape, dtype), *op.inputs[1:]], op.outputs, op.options_table, op.options)]
    return [op]


def halves(make: Make) -> Make:
    """A move of float16 constants, which occur behind weights alone."""

    def made(rng: Generator, dtype: str) -> list[OpSpec] | None:
        case = make(rng, dtype)
        if case is None:
            return None
        (op,) = case
        source, *others = op.inputs
        assert source is not None
        data = rng.normal(0, 1, source.shape).astype(np.float16)
        first = TensorSpec(source.shape, "float16", data=data)
        output = TensorSpec(op.outputs[0].shape, "float16")
        wide, x, y = (TensorSpec(output.shape, "float32") for _ in range(3))
        moved = OpSpec(op.kind, [first, *others], [output], op.options_table, op.options)
        return [moved, OpSpec("DEQUANTIZE", [output], [wide]), OpSpec("ADD", [x, wide], [y], "AddOptions", {})]

    return made


def fed(make: Make) -> Make:
    """The same case with bool inputs instead of constants."""

    def made(rng: Generator, dtype: str) -> list[OpSpec] | None:
        case = make(rng, dtype)
        if case is None:
            return None
        (op,) = case
        inputs = [t and (TensorSpec(t.shape, t.dtype) if t.dtype == "bool" else t) for t in op.inputs]
        return [OpSpec(op.kind, inputs, op.outputs, op.options_table, op.options)]

    return made


def concatenated(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    return concatenation(shape, int(rng.integers(0, len(shape))), sizes(rng, 1, 5), dtype)


def sliced(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 4)
    begin = [int(rng.integers(0, n)) for n in shape]
    return strided_slice(shape, begin, shape, [number(rng, 1, 2) for _ in shape], dtype)


def extremum(kind: str) -> Make:
    def make(rng: Generator, dtype: str) -> list[OpSpec]:
        shape = sizes(rng, 1, 5)
        return along(kind, shape, int(rng.integers(-1, len(shape))), dtype)

    return make


def cumulated(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    flags = {"Exclusive": bool(rng.integers(2)), "Reverse": bool(rng.integers(2))}
    return running(shape, int(rng.integers(0, len(shape))), dtype, **flags)


def averaged(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    axes = [d for d in range(len(shape)) if rng.integers(2)] or [0]
    return mean(shape, axes, bool(rng.integers(2)), dtype, (1e-3, 7e-4), (0, 0))


def recurrent(rng: Generator, dtype: str) -> list[OpSpec]:
    first = bool(rng.integers(2))
    return lstm(dtype, number(rng, 1, 3), number(rng, 1, 5), number(rng, 1, 12), number(rng, 1, 9), time_major=first)


def circular(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = (1, 1, number(rng, 1, 6), number(rng, 1, 9))
    return [buffer(TensorSpec(shape, dtype, 0.05, number(rng, -128, 127)), number(rng, 1, 9))]


def nearest(rng: Generator, dtype: str) -> list[OpSpec]:
    return resize("RESIZE_NEAREST_NEIGHBOR", rng, dtype)


# --- audio ------------------------------------------------------------------------------------------------------------


def length(rng: Generator) -> int:
    """A length of an FFT."""
    return 1 << number(rng, 2, 8)


def spectrum(rng: Generator, dtype: str) -> list[OpSpec]:
    whole = length(rng)
    return rfft(dtype, number(rng, 1, whole), whole, number(rng, 1, 3))


def signal_of_spectrum(rng: Generator, dtype: str) -> list[OpSpec]:
    return irfft(dtype, length(rng), number(rng, 1, 9))


def framed(rng: Generator, dtype: str) -> list[OpSpec]:
    step = number(rng, 1, 5)
    return framer((*sizes(rng, 0, 2, 3), step * number(rng, 1, 4)), number(rng, step, 4 * step), step)


def added(rng: Generator, dtype: str) -> list[OpSpec]:
    size = number(rng, 1, 9)
    return overlap_add((*sizes(rng, 0, 2, 3), number(rng, 1, 4), size), number(rng, 1, size), dtype)


def energies(rng: Generator, dtype: str) -> list[OpSpec]:
    size = number(rng, 2, 300)
    start = int(rng.integers(0, size))
    return energy(size, start, number(rng, start + 1, size))


def audio(make: Callable[[Generator], list[OpSpec]]) -> Make:
    return lambda rng, dtype: make(rng)


AUDIO: dict[str, tuple[Make, tuple[str, ...]]] = {
    "SIGNAL_DELAY": (audio(lambda rng: delay(tuple(sizes(rng, 1, 3)), number(rng, 0, 9))), ("int16",)),
    "SIGNAL_ENERGY": (energies, ("int16",)),
    "SIGNAL_FFT_AUTO_SCALE": (audio(lambda rng: auto_scale(number(rng, 1, 200))), ("int16",)),
    "SIGNAL_FILTER_BANK": (audio(lambda rng: filter_bank(number(rng, 1, 300), number(rng, 4, 99), 3)), ("uint32",)),
    "SIGNAL_FILTER_BANK_LOG": (audio(lambda rng: log(number(rng, 1, 99), 3, 64)), ("uint32",)),
    "SIGNAL_FILTER_BANK_SPECTRAL_SUBTRACTION": (
        audio(lambda rng: subtraction(number(rng, 1, 99), bool(rng.integers(2)))),
        ("uint32",),
    ),
    "SIGNAL_FRAMER": (framed, ("int16",)),
    "SIGNAL_IRFFT": (signal_of_spectrum, ("int16", "int32", "float32")),
    "SIGNAL_OVERLAP_ADD": (added, ("int16", "float32")),
    "SIGNAL_PCAN": (audio(lambda rng: pcan(number(rng, 1, 99), 6)), ("uint32",)),
    "SIGNAL_RFFT": (spectrum, ("int16", "int32", "float32")),
    "SIGNAL_STACKER": (audio(lambda rng: stacker(number(rng, 1, 9), number(rng, 0, 9))), ("int16",)),
    "SIGNAL_WINDOW": (audio(lambda rng: window(number(rng, 1, 4), number(rng, 1, 99), 12)), ("int16",)),
}

TFLM: dict[str, tuple[Make, tuple[str, ...]]] = {
    **AUDIO,
    **{kind: (broadcasting(kind), types) for kind, types in KINDS.items() if kind not in ("ADD", "PRELU")},
    "ADD": (broadcasting("ADD"), ("int8", "int16", "float32", "int32")),
    "ABS": (function("ABS"), ("int8", "int16")),
    "ARG_MAX": (extremum("ARG_MAX"), ("int8", "float32")),
    "ARG_MIN": (extremum("ARG_MIN"), ("int8", "float32")),
    "CAST": (cast, ("int8", "int16", "int32", "float32", "bool")),
    "CAST unsigned": (cast_unsigned, ("uint32",)),
    "CIRCULAR_BUFFER": (circular, ("int8",)),
    "CONCATENATION": (fed(concatenated), ("bool",)),
    "CUMSUM": (cumulated, ("int8", "float32")),
    "DEQUANTIZE": (widen, ("int8 to float32", "uint8 to float32", "int16 to float32")),
    "ELU": (function("ELU"), ("int8",)),
    "HARD_SWISH": (function("HARD_SWISH"), ("int8",)),
    "L2_NORMALIZATION": (lambda rng, dtype: normalized(sizes(rng, 1, 4), dtype, 3), ("int8",)),
    "LEAKY_RELU": (function("LEAKY_RELU", None, "LeakyReluOptions", Alpha=0.2), ("int8", "int16")),
    "LOGISTIC": (function("LOGISTIC", PROBABILITY), ("int8", "int16", "float32")),
    "LOG_SOFTMAX": (lambda rng, dtype: log_softmax(sizes(rng, 1, 5), dtype), ("int8",)),
    "MEAN": (averaged, ("int16",)),
    "PAD": (pad, ("int8", "int16", "float32")),
    "PRELU": (prelu, ("int8", "int16", "float32")),
    "QUANTIZE": (
        quantize,
        (
            *("float32 to int8", "float32 to int16", "int8", "int16", "int8 to uint8", "uint8 to int8"),
            *("int8 to int16", "int16 to int8", "int8 to int32", "int16 to int32", "int32 to int8", "int32 to int16"),
        ),
    ),
    "RELU": (function("RELU"), ("int8", "int16", "float32")),
    "RELU6": (unscaled("RELU6"), ("int8", "int16", "float32")),
    "RESHAPE": (reshaped, ("int8", "float32", "uint8", "int16", "int32", "int64", "bool")),
    "RSQRT": (root, ("int8", "int16")),
    "SOFTMAX": (probabilities, ("int8", "int16", "float32")),
    "STRIDED_SLICE": (sliced, ("int8", "int16", "float32", "int32", "bool")),
    "TANH": (function("TANH", SIGNED), ("int8", "int16")),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (recurrent, ("int8", "int16x8", "float32")),
}
LITERT: dict[str, tuple[Make, tuple[str, ...]]] = {
    "ADD": (sum_of_bytes("ADD"), ("uint8",)),
    "BATCH_TO_SPACE_ND": (batch_to_space, ("int16", "bool")),
    "DYNAMIC_UPDATE_SLICE": (dynamic_update_slice, ("bool",)),
    "EMBEDDING_LOOKUP": (embedding_lookup, ("int16", "int32", "int64", "bool", "uint8")),
    "EXPAND_DIMS": (fed(expand_dims), ("bool",)),
    "EXPAND_DIMS constant": (halves(expand_dims), ("float16",)),
    "FILL": (fill, ("uint8",)),
    "GATHER": (gather, ("bool",)),
    "GATHER_ND": (gather_nd, ("bool",)),
    "LOGISTIC": (function("LOGISTIC", PROBABILITY), ("uint8",)),
    "MIRROR_PAD": (mirror_pad, ("bool",)),
    "PAD": (pad, ("int64", "uint8")),
    "RELU_0_TO_1": (function("RELU_0_TO_1"), ("int8", "float32")),
    "RELU_N1_TO_1": (function("RELU_N1_TO_1"), ("int8", "float32")),
    "RESHAPE constant": (halves(reshaped), ("float16",)),
    "RESIZE_NEAREST_NEIGHBOR": (nearest, ("int32", "bool")),
    "SELECT": (select, ("int8", "int16", "float32", "int32")),
    "SOFTMAX": (probabilities, ("uint8",)),
    "SPACE_TO_BATCH_ND": (space_to_batch, ("int16",)),
    "SPLIT": (split, ("int64",)),
    "SQUEEZE": (squeeze, ("uint8",)),
    "SQUEEZE constant": (halves(squeeze), ("float16",)),
    "STRIDED_SLICE": (sliced, ("int64", "uint8")),
    "SUB": (sum_of_bytes("SUB"), ("uint8",)),
    "TILE": (fed(tile), ("bool",)),
    "TRANSPOSE": (fed(transpose), ("bool",)),
    "UNPACK": (fed(unpack), ("bool",)),
}


def layers(kind: str, cases: dict[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    return {f"{kind} {name}": case for name, case in cases.items()}


def narrow_weights(kind: str, cases: dict[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    """The layers with float16 weights."""
    return {f"{kind} {name}": with_float16_widened(case[0]) for name, case in cases.items()}


CASES = {
    **generated(TFLM),
    **layers("DEPTHWISE_CONV_2D", {**depthwises(40, "float32"), **depthwises(40, "int16x8")}),
    **layers("FULLY_CONNECTED", {**denses(40, "float32"), **denses(40, "int16x8")}),
    **narrowed("FULLY_CONNECTED int4", per_tensor(denses(60, "int8"))),
    **pools("AVERAGE_POOL_2D", "float32", 32),
    **pools("MAX_POOL_2D", "float32", 32),
    **pools("AVERAGE_POOL_2D", "int16x8", 32),
    **pools("MAX_POOL_2D", "int16x8", 32),
}
LITERT_CASES = {
    **generated(LITERT),
    **layers("CONV_2D", biased(convs(50, "dynamic"))),
    **narrowed("CONV_2D int4", biased(convs(50, "dynamic"))),
    **narrow_weights("CONV_2D", biased(convs(50, "float16"))),
    **narrow_weights("DEPTHWISE_CONV_2D", depthwises(40, "float16")),
    **layers("FULLY_CONNECTED", denses(40, "dynamic")),
    **narrowed("FULLY_CONNECTED int4", denses(40, "dynamic")),
    **narrow_weights("FULLY_CONNECTED", denses(40, "float16")),
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_collected(request, tmp_path_factory, CASES, LITERT_CASES)


@pytest.mark.parametrize("name", [*CASES, *LITERT_CASES])
def test_equals_the_oracle(results: dict[str, Result], name: str) -> None:
    results[name].check()
