"""Layer by layer: figures equal those computed by hand, and every usual cause is found in data that has it."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools import compare, oracle
from tools.compare import causes, layers
from tools.compare.layers import EXACT_DB, Difference, difference, sqnr_db
from tools.errors import BuildError
from tools.graph.ir import DType, Graph, Op, Quantization, Tensor
from tools.report import sections
from tools.values import Identity, Quantized, Vectors

RNG = np.random.default_rng(0)


def graph(scale: float = 0.1, zero_point: int = 0, weights: Quantization | None = None, kind: str = "RELU") -> Graph:
    """Two operators on 8 channels; the second has weights where ``weights`` is given."""
    quantization = Quantization((scale,), (zero_point,))
    tensors = [Tensor(i, f"t{i}", (1, 4, 8), DType.INT8, quantization) for i in range(3)]
    inputs: tuple[int, ...] = (1,)
    if weights is not None:
        tensors.append(Tensor(3, "w", (8, 8), DType.INT8, weights, np.ones((8, 8), np.int8)))
        inputs = (1, 3)
    ops = (Op(0, "RELU", "first", (0,), (1,)), Op(1, kind, "second", inputs, (2,)))
    return Graph("g", "ab" * 32, 0, tuple(tensors), ops, (0,), (2,))


def quantize(real: np.ndarray, scale: float = 0.1, zero_point: int = 0) -> np.ndarray:
    return np.clip(np.round(real / scale) + zero_point, -128, 127).astype(np.int8)


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_sqnr_is_signal_power_over_noise_power() -> None:
    signal = np.array([3.0, -4.0])
    assert sqnr_db(signal, signal + np.array([0.0, 0.5])) == pytest.approx(20.0)  # 25 / 0.25
    assert sqnr_db(signal, np.zeros(2)) == 0.0
    assert sqnr_db(signal, signal) == EXACT_DB
    assert sqnr_db(np.zeros(2), signal) is None
    assert sqnr_db(np.array([math.inf]), signal[:1]) is None


def test_integers_differ_by_steps_and_floats_beyond_the_tolerance() -> None:
    reference = np.array([[1, 2], [3, 4]], np.int8)
    assert difference(reference, reference) == Difference(0.0, 0.0)
    assert difference(reference, np.array([[1, 2], [-128, 4]], np.int8)) == Difference(0.25, 131.0)
    real = np.array([1000.0, 1.0, math.nan, math.inf], np.float32)
    assert difference(real, np.array([1000.0625, 1.0625, math.nan, math.inf], np.float32)) == Difference(0.0, 0.0625)
    assert difference(real, np.array([1001.0, 1.0, math.nan, math.inf], np.float32)) == Difference(0.25, 1.0)
    assert difference(real, np.array([1000.0, 1.0, 0.0, math.inf], np.float32)).share == 0.25


def test_shares_of_the_range() -> None:
    values = np.array([[-128, -128, 0, 127]], np.int8)
    real = np.array([[-12.8, -12.84, 12.74, 12.76]])  # half a step is 0.05: 12.7 ± 0.05 is the upper end
    g = graph()
    (first, _) = layers.compare(g, [values, values], floats=[real, real])
    assert (first.saturated, first.clipped, first.unused) == (0.75, 0.25, 0.0)
    (first, _) = layers.compare(graph(zero_point=-128), [values, values])
    assert first.saturated == 0.25, "behind a ReLU the lower end is zero itself"
    (first, _) = layers.compare(g, [values[:, 1:3], values])
    assert first.unused == pytest.approx(1 - 128 / 255)


def test_a_device_with_fewer_samples_is_held_to_the_first() -> None:
    reference = RNG.integers(-50, 50, (3, 1, 4, 8), dtype=np.int8)
    rows = layers.compare(graph(), [reference, reference], device=[reference[:1], reference[:1] + np.int8(1)])
    assert [row.device for row in rows] == [Difference(0.0, 0.0), Difference(1.0, 1.0)]
    assert [row.sqnr_db for row in rows] == [None, None]


# --- causes -----------------------------------------------------------------------------------------------------------


def found(g: Graph, real: list[np.ndarray], stored: list[np.ndarray], kernel: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    rows = layers.compare(g, stored, floats=real)
    return causes.find(g, rows, real, "tflite-micro", [None, kernel])


NORMAL = RNG.normal(0, 4, (2, 1, 4, 8))


def test_nothing_diverges() -> None:
    layer, sentence = found(graph(), [NORMAL, NORMAL], [quantize(NORMAL)] * 2)
    assert layer is None and sentence.startswith("No layer diverges; the noisiest is 'first' with 4")


def test_calibration_that_cuts_values_off() -> None:
    layer, sentence = found(graph(0.01), [NORMAL / 10, NORMAL], [quantize(NORMAL / 10, 0.01), quantize(NORMAL, 0.01)])
    assert layer == "second"
    assert "Usual cause: calibration data" in sentence and "are outside its range" in sentence


def test_clipping_counts_before_the_noise_is_bad() -> None:
    """A few clipped values hardly change the noise, but they are calibration's mistake."""
    real = NORMAL / 4
    real[0, 0, 0, :2] = 13.5
    layer, sentence = found(graph(), [NORMAL / 4, real], [quantize(NORMAL / 4), quantize(real)])
    assert layer == "second" and "3.1% of the float model's values are outside" in sentence
    rows = layers.compare(graph(kind="SOFTMAX"), [quantize(real)] * 2, floats=[NORMAL / 4, real])
    layer, _ = causes.find(graph(kind="SOFTMAX"), (replace(rows[0], sqnr_db=30.0), rows[1]), None, "tflite-micro")
    assert rows[1].clipped == 2 / 64 and layer is None, "a softmax has its range by definition"


