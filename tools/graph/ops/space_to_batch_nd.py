"""SPACE_TO_BATCH_ND: an image padded, then split into a batch of subsampled images."""

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import consistent, constant_arrays
from ._quantized import check_arity, check_not_empty, check_present, check_shape, check_types
from ._space import Axis, as_image, axis_pairs
from ._specification import ignores_zero_points

TYPES = ("int8", "uint8", "int16", "int32", "float32")


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (3,))
    check_present(op, 0, 1, 2)
    source, output = graph.input(op, 0), graph.output(op)
    check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    check_not_empty(op, source, output)
    with consistent(op):
        image, (vertical, horizontal) = as_image(source.shape), _axes(op, graph)
    sizes = [size + axis[1] + axis[2] for size, axis in zip(image[1:3], (vertical, horizontal), strict=True)]
    blocks = [axis[0] for axis in (vertical, horizontal)]
    if any(size % block for size, block in zip(sizes, blocks, strict=True)):
        raise ModelError(
            f"{op.where}: {sizes[0]}x{sizes[1]} pixels are not divisible into blocks of {blocks[0]}x{blocks[1]}; "
            f"convert the model again"
        )
    if source.zero_point != 0 and source.dtype.bytes > 1:
        raise UnsupportedModel(
            f"{op.where}: its input has the zero point {source.zero_point}, but the kernel requires 0; convert the "
            f"model again"
        )
    height, width = (size // block for size, block in zip(sizes, blocks, strict=True))
    shape = (image[0] * blocks[0] * blocks[1], height, width, image[3])
    check_shape(op, output, shape if len(source.shape) == 4 else (shape[0], shape[1], shape[3]))


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    batches, height, width, depth = as_image(source.shape)
    _, output_height, output_width, _ = as_image(output.shape)
    (block_height, top, _), (block_width, left, _) = _axes(op, graph)
    fields = {
        "batches": batches,
        "height": height,
        "width": width,
        "block_height": block_height,
        "block_width": block_width,
        "top": top,
        "left": left,
        "output_height": output_height,
        "output_width": output_width,
        "pixel_bytes": depth * source.dtype.bytes,
        "fill": source.zero_point,
    }
    arguments = (Read(source.index), Write(output.index))
    return KernelCall("space_to_batch_nd.h", "space_to_batch_nd", (Params("SpaceToBatchNdParams", fields),), arguments)


def _axes(op: Op, graph: Graph) -> tuple[Axis, Axis]:
    blocks, paddings = constant_arrays(op, graph, {1: "block shape", 2: "paddings"})
    return axis_pairs(graph.input(op, 0).shape, blocks, paddings)


def _pads_with_zeros(op: Op, graph: Graph) -> str | None:
    paddings = graph.optional_input(op, 2)
    has_border = paddings is None or paddings.data is None or bool(paddings.data.any())
    return ignores_zero_points(op, graph) if has_border else None


OPERATOR = Operator(
    summary="padded image split into a batch of subsampled ones",
    types=TYPES,
    check=check,
    variants=portable(call),
    keeps_range=True,
    one_quantization=(0,),
    left_out_by_tflm=_pads_with_zeros,
)
