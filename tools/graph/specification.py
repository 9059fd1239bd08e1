"""Where integer kernels leave out what TFLite's quantization specification asks for, operator by operator.

real = scale * (quantized - zero point), https://ai.google.dev/edge/litert/models/quantization_spec. Some operators take
input and output in one quantization only (`contradiction`): no interpreter converts there, so that other scales make
other numbers of it. For some, TFLM's kernel leaves the conversion out and LiteRT's reference kernel has it
(`left_out_by_tflm`), and some TFLM does not have at all: there LiteRT defines the result. Found by running every
operator of TFLM's in both interpreters and in float (tests/host/test_specification.py); docs/decisions/0008.
"""

from ..errors import UnsupportedModel
from . import ops
from .ir import Graph, Op
from .operator import EVERY_INPUT
from .ops._quantized import ACTIVATIONS
from .ops._specification import QUANTIZED, describe_quantized, same_quantization


def check(op: Op, graph: Graph) -> None:
    """Raises UnsupportedModel where the file asks for what no interpreter computes."""
    activation = getattr(op.attributes, "activation", "NONE")
    if activation not in ACTIVATIONS:
        raise UnsupportedModel(
            f"{op.where}: the fused activation {activation} has no kernel (there are {', '.join(ACTIVATIONS)}), and "
            "interpreters leave it out; make it a layer of its own in the Keras model"
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
                f"quantization, which no {op.kind} kernel converts; convert the model again with TensorFlow 2.21, "
                "which gives them one"
            )


def left_out_by_tflm(op: Op, graph: Graph) -> str | None:
    """What TFLM's kernel leaves out, as the end of a sentence that begins with the kernel; None for nothing.

    Its result is then not the one that the file asks for, by up to the whole range of the output.
    """
    operator = ops.lookup(op.kind)
    if operator is None or operator.left_out_by_tflm is None or graph.output(op).dtype not in QUANTIZED:
        return None
    return operator.left_out_by_tflm(op, graph)


def is_defined_by_litert(op: Op, graph: Graph) -> bool:
    """Whether LiteRT's reference kernel, and not TFLM's, says what an operator's integers must be."""
    operator = ops.lookup(op.kind)
    return (operator is not None and operator.litert_alone) or left_out_by_tflm(op, graph) is not None
