"""PACK: stacks tensors along a new dimension; supported only for constants, which passes/fold.py evaluates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from ..ir import Op, Tensor
from ..operator import EVERY_INPUT, Operator
from ._folded import check, is_index
from ._quantized import options


@dataclass(frozen=True)
class Attributes:
    """Inputs are stacked along a new dimension ``axis``."""

    axis: int


def parse(operator: Any) -> Attributes:
    return Attributes(options(operator, tflite.PackOptions).Axis())


def evaluate(op: Op, tensors: Sequence[Tensor]) -> npt.NDArray[Any] | None:
    """The stacked inputs if all are constants, else None."""
    *sources, output = tensors
    values = [tensor.data for tensor in sources if tensor.data is not None]
    if not is_index(output) or len(values) != len(sources):
        return None
    return np.stack(values, op.attributes.axis).astype(output.dtype.value)


OPERATOR = Operator(
    summary="constants stacked along a new dimension, at compile time",
    types=(),
    check=check,
    variants=(),
    parse=parse,
    evaluate=evaluate,
    one_quantization=EVERY_INPUT,
)
