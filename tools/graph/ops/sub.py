"""SUB: the difference of two tensors, broadcast against each other."""

from typing import Any

import tflite

from ..operator import Operator, portable
from ._quantized import activation_name, options
from ._specification import takes_no_uint8
from ._sum import Attributes, call, check


def parse(operator: Any) -> Attributes:
    return Attributes(activation_name(options(operator, tflite.SubOptions).FusedActivationFunction()))


OPERATOR = Operator(
    summary="elementwise difference with broadcasting and fused activation",
    types=("int8", "int16", "float32", "int32", "uint8"),
    check=check,
    variants=portable(call),
    parse=parse,
    left_out_by_tflm=takes_no_uint8,
)
