"""TFLite_Detection_PostProcess of TFLM, a custom operator: graph operator → kernels/detection_post_process.h."""

from typing import Any

from ...errors import ModelError, UnsupportedModel
from ..ir import Argument, DType, Graph, KernelCall, Op, Params, Read, Scratch, Write
from ..operator import Operator, portable
from . import _quantized as q
from ._custom import parse

DETECTIONS, CLASSES, PER_BOX = "max_detections", "num_classes", "max_classes_per_detection"
DETECTIONS_PER_CLASS = 100  # TFLM: kNumDetectionsPerClass
COUNT = 3  # the output that counts the detections
BYTES_PER_BOX = {"regular": 17, "fast": 21}


def check(op: Op, graph: Graph) -> None:
    """Raises ModelError or UnsupportedModel unless there is a kernel for this operator."""
    q.check_arity(op, (3,), outputs=4)
    q.check_present(op, 0, 1, 2)
    encodings, scores, anchors = (graph.input(op, i) for i in range(3))
    outputs = [graph.output(op, i) for i in range(4)]
    for tensor in (encodings, scores, anchors, *outputs):
        if tensor.dtype is not DType.FLOAT32:
            raise UnsupportedModel(
                f"{op.where}: {q.describe(tensor)} is not float32, the only type that TFLM takes; convert the model "
                "with a DEQUANTIZE in front of this operator"
            )
    q.check_not_empty(op, encodings, scores, anchors, *outputs)
    for tensor, rank in ((encodings, 3), (scores, 3), (anchors, 2)):
        q.check_rank(op, tensor, rank)
    _, boxes, coordinates = encodings.shape
    classes = op.attributes.number(op, CLASSES, low=1)
    if coordinates < 4 or scores.shape[2] - classes not in (0, 1):
        raise ModelError(
            f"{op.where}: {q.describe(encodings)} and {q.describe(scores)} are not the 4 coordinates and the scores "
            f"for {CLASSES} = {classes}, with or without a background; convert the model again"
        )
    q.check_shape(op, encodings, (1, boxes, coordinates))
    q.check_shape(op, scores, (1, boxes, scores.shape[2]))
    q.check_shape(op, anchors, (boxes, 4))
    detections = op.attributes.number(op, DETECTIONS, low=1)
    for tensor, shape in zip(outputs, ((1, detections, 4), (1, detections), (1, detections), (1,)), strict=True):
        q.check_shape(op, tensor, shape)
    fields(op, graph)
    if not _is_regular(op) and min(classes, op.attributes.number(op, PER_BOX, low=1)) > 1:
        raise UnsupportedModel(
            f"{op.where} is to give several classes for a box, which TFLM writes beyond its outputs; convert the model "
            f"again with {PER_BOX} = 1 or use_regular_nms"
        )


def _is_regular(op: Op) -> bool:
    return bool(op.attributes.number(op, "use_regular_nms", high=1, default=0))


def fields(op: Op, graph: Graph) -> dict[str, Any]:
    """The kernel's params; raises ModelError for an option that is missing or wrong."""
    options, encodings, scores = op.attributes, graph.input(op, 0), graph.input(op, 1)
    classes = options.number(op, CLASSES, low=1)
    return {
        "boxes": encodings.shape[1],
        "coordinates": encodings.shape[2],
        "classes": classes,
        "background": scores.shape[2] - classes,
        "detections": options.number(op, DETECTIONS, low=1),
        "per_class": options.number(op, "detections_per_class", low=1, default=DETECTIONS_PER_CLASS),
        "score_threshold": options.real(op, "nms_score_threshold"),
        "largest_overlap": options.positive(op, "nms_iou_threshold", high=1),
        "y_scale": options.positive(op, "y_scale"),
        "x_scale": options.positive(op, "x_scale"),
        "height_scale": options.positive(op, "h_scale"),
        "width_scale": options.positive(op, "w_scale"),
    }


def call(op: Op, graph: Graph) -> KernelCall:
    """After check()."""
    kind = "regular" if _is_regular(op) else "fast"
    function = f"detection_post_process_{kind}"
    arguments: tuple[Argument, ...] = (
        *(Read(graph.input(op, i).index) for i in range(3)),
        *(Write(graph.output(op, i).index) for i in range(4)),
        Scratch(BYTES_PER_BOX[kind] * graph.input(op, 0).shape[1], f"{function}_scratch_bytes"),
    )
    params = Params("DetectionPostProcessParams", fields(op, graph))
    return KernelCall("detection_post_process.h", function, (params,), arguments)


OPERATOR = Operator(
    summary="objects among a detector's boxes (non-maximum suppression)",
    types=("float32",),
    check=check,
    variants=portable(call),
    parse=parse,
    row_count=COUNT,
)
