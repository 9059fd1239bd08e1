"""RELU as a standalone operator."""

from ._relu import relu_operator

OPERATOR = relu_operator("max(x, 0) of each element", types=("int8", "int16", "float32"))
