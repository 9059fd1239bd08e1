"""RELU_0_TO_1 as a standalone operator; LiteRT has no int16 kernel."""

from ._relu import relu_operator

OPERATOR = relu_operator("min(max(x, 0), 1) of each element", types=("int8", "float32"), litert_alone=True)
