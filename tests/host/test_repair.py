"""tools/repair.py: operators that the converter left in float become integer, and compute the same."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from single_op import OpSpec, TensorSpec, build
from test_unidirectional_sequence_lstm import lstm

from tools import oracle, repair
from tools.graph import read
from tools.oracle import signature

SCALE, ZERO_POINT = 0.03, 5


def split(used: Sequence[int], scale: float = SCALE) -> bytes:
    """An int8 tensor split into thirds in float; only the ``used`` thirds are read, quantized with ``scale``."""
    source = TensorSpec((1, 6), "int8", SCALE, ZERO_POINT)
    wide, axis = TensorSpec((1, 6), "float32"), TensorSpec((), "int32", data=np.array(1, np.int32))
    thirds = [TensorSpec((1, 2), "float32") for _ in range(3)]
    narrow = [TensorSpec((1, 2), "int8", scale, ZERO_POINT) for _ in used]
    ops = [
        OpSpec("DEQUANTIZE", [source], [wide]),
        OpSpec("SPLIT", [axis, wide], thirds, "SplitOptions", {"NumSplits": 3}),
    ]
    ops += [OpSpec("QUANTIZE", [thirds[i]], [tensor]) for i, tensor in zip(used, narrow, strict=True)]
    return build(ops, outputs=narrow)


@pytest.mark.parametrize("used", [[0, 1, 2], [1, 2], [0]])
def test_a_split_in_float_becomes_one_of_integers(used: list[int]) -> None:
    data = split(used)
    mended = repair.mend(data, "split")
    assert [op.kind for op in read.read(mended, "split").ops] == ["SPLIT"]
    assert (signature.read(data, "split").is_integer, signature.read(mended, "split").is_integer) == (False, True)
    assert repair.mend(mended, "split") is mended
    x = np.random.default_rng(0).integers(-128, 128, (20, 1, 6), np.int8)
    for before, after in zip(
        *(oracle.outputs(oracle.LITERT, each, [x], "split") for each in (data, mended)), strict=True
    ):
        assert np.array_equal(before, after)


def test_a_split_into_another_scale_is_left_as_it_is() -> None:
    data = split([0, 1], scale=2 * SCALE)
    assert repair.mend(data, "split") is data


def test_the_output_of_an_lstm_is_requantized() -> None:
    """The output gets the quantization that a concatenation needs; the hidden state keeps its own."""
    if not oracle.is_installed(oracle.TFLM):
        pytest.skip(f"{oracle.TFLM} is not installed")
    (op,) = lstm("int8", hidden=(1 / 100, 7))
    (output,) = op.outputs
    wrong = TensorSpec(output.shape, "int8", 1 / 64, -20)
    data = build([replace(op, outputs=[wrong])])
    mended = repair.mend(data, "lstm")
    assert [op.kind for op in read.read(mended, "lstm").ops] == ["UNIDIRECTIONAL_SEQUENCE_LSTM", "QUANTIZE"]
    x = np.random.default_rng(0).integers(-128, 128, (5, *op.inputs[0].shape), np.int8)
    (plain,) = oracle.outputs(oracle.TFLM, build([op]), [x], "lstm")
    (found,) = oracle.outputs(oracle.TFLM, mended, [x], "lstm")
    assert np.abs((found + 20.0) / 64 - (plain - 7.0) / 100).max() <= 0.5 / 64 + 1e-6
    assert repair.mend(mended, "lstm") is mended
