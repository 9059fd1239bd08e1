"""L2_POOL_2D: graph operator → call of kernels/l2_pool_2d.h."""

from ..ir import DType
from ._pool_2d import pool_operator

OPERATOR = pool_operator(
    "l2_pool_2d", summary="root mean square of a sliding window, with fused activation", types=(DType.FLOAT32,)
)