def test_clipping_behind_a_pool_is_of_the_layer_that_set_the_range() -> None:
    """A pool has the range of what it reads, and the largest of several values is clipped more often than one."""
    real = NORMAL / 8
    real[0, 0, 0, 0] = 12.9
    pooled = NORMAL / 8
    pooled[0, 0, 0, :2] = 12.9
    layer, sentence = found(
        graph(kind="AVERAGE_POOL_2D"), [NORMAL / 8, pooled], [quantize(NORMAL / 8), quantize(pooled)]
    )
    assert layer == "first" and sentence.startswith(
        "Layer 'first' (RELU) is the first that diverges from the float model: "
    )
    assert (
        "0.0% of the float model's values are outside its range, and 3.1% after 'second' (AVERAGE_POOL_2D)" in sentence
    )
    g = graph(kind="MAX_POOL_2D")
    chain = replace(g, ops=(replace(g.ops[0], kind="MAX_POOL_2D"), g.ops[1]))
    layer, sentence = found(chain, [real, pooled], [quantize(real), quantize(pooled)])
    assert layer == "first" and "1.6% of the float model's values are outside its range:" in sentence
    rows = layers.compare(g, [quantize(real), quantize(pooled)], floats=[None, pooled])
    layer, _ = causes.find(g, rows, [None, pooled], "tflite-micro")
    assert layer == "second", "the layer that set the range is none of the float model's"


def test_calibration_that_leaves_the_range_empty() -> None:
    small = NORMAL / 40
    layer, sentence = found(graph(), [small, small], [quantize(small)] * 2)
    assert layer == "first"
    assert "Usual cause: calibration data" in sentence and "of its range is never used" in sentence


def test_an_outlier_channel() -> None:
    real = NORMAL / 40
    real[..., 5] *= 40
    noisy = real + RNG.normal(0, 0.3, real.shape)
    layer, sentence = found(graph(), [NORMAL, real], [quantize(NORMAL), quantize(noisy)])
    assert layer == "second"
    assert "Usual cause: an outlier channel. All channels share one scale, and channel 5 has" in sentence


def test_a_per_tensor_operator() -> None:
    kernel = np.ones((8, 8), np.float32)
    kernel[2] = 30.0  # output channel 2
    noisy = NORMAL + RNG.normal(0, 2.0, NORMAL.shape)
    per_tensor = graph(weights=Quantization((0.2,), (0,)), kind="FULLY_CONNECTED")
    layer, sentence = found(per_tensor, [NORMAL, NORMAL], [quantize(NORMAL), quantize(noisy)], kernel)
    assert layer == "second"
    assert "a per-tensor operator" in sentence and "channel 2 are 30 times" in sentence
    per_channel = graph(weights=Quantization((0.2,) * 8, (0,) * 8), kind="FULLY_CONNECTED")
    _, sentence = found(per_channel, [NORMAL, NORMAL], [quantize(NORMAL), quantize(noisy)], kernel)
    assert "No single cause stands out" in sentence


def test_an_error_that_grows() -> None:
    noisy = [NORMAL + RNG.normal(0, share * NORMAL.std(), NORMAL.shape) for share in (0.08, 0.13)]
    layer, sentence = found(graph(), [NORMAL, NORMAL], [quantize(values) for values in noisy])
    assert layer == "second" and "the error grows from layer to layer" in sentence


