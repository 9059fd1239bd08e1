"""MAX_POOL_2D: graph operator → call of kernels/max_pool_2d.h."""

from ._pool_2d import pool_operator

OPERATOR = pool_operator("max_pool_2d", summary="maximum of a sliding window, with fused activation")
