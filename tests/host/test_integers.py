"""tools/integers.py: operators that the converter left in float move integers again, and compute the same."""

from collections.abc import Sequence

import numpy as np
import pytest
from single_op import OpSpec, TensorSpec, build

from tools import integers, oracle
from tools.graph import read
from tools.oracle import signature

SCALE, ZERO_POINT = 0.03, 5


def split(used: Sequence[int], scale: float = SCALE) -> bytes:
    """Thirds of an int8 tensor, split in float; only the ``used`` ones are read, quantized with ``scale``."""
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
    mended = integers.mend(data, "split")
    assert [op.kind for op in read.read(mended, "split").ops] == ["SPLIT"]
    assert (signature.read(data, "split").is_integer, signature.read(mended, "split").is_integer) == (False, True)
    assert integers.mend(mended, "split") is mended
    x = np.random.default_rng(0).integers(-128, 128, (20, 1, 6), np.int8)
    for before, after in zip(
        *(oracle.outputs(oracle.LITERT, each, [x], "split") for each in (data, mended)), strict=True
    ):
        assert np.array_equal(before, after)


def test_a_split_into_another_scale_is_left_as_it_is() -> None:
    data = split([0, 1], scale=2 * SCALE)
    assert integers.mend(data, "split") is data