def test_a_wrong_kernel_comes_before_everything_else() -> None:
    stored = quantize(NORMAL)
    wrong = stored.copy()
    wrong[0, 0, 1, 2] += 1
    rows = layers.compare(graph(), [stored, stored], floats=[NORMAL * 100, NORMAL], device=[stored, wrong])
    layer, sentence = causes.find(graph(), rows, [NORMAL * 100, NORMAL], "tflite-micro")
    assert layer == "second"
    assert "All layers before it are equal, so its kernel computes wrong numbers" in sentence
    assert "1.56% of its values, by up to 1" in sentence
    _, sentence = causes.find(graph(), rows, None, "ai-edge-litert", exact=False)
    assert "a step or two is normal" in sentence


# --- the whole, on real files -----------------------------------------------------------------------------------------

HERE = Path(__file__).parent
needs_tflm = pytest.mark.skipif(
    not oracle.is_installed(oracle.TFLM), reason="tflite-micro has no wheel for this machine"
)


@needs_tflm
def test_examine_finds_the_kernel_that_is_wrong() -> None:
    """flatten.tflite on TFLM and LiteRT; the device's numbers are TFLM's, except one value."""
    from tools.graph import passes, read
    from tools.oracle import layers, signature
    from tools.runtimes import Program, Reported

    tflite = (HERE / "flatten.tflite").read_bytes()
    model = signature.read(tflite, "flatten")
    inputs = tuple(RNG.integers(-128, 128, (3, *port.sample_shape)).astype(port.dtype) for port in model.inputs)
    own = passes.run(read.read(tflite, "flatten"))
    every = layers.outputs(oracle.TFLM, tflite, own, inputs, "flatten")
    expected = oracle.expected(tflite, inputs)
    np.testing.assert_array_equal(every[-1].reshape(expected.outputs[0].shape), expected.outputs[0])

    vectors = Vectors(inputs, expected.outputs, None, (), "tflite-micro", True)
    quantized = Quantized("flatten", "int8", tflite, own.sha256, HERE / "flatten.tflite", vectors)
    firmware = Identity("host", "host", "aot", "")
    device = [[array[sample].copy() for array in every] for sample in range(2)]
    program = Program(tflite, own, tuple(Reported(op.name, op.kind, own.output(op)) for op in own.ops))
    clean = compare.examine(quantized, program, None, device, firmware, None)
    assert (clean.layer, clean.samples, clean.device_samples, clean.reference) == (None, 3, 2, "tflite-micro")
    assert [row.device for row in clean.layers] == [Difference(0.0, 0.0)] * len(own.ops)
    assert clean.finding == "No layer diverges."
    many = replace(quantized, vectors=replace(vectors, inputs=tuple(np.resize(a, (70, *a.shape[1:])) for a in inputs)))
    longer = compare.examine(many, program, None, [device[i] for i in (0, 1)] + [device[0]] * 68, firmware, None)
    assert (longer.samples, longer.device_samples) == (70, 70), "more than SAMPLES where the device had more"
    at = len(own.ops) - 1
    device[1][at].reshape(-1)[0] ^= 1
    spoiled = compare.examine(quantized, program, None, device, firmware, None)
    assert spoiled.layer == own.ops[at].name and "wrong numbers" in spoiled.finding


def test_the_float_model_gets_what_the_quantized_one_gets() -> None:
    """Without data both test sets are random numbers, each of its own type: no two samples would be the same."""
    from tools.oracle import signature

    tflite = (HERE / "flatten.tflite").read_bytes()
    (port,) = signature.read(tflite, "flatten").inputs

    def made(inputs: np.ndarray) -> Quantized:
        return Quantized("flatten", "int8", tflite, "", HERE, Vectors((inputs,), (), None, (), "", True))

    real = RNG.random((4, *port.sample_shape)).astype(np.float32)
    same = made(port.quantize(real))
    np.testing.assert_array_equal(compare.real_inputs(same, made(real), 3)[0], real[:3])
    (given,) = compare.real_inputs(same, made(real[::-1]), 3)
    assert given.dtype == np.float32
    np.testing.assert_array_equal(port.quantize(given), same.vectors.inputs[0][:3])


def test_layers_are_paired_in_order_over_what_only_one_side_has() -> None:
    from tools.oracle.layers import pairs

    mine = graph()
    quantize_op = Op(0, "QUANTIZE", "q", (0,), (1,))
    shifted = replace(
        mine,
        tensors=(*mine.tensors, replace(mine.tensors[0], index=3)),
        ops=(quantize_op, *(replace(op, index=op.index + 1, inputs=op.outputs, outputs=(3,)) for op in mine.ops)),
    )
    assert [op and op.name for op in pairs(shifted, mine)] == [None, "first", "second"]
    assert [op and op.index for op in pairs(mine, shifted)] == [1, 2]


def test_sections_of_what_is_no_elf(tmp_path: Path) -> None:
    path = tmp_path / "firmware.elf"
    path.write_bytes(b"no")
    with pytest.raises(BuildError, match="cannot be read as an ELF file"):
        sections.read(path)
