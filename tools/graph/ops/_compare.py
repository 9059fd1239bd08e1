"""Shared by comparisons and logical operators on two tensors: everything except the predicate."""

from ...errors import UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Tensor
from ..operator import Operator, portable
from ._broadcast import broadcast_call, check_operands, rescaled
from ._quantized import describe, quantize_multiplier

NUMBERS = ("int8", "float32", "int32", "int64")


def comparison(summary: str, predicate: str, types: tuple[str, ...] = NUMBERS) -> Operator:
    """An operator that evaluates a ``predicate``, the C++ name of a function object in <functional>."""

    def check(op: Op, graph: Graph) -> None:
        first, second, _ = check_operands(op, graph, [DType(name) for name in types], result=DType.BOOL)
        if first.dtype is DType.INT8:
            for tensor in (first, second):
                _check_scale(op, tensor)

    def call(op: Op, graph: Graph) -> KernelCall:
        first, second = graph.input(op, 0), graph.input(op, 1)
        if first.dtype is not DType.INT8:
            return broadcast_call(op, graph, "compare.h", "compare", Params("BroadcastParams", {}), predicate)
        fields = rescaled((first, second), [quantize_multiplier(tensor.scale) for tensor in (first, second)])
        return broadcast_call(op, graph, "compare.h", "compare_int8", Params("CompareInt8Params", fields), predicate)

    return Operator(summary=summary, types=types, check=check, variants=portable(call))


def _check_scale(op: Op, tensor: Tensor) -> None:
    """Raises UnsupportedModel for scales on which TFLM aborts: QuantizeMultiplierSmallerThanOneExp in
    quantization_util.cc."""
    if tensor.scale >= 1:
        raise UnsupportedModel(
            f"{op.where}: {describe(tensor)} has the scale {tensor.scale:.3g}, but the kernel takes only scales below "
            f"1; divide both of its inputs in the Keras model"
        )
