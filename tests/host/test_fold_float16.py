"""float16 constants behind DEQUANTIZE: they stay float16 where a kernel widens them, and become float32 elsewhere."""

import numpy as np
import pytest
from cases import with_float16_widened
from single_op import OpSpec, TensorSpec, build

from tools.errors import ModelError
from tools.graph import passes, read
from tools.graph.ir import DType, Graph


def dense(weights: np.ndarray, bias: np.ndarray | None) -> OpSpec:
    channels, depth = weights.shape
    x, y = TensorSpec((1, depth), "float32"), TensorSpec((1, channels), "float32")
    w = TensorSpec(weights.shape, weights.dtype.name, data=weights)
    b = None if bias is None else TensorSpec(bias.shape, bias.dtype.name, data=bias)
    return OpSpec("FULLY_CONNECTED", [x, w, b], [y], "FullyConnectedOptions", {})


def constants(graph: Graph) -> dict[tuple[int, ...], DType]:
    return {t.shape: t.dtype for t in graph.tensors if t.data is not None}


WEIGHTS, BIAS = np.arange(6, dtype=np.float16).reshape(3, 2) / 8, np.ones(3, np.float16)


@pytest.mark.parametrize("bias", [BIAS, None], ids=["bias", "no bias"])
def test_weights_stay_half_as_large(bias: np.ndarray | None) -> None:
    graph = passes.run(read.read(build(with_float16_widened(dense(WEIGHTS, bias))), "m"))
    assert [op.kind for op in graph.ops] == ["FULLY_CONNECTED"]
    kept = constants(graph)
    assert set(kept.values()) == {DType.FLOAT16}
    assert sum(t.bytes for t in graph.tensors if t.data is not None) == 2 * (6 + (0 if bias is None else 3))


def test_a_float32_bias_widens_the_weights() -> None:
    graph = passes.run(read.read(build(with_float16_widened(dense(WEIGHTS, BIAS.astype(np.float32)))), "m"))
    assert constants(graph) == {(3, 2): DType.FLOAT32, (3,): DType.FLOAT32}
    weights = next(t.data for t in graph.tensors if t.shape == (3, 2))
    np.testing.assert_array_equal(weights, WEIGHTS.astype(np.float32))


def test_other_operators_get_float32() -> None:
    x, y = TensorSpec((1, 3), "float32"), TensorSpec((1, 3), "float32")
    add = OpSpec("ADD", [x, TensorSpec((3,), "float16", data=BIAS)], [y], "AddOptions", {})
    graph = passes.run(read.read(build(with_float16_widened(add)), "m"))
    assert [op.kind for op in graph.ops] == ["ADD"]
    assert constants(graph) == {(3,): DType.FLOAT32}


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, np.nan])
def test_refuses_what_is_no_number(wrong: float) -> None:
    weights = WEIGHTS.copy()
    weights[1, 1] = wrong
    with pytest.raises(ModelError, match=r"must be a constant without infinities or NaNs; weights beyond 65,504"):
        passes.run(read.read(build(with_float16_widened(dense(weights, BIAS))), "m"))
