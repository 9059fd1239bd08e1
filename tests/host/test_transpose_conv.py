"""TRANSPOSE_CONV: kerf's kernels equal TFLM's, case by case."""

from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_cases
from cases import ACTIVATIONS, PADDINGS, activation, bias, channel_scales, fitting_scales, weights
from moving import constant
from single_op import OpSpec

pytestmark = pytest.mark.compiler


def transpose_conv(
    seed: int,
    dtype: str = "int8",
    size: tuple[int, int] = (3, 4),
    depth: int = 3,
    channels: int = 5,
    filter_size: tuple[int, int] = (3, 3),
    padding: str = "SAME",
    stride: tuple[int, int] = (2, 2),
    batches: int = 1,
    fused: str = "NONE",
    zero_points: tuple[int, int] = (-5, 3),
    one_scale: bool = False,
    bias_limit: int | None = 2000,
    fill: int | None = None,
    longer: int = 0,
) -> list[OpSpec]:
    """``longer``: rows and columns by which the output exceeds the usual size, less than the stride."""
    rng = np.random.default_rng(seed)
    usual = [
        n * step if padding == "SAME" else (n - 1) * step + window
        for n, step, window in zip(size, stride, filter_size, strict=True)
    ]
    output = (batches, *(n + min(longer, step - 1) for n, step in zip(usual, stride, strict=True)), channels)
    w_scale: Any = 0.01 if one_scale else channel_scales(rng, channels)
    products = max(1, filter_size[0] * filter_size[1] * depth // (stride[0] * stride[1]))
    in_scale, out_scale = fitting_scales((None, None), w_scale, products)
    x = activation((batches, *size, depth), dtype, in_scale, zero_points[0])
    y = activation(output, dtype, out_scale, zero_points[1])
    inputs: list[Any] = [constant(output), weights(rng, (channels, *filter_size, depth), dtype, 0, w_scale, fill), x]
    if bias_limit is not None:
        inputs.append(bias(rng, channels, dtype, 0.0005, bias_limit))
    options = {
        "Padding": PADDINGS[padding],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "FusedActivationFunction": ACTIVATIONS[fused],
    }
    return [OpSpec("TRANSPOSE_CONV", inputs, [y], "TransposeConvOptions", options)]


def generated(count: int, dtype: str) -> dict[str, list[OpSpec]]:
    rng = np.random.default_rng(21)
    return {
        f"{dtype} {number}": transpose_conv(
            number,
            dtype,
            size=tuple(int(n) for n in rng.integers(1, 6, 2)),  # type: ignore[arg-type]
            depth=int(rng.integers(1, 7)),
            channels=int(rng.integers(1, 10)),
            filter_size=tuple(int(n) for n in rng.integers(1, 5, 2)),  # type: ignore[arg-type]
            padding=str(rng.choice(["SAME", "VALID"])),
            stride=tuple(int(n) for n in rng.integers(1, 4, 2)),  # type: ignore[arg-type]
            batches=int(rng.choice([1, 1, 2])),
            fused=str(rng.choice(list(ACTIVATIONS))),
            zero_points=tuple(int(z) for z in rng.choice([-128, -7, 0, 44, 127], 2)),  # type: ignore[arg-type]
            one_scale=bool(rng.integers(2)),
            bias_limit=(None, 0, 3000)[rng.integers(3)],
            longer=int(rng.integers(0, 3)),
        )
        for number in range(count)
    }


CASES = {
    "stride larger than the filter": transpose_conv(1, filter_size=(1, 2), stride=(4, 3)),
    "filter larger than the image": transpose_conv(2, size=(1, 2), filter_size=(7, 5)),
    "all weights -128": transpose_conv(3, fill=-128, depth=40, zero_points=(127, 0), one_scale=True),
    "bias that overflows the sum": transpose_conv(4, fill=127, bias_limit=2**31 - 1, one_scale=True),
    "autoencoder": transpose_conv(5, size=(7, 7), depth=16, channels=8),
    "int16, all weights 127": transpose_conv(6, "int16x8", fill=127, depth=60),
    **generated(40, "int8"),
    **generated(40, "int16x8"),
    **generated(40, "float32"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("transpose_conv"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
