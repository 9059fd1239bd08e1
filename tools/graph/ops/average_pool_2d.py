"""AVERAGE_POOL_2D: graph operator → call of kernels/average_pool_2d.h."""

from ._pool_2d import pool_operator

OPERATOR = pool_operator("average_pool_2d", summary="average of a sliding window, with fused activation")
