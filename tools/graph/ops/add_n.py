"""ADD_N: the sum of several tensors of one shape and quantization."""

from ...errors import UnsupportedModel
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._order import elementwise
from ._quantized import check_arity, check_per_tensor, check_present, check_shape, check_types
from ._running_sum import check_sums, sum_multiplier
from ._specification import describe_quantized, ignores_zero_points, same_quantization

LARGEST = 31  # inputs: their sum in Q19 fits in 32 bits


def check(op: Op, graph: Graph) -> None:
    if len(op.inputs) > LARGEST:
        raise UnsupportedModel(
            f"{op.where}: adds {len(op.inputs)} tensors, but the kernel takes at most {LARGEST}; add them in two layers"
        )
    check_arity(op, range(2, LARGEST + 1))
    check_present(op, *range(len(op.inputs)))
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    dtype = check_types(op, *sources, output, allowed=(DType.INT8, DType.FLOAT32))
    for source in sources:
        check_shape(op, source, output.shape)
    if dtype is DType.FLOAT32:
        return
    check_per_tensor(op, *sources, output)
    for source in sources[1:]:
        if not same_quantization(source, sources[0]):
            raise UnsupportedModel(
                f"{op.where}: {describe_quantized(sources[0])} and {describe_quantized(source)} differ in "
                f"quantization, but the kernel takes a single one; add them one by one in the Keras model"
            )
    check_sums(op, graph)


def call(op: Op, graph: Graph) -> KernelCall:
    sources, output = [graph.input(op, i) for i in range(len(op.inputs))], graph.output(op)
    fields = {"count": output.elements}
    if output.dtype is DType.INT8:
        multiplier, shift = sum_multiplier(op, graph)
        fields |= {"multiplier": multiplier, "shift": shift}
    dtype = output.dtype.value
    last = Write(output.index, elementwise(op, graph, range(len(sources))))
    arguments: tuple[Argument, ...] = (last, *(Read(source.index) for source in sources))
    return KernelCall("add_n.h", f"add_n_{dtype}", (Params(f"AddN{dtype.capitalize()}Params", fields),), arguments)


OPERATOR = Operator(
    summary="elementwise sum of up to 31 tensors of equal shape",
    types=("int8", "float32"),
    check=check,
    variants=portable(call),
    left_out_by_tflm=ignores_zero_points,
)
