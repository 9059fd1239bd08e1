"""Where integer kernels omit what TFLite's quantization specification requires, operator by operator.

real = scale * (quantized - zero point), https://ai.google.dev/edge/litert/models/quantization_spec. Some operators need
the same quantization for input and output (`check`): no interpreter converts between them, so different scales would
give wrong numbers. For others, TFLM's kernel omits the conversion but LiteRT's reference kernel does not
(`left_out_by_tflm`), or TFLM has no kernel at all: there LiteRT defines the result. This was found by running every
operator of TFLM in both interpreters and in float (tests/host/test_specification.py); see docs/decisions/0008.
"""

from ..errors import UnsupportedModel
from . import ops
from .ir import Graph, Op
from .operator import EVERY_INPUT
from .ops._quantized import ACTIVATIONS
from .ops._specification import QUANTIZED, describe_quantized, same_quantization


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel if the file needs something that no interpreter computes."""
    activation = getattr(op.attributes, "activation", "NONE")
    if activation not in ACTIVATIONS:
        raise UnsupportedModel(
            f"{op.where}: the fused activation {activation} has no kernel (supported: {', '.join(ACTIVATIONS)}), and "
            "interpreters ignore it; make it a layer of its own in the Keras model"
        )
    operator = ops.lookup(op.kind)
    positions = operator.one_quantization if operator is not None else ()
    if not positions:
        return
    output = graph.output(op)
    inputs = [graph.optional_input(op, i) for i in (range(len(op.inputs)) if positions == EVERY_INPUT else positions)]
    for tensor in [*inputs, *(graph.tensors[i] for i in op.outputs[1:])]:
        if tensor is not None and not same_quantization(tensor, output):
            raise UnsupportedModel(
                f"{op.where}: {describe_quantized(tensor)} and {describe_quantized(output)} have different "
                f"quantization, but no {op.kind} kernel converts between them; convert the model again with TensorFlow "
                "2.21, which gives both the same"
            )


def left_out_by_tflm(op: Op, graph: Graph) -> str | None:
    """What TFLM's kernel omits, as the end of a sentence that starts with the kernel; None if it omits nothing.

    If it does, its result may be wrong by up to the whole range of the output.
    """
    operator = ops.lookup(op.kind)
    if operator is None or operator.left_out_by_tflm is None or graph.output(op).dtype not in QUANTIZED:
        return None
    return operator.left_out_by_tflm(op, graph)


def is_defined_by_litert(op: Op, graph: Graph) -> bool:
    """Whether LiteRT's reference kernel, rather than TFLM's, defines an operator's integers."""
    operator = ops.lookup(op.kind)
    if any(is_defined_by_litert(inner, block) for block in op.blocks for inner in block.ops):
        return True
    return (operator is not None and operator.litert_alone) or left_out_by_tflm(op, graph) is not None
