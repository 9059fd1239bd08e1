"""RESIZE_BILINEAR: an image resized with bilinear interpolation."""

from typing import Any

import numpy as np
import tflite

from ...errors import ModelError, UnsupportedModel
from ..ir import DType, Graph, KernelCall, Op, Params, Read, Write
from ..operator import Operator, portable
from ._elementwise import constant_indices
from ._quantized import check_arity, check_not_empty, check_present, check_rank, check_shape, check_types, describe
from ._resize import Attributes, parser

TYPES = ("int8", "int16", "float32")


def check(op: Op, graph: Graph) -> None:
    check_arity(op, (2,))
    check_present(op, 0, 1)
    source, output = graph.input(op, 0), graph.output(op)
    dtype = check_types(op, source, output, allowed=[DType(name) for name in TYPES])
    check_rank(op, source, 4)
    check_not_empty(op, source, output)
    sizes = constant_indices(op, graph.input(op, 1), "size")
    batches, height, width, depth = source.shape
    check_shape(op, output, (batches, *sizes, depth))
    attributes: Attributes = op.attributes
    if attributes.align_corners and attributes.half_pixel_centers:
        raise ModelError(
            f"{op.where}: align_corners and half_pixel_centers exclude each other; convert the model again"
        )
    for before, after in ((height, sizes[0]), (width, sizes[1])):
        if _last(attributes, dtype, before, after) >= before:
            raise UnsupportedModel(
                f"{op.where}: when it enlarges {describe(source)} to {describe(output)}, TFLM's kernel would read "
                f"beyond the input's end; resize it in two layers"
            )


def call(op: Op, graph: Graph) -> KernelCall:
    source, output = graph.input(op, 0), graph.output(op)
    batches, height, width, depth = source.shape
    fields: dict[str, Any] = {
        "batches": batches,
        "height": height,
        "width": width,
        "depth": depth,
        "output_height": output.shape[1],
        "output_width": output.shape[2],
        "row_scale": scale(op.attributes, source.dtype, height, output.shape[1]),
        "column_scale": scale(op.attributes, source.dtype, width, output.shape[2]),
        "half_pixel_centers": op.attributes.half_pixel_centers,
    }
    kind = source.dtype.value
    params = Params(f"ResizeBilinear{'Float32' if kind == 'float32' else 'Integer'}Params", fields)
    arguments = (Read(source.index), Write(output.index))
    return KernelCall("resize_bilinear.h", f"resize_bilinear_{kind}", (params,), arguments)


def scale(a: Attributes, dtype: DType, before: int, after: int) -> Any:
    """Input pixels per output pixel: a float32 or, for integers, an int in units of 1/1024.

    TFLM: ResizeBilinear and ResizeBilinearInteger in reference/resize_bilinear.h.
    """
    if a.align_corners and after > 1:
        before, after = before - 1, after - 1
    return np.float32(before) / np.float32(after) if dtype is DType.FLOAT32 else (1024 * before + after // 2) // after


def _last(a: Attributes, dtype: DType, before: int, after: int) -> int:
    """The input position of the last output pixel, rounded down."""
    step = scale(a, dtype, before, after)
    if dtype is not DType.FLOAT32:
        return int((after - 1) * step + (step // 2 - 512 if a.half_pixel_centers else 0)) // 1024
    at = np.float32(after - 1)
    half = np.float32(0.5)
    return int(np.floor((at + half) * step - half if a.half_pixel_centers else at * step))


OPERATOR = Operator(
    summary="image resized with bilinear interpolation",
    types=TYPES,
    check=check,
    variants=portable(call),
    parse=parser(tflite.ResizeBilinearOptions),
    keeps_range=True,
    one_quantization=(0,),
)
