"""Operators whose result is known at compile time are computed then, and not on the device."""

import numpy as np
import pytest
from single_op import OpSpec, TensorSpec, build

from tools.errors import ModelError
from tools.graph import passes, read


def reshape_to(dtype: str, *, computed: str = "int32") -> bytes:
    """RESHAPE of 2x3 to a shape that PACK joins from constants of a type, into a tensor of type ``computed``."""
    first, second = (TensorSpec((), dtype, data=np.array(n, dtype)) for n in (3, 2))
    shape = TensorSpec((2,), computed)
    pack = OpSpec("PACK", [first, second], [shape], "PackOptions", {"ValuesCount": 2})
    x = TensorSpec((2, 3), "float32")
    return build([pack, OpSpec("RESHAPE", [x, shape], [TensorSpec((3, 2), "float32")], "ReshapeOptions")], [x])


def test_shape_of_constants_is_folded() -> None:
    graph = passes.run(read.read(reshape_to("int32"), "net"))
    assert [op.kind for op in graph.ops] == ["RESHAPE"]


@pytest.mark.parametrize("dtype", ["int64", "float32", "complex64"])
def test_constants_of_another_type_are_refused(dtype: str) -> None:
    with pytest.raises(ModelError, match=rf"PACK .* gives an output of type {dtype}, but in the file it is int32"):
        passes.run(read.read(reshape_to(dtype), "net"))
