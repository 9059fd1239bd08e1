"""PRELU: x, or alpha * x for negative x; alpha is a tensor that broadcasts, often one number per channel."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Tensor
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_shapes
from ._elementwise import rescale
from ._quantized import (
    INTEGERS,
    check_arity,
    check_per_tensor,
    check_present,
    check_types,
    describe,
)

FLOAT32_RANK = 4  # of TFLM's kernel
LARGEST = {DType.INT8: 255, DType.INT16: 32768}  # magnitude of an element minus its zero point


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, alpha, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    dtype = check_types(op, source, output)
    check_types(op, alpha, allowed=(DType.INT8 if dtype in INTEGERS else DType.FLOAT32,))
    check_shapes(op, source, alpha, output)
    if source.shape != output.shape:
        raise UnsupportedModel(
            f"{op.where}: its alpha {describe(alpha)} is larger than its input {describe(source)}; repeat the input "
            f"in the Keras model"
        )
    if dtype is DType.FLOAT32 and max(len(source.shape), len(alpha.shape)) > FLOAT32_RANK:
        raise UnsupportedModel(
            f"{op.where}: {describe(source)} has {len(source.shape)} dimensions, but the kernel takes at most "
            f"{FLOAT32_RANK}; reshape it in the Keras model"
        )
    if dtype in INTEGERS:
        check_per_tensor(op, source, alpha, output)
        _multipliers(op, source, alpha, output)


def call(op: Op, graph: Graph) -> KernelCall:
    source, alpha, output = graph.input(op, 0), graph.input(op, 1), graph.output(op)
    if source.dtype is DType.FLOAT32:
        return broadcast_call(op, graph, "prelu.h", "prelu_float32", Params("BroadcastParams", {}))
    identity, sloped = _multipliers(op, source, alpha, output)
    fields = {
        "input_offset": -source.zero_point,
        "alpha_offset": -alpha.zero_point,
        "identity_multiplier": identity[0],
        "identity_shift": identity[1],
        "alpha_multiplier": sloped[0],
        "alpha_shift": sloped[1],
        "output_offset": output.zero_point,
    }
    dtype = source.dtype.value
    params = Params(f"Prelu{dtype.capitalize()}Params", fields)
    return broadcast_call(op, graph, "prelu.h", f"prelu_{dtype}", params)


def _multipliers(op: Op, source: Tensor, alpha: Tensor, output: Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """(multiplier, shift) of positive inputs and of products with alpha. Raises like rescale().

    TFLM: CalculatePreluParams in micro/kernels/prelu_common.cc.
    """
    largest = LARGEST[source.dtype]
    identity = rescale(op, source.scale / output.scale, largest)
    return identity, rescale(op, source.scale * alpha.scale / output.scale, largest * 255)


OPERATOR = Operator(
    summary="x, or alpha * x for negative x, with a tensor of alphas",
    types=("int8", "int16", "float32"),
    check=check,
    variants=portable(call),
)
