"""The assembly of kernels/float_products.h, on the core that has it: every float32 layer equals TFLM's, bit for bit.

`test_cases.py` runs some of the same layers on every core.
"""

from pathlib import Path

import against_tflm
import numpy as np
import on_core
import pytest
import test_conv_2d
import test_depthwise_conv_2d
import test_fully_connected
from single_op import OpSpec, build

pytestmark = pytest.mark.emulator

TABLES = (test_conv_2d, test_depthwise_conv_2d, test_fully_connected)
CASES = {
    f"{table.__name__} {name}": case
    for table in TABLES
    for name, case in table.CASES.items()
    if case[0].outputs[0].dtype == "float32"
}
SPECIAL = np.array([np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-42, -1e-42, -0.0], np.float32)


def test_every_layer_equals_tflm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_core.require("M4")
    on_core.take_over(monkeypatch, "M4")
    results = against_tflm.run_cases(CASES, tmp_path)
    assert len(results) > 80
    for result in results.values():
        result.check()


@pytest.mark.parametrize(
    "case",
    [
        test_conv_2d.conv(1, "float32", depth=9, channels=5),
        test_conv_2d.conv(2, "float32", depth=9, channels=5, fused="RELU6"),
        test_depthwise_conv_2d.depthwise(3, "float32", depth=9),
        test_depthwise_conv_2d.depthwise(4, "float32", depth=9, fused="RELU6"),
        test_fully_connected.dense(5, "float32", channels=5, fused="RELU"),
    ],
    ids=["conv", "conv, RELU6", "depthwise", "depthwise, RELU6", "dense, RELU"],
)
def test_numbers_without_a_usual_sum(case: list[OpSpec], tmp_path: Path) -> None:
    """Infinities are clamped but NaN is not, due to the order of the comparisons; the kind of NaN depends on the
    core."""
    on_core.require("M4")
    source = case[0].inputs[0]
    assert source is not None
    samples = np.random.default_rng(1).normal(0, 1, (40, *source.shape)).astype(np.float32)
    for number, sample in enumerate(samples):
        sample.flat[number % sample.size] = SPECIAL[number % len(SPECIAL)]
    data = build(case)
    (ours,) = on_core.run("M4", data, [samples], tmp_path)
    (theirs,) = against_tflm.run_tflm(data, [samples], 1)
    np.testing.assert_array_equal(ours, theirs)
    assert np.isnan(theirs).any()
