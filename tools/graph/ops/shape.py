"""SHAPE: the dimensions of a tensor, which are known at compile time; passes/fold.py evaluates it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import Op, Tensor
from ..operator import Operator
from ._folded import check, is_index


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The input's shape, in the output's type."""
    source, output = tensors
    return np.array(source.shape, output.dtype.value) if is_index(output) else None


OPERATOR = Operator(
    summary="dimensions of a tensor, at compile time",
    types=(),
    check=check,
    variants=(),
    evaluate=evaluate,
)
