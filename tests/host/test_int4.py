"""int4 weights: kerf's kernels equal TFLM's around int8 activations, LiteRT's around float ones."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from against_tflm import Result, run_cases, run_litert
from single_op import OpSpec, single_op
from test_against_litert import asymmetric, biased
from test_conv_2d import conv
from test_conv_2d import generated as convs
from test_fully_connected import dense
from test_fully_connected import generated as denses

from tools.errors import UnsupportedModel
from tools.graph import passes, read


def narrow(case: list[OpSpec], seed: int = 0) -> list[OpSpec]:
    """The same layer with random weights -8 … 7 on scales 16 times larger."""
    (op,) = case
    weights = op.inputs[1]
    assert weights is not None and weights.data is not None and weights.scale is not None
    data = np.random.default_rng(seed).integers(-8, 8, weights.data.shape, np.int8)
    scale = [16 * s for s in weights.scale] if isinstance(weights.scale, list) else 16 * weights.scale
    int4 = replace(weights, dtype="int4", data=data, scale=scale)
    biases = [b and replace(b, scale=b.scale and 16 * b.scale) for b in op.inputs[2:]]  # of the products' scale
    return [replace(op, inputs=[op.inputs[0], int4, *biases])]


def narrowed(prefix: str, cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    """TFLM does not support an int4 dense layer with a scale per channel."""
    return {f"{prefix} {name}": narrow(case, i) for i, (name, case) in enumerate(cases.items())}


def per_tensor(cases: Mapping[str, list[OpSpec]]) -> dict[str, list[OpSpec]]:
    return {name: case for name, case in cases.items() if not isinstance(case[0].inputs[1].scale, list)}


CASES = {
    "conv, even filters": narrow(conv(1, depth=4)),
    "conv, odd filters": narrow(conv(2, depth=3, channels=9)),
    "conv, one weight": narrow(conv(3, depth=1, filter_size=(1, 1), channels=1)),
    "conv, groups": narrow(conv(4, depth=6, channels=10, groups=2, filter_size=(1, 3))),
    "dense, odd depth": narrow(dense(5, shape=(2, 13), depth=13, channels=9, bias_limit=None)),
    "dense, even depth": narrow(dense(6, shape=(2, 14), depth=14, channels=9, bias_limit=None)),
    **narrowed("conv", convs(40, "int8")),
    **narrowed("dense", per_tensor(denses(30, "int8"))),
}
LITERT_CASES = {
    "conv": narrow(conv(1, "dynamic", depth=4)),
    "conv, one weight scale": narrow(conv(2, "dynamic", depth=3, weight_scale=0.01)),
    "conv, odd filters": narrow(conv(3, "dynamic", depth=3, channels=9)),
    "dense": narrow(dense(4, "dynamic", shape=(3, 13), depth=13, channels=9, weight_scale=None)),
    **narrowed("conv", biased(convs(20, "dynamic"))),
    **narrowed("dense", denses(15, "dynamic")),
    **narrowed("asymmetric dense", {name: asymmetric(case) for name, case in denses(15, "dynamic").items()}),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(CASES, tmp_path_factory.mktemp("int4"))


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(LITERT_CASES, tmp_path_factory.mktemp("hybrid"), oracle=run_litert)


@pytest.mark.compiler
@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


@pytest.mark.compiler
@pytest.mark.parametrize("name", LITERT_CASES)
def test_hybrid_equals_litert(hybrid: dict[str, Result], name: str) -> None:
    hybrid[name].check()


def test_is_read_as_numbers_and_counted_as_half_bytes() -> None:
    (op,) = narrow(conv(1, depth=3, filter_size=(1, 3), channels=3))
    weights = op.inputs[1]
    assert weights is not None
    graph = passes.run(read.read(single_op(op.kind, op.inputs, op.outputs, op.options_table, **op.options), "m"))
    tensor = graph.input(graph.ops[0], 1)
    np.testing.assert_array_equal(tensor.data, weights.data)
    assert tensor.bytes == 14, "27 of them"


def test_refuses_int4_that_is_computed() -> None:
    (op,) = narrow(conv(1))
    weights = replace(op.inputs[1], data=None)
    file = single_op(op.kind, [op.inputs[0], weights], op.outputs, op.options_table, **op.options)
    with pytest.raises(UnsupportedModel, match="is computed in int4, which only constants may have"):
        passes.run(read.read(file, "m"))
