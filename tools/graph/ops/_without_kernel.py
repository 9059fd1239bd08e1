"""Operators without a kernel in runtime aot: how they treat quantization, which tflm also needs to know."""

from ...errors import UnsupportedModel
from ..ir import Graph, Op
from ..operator import Objection, Operator
from ._specification import ignores_zero_points


def _check(op: Op, graph: Graph) -> None:
    raise UnsupportedModel(
        f"{op.where} has no kernel in runtime aot; replace the layer in the Keras model "
        "(`inv ops` lists the supported operators)"
    )


def _operator(
    one_quantization: tuple[int, ...] = (),
    left_out: Objection | None = None,
) -> Operator:
    return Operator(
        summary="",
        types=(),
        check=_check,
        variants=(),
        one_quantization=one_quantization,
        left_out_by_tflm=left_out,
    )


OPERATORS = {
    "BATCH_TO_SPACE_ND": _operator((0,)),
    "BROADCAST_TO": _operator((0,)),
    "DEPTH_TO_SPACE": _operator((0,)),
    "DYNAMIC_UPDATE_SLICE": _operator((0, 1)),
    "EXPAND_DIMS": _operator((0,), view=True),
    "GATHER": _operator((0,)),
    "GATHER_ND": _operator((0,)),
    "MIRROR_PAD": _operator((0,)),
    "PADV2": _operator((0, 2)),
    "RESIZE_BILINEAR": _operator((0,)),
    "RESIZE_NEAREST_NEIGHBOR": _operator((0,)),
    "REVERSE_V2": _operator((0,)),
    "SLICE": _operator((0,)),
    "SPACE_TO_BATCH_ND": _operator((0,)),
    "SPACE_TO_DEPTH": _operator((0,)),
    "SPLIT": _operator((1,)),
    "SPLIT_V": _operator((0,)),
    "SQUEEZE": _operator((0,), view=True),
    "TILE": _operator((0,), litert_alone=True),
    "TRANSPOSE": _operator((0,)),
    "UNPACK": _operator((0,)),
    "ZEROS_LIKE": _operator(left_out=ignores_zero_points),
}
