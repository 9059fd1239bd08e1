"""RELU6 as a standalone operator."""

from ._relu import relu_operator
from ._specification import does_not_convert

OPERATOR = relu_operator(
    "min(max(x, 0), 6) of each element", types=("int8", "int16", "float32"), left_out=does_not_convert
)
