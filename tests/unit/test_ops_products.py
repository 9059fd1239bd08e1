"""BATCH_MATMUL and SVDF: what their checks refuse."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_ops_elementwise import make, tensor

from tools.errors import ModelError, UnsupportedModel
from tools.graph.ir import Tensor

PLAIN = {"is_transposed": (False, False)}
A, B, C = tensor((2, 3)), tensor((3, 4)), tensor((2, 4))
DEEP = tensor((1, 1, 1, 1, 2, 3))
WIDE = tensor((1, 1 << 17), "int16"), tensor((1 << 17, 1), "int16"), tensor((1, 1), "int16")

RANK_2 = {"rank": 2, "activation": "NONE"}
X, FEATURE, TIME = tensor((1, 5)), tensor((4, 5), scale=0.01), tensor((4, 3), scale=0.01)
BIAS, OUT = tensor((2,), "int32", data=[1, 2]), tensor((1, 2))
STATE = replace(tensor((1, 12)), initial=np.zeros((1, 12), np.int8))
SVDF = [X, FEATURE, TIME, BIAS, STATE]
FLOATS = [replace(t, dtype=tensor((1,), "float32").dtype, quantization=None) for t in (*SVDF, OUT)]


def svdf(position: int, changed: Tensor | None) -> list[Tensor | None]:
    return [changed if i == position else each for i, each in enumerate(SVDF)]


REFUSED = [
    ("BATCH_MATMUL", [A, A], [C], PLAIN, ModelError, "cannot be multiplied"),
    ("BATCH_MATMUL", [A, B], [C], {"is_transposed": (True, False)}, ModelError, "cannot be multiplied"),
    ("BATCH_MATMUL", [A, B], [A], PLAIN, ModelError, "should be 2x4"),
    ("BATCH_MATMUL", [tensor((2, 2, 3)), tensor((3, 3, 4))], [C], PLAIN, ModelError, "cannot be multiplied"),
    ("BATCH_MATMUL", [tensor((3,)), B], [C], PLAIN, UnsupportedModel, "has 1 dimensions, but the kernel takes 2 to 5"),
    ("BATCH_MATMUL", [DEEP, B], [C], PLAIN, UnsupportedModel, "has 6 dimensions"),
    ("BATCH_MATMUL", [tensor((2, 3), "float32"), B], [C], PLAIN, UnsupportedModel, "mixes"),
    ("BATCH_MATMUL", [A, tensor((3, 4), scales=(0.1,) * 3)], [C], PLAIN, UnsupportedModel, "quantized per channel"),
    ("BATCH_MATMUL", [*WIDE[:2]], [WIDE[2]], PLAIN, UnsupportedModel, "exceeds the arithmetic"),
    ("SVDF", svdf(1, tensor((4, 6))), [OUT], RANK_2, ModelError, "should be 4x5"),
    ("SVDF", svdf(2, tensor((3, 3))), [OUT], RANK_2, ModelError, "3 filters cannot be divided by its rank 2"),
    ("SVDF", SVDF, [OUT], {"rank": 0, "activation": "NONE"}, ModelError, "cannot be divided by its rank 0"),
    ("SVDF", svdf(2, tensor((4, 3), "int16")), [OUT], RANK_2, UnsupportedModel, "no kernel combines"),
    ("SVDF", svdf(2, tensor((4, 3), zero_point=1)), [OUT], RANK_2, UnsupportedModel, "zero point other than 0"),
    ("SVDF", svdf(1, tensor((4, 5), scales=(0.1,) * 4)), [OUT], RANK_2, UnsupportedModel, "per channel"),
    ("SVDF", svdf(4, tensor((1, 12))), [OUT], RANK_2, ModelError, "is not a variable"),
    ("SVDF", svdf(4, None), [OUT], RANK_2, ModelError, "input 4 is absent"),
    ("SVDF", svdf(4, replace(STATE, shape=(1, 8))), [OUT], RANK_2, ModelError, "should be 1x12"),
    ("SVDF", svdf(3, replace(BIAS, quantization=X.quantization)), [OUT], RANK_2, ModelError, "has the scale 0.1"),
    ("SVDF", svdf(0, tensor((5,))), [OUT], RANK_2, UnsupportedModel, "has 1 dimensions"),
    ("SVDF", FLOATS[:5], FLOATS[5:], {"rank": 2, "activation": "TANH"}, UnsupportedModel, "activation TANH"),
]


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "attributes", "error", "words"), REFUSED, ids=[f"{r[0]} {r[5]}" for r in REFUSED]
)
def test_refused(
    kind: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    attributes: dict[str, Any],
    error: type[ModelError],
    words: str,
) -> None:
    operator, op, graph = make(kind, inputs, outputs, attributes)
    with pytest.raises(error, match=words) as caught:
        operator.check(op, graph)
    assert str(caught.value).startswith(f"operator 7 {kind} 'block/layer'")
