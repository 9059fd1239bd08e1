"""TFLite_Detection_PostProcess: the kernel equals TFLM's, and LiteRT's, and what has no kernel is refused.

TFLM leaves rows behind the last detection undefined. In the cases, other operators set them to 0, in both interpreters.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, collected, run_cases, run_kerf
from single_op import OpSpec, TensorSpec, build

from tools import oracle
from tools.errors import KerfError, ModelError
from tools.graph import passes, read, rows

pytestmark = pytest.mark.compiler

RNG = np.random.default_rng(43)
KIND = "CUSTOM:TFLite_Detection_PostProcess"
SCALES = {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}


def f32(*shape: int, data: Any = None) -> TensorSpec:
    return TensorSpec(shape, "float32", data=None if data is None else np.array(data, np.float32).reshape(shape))


def detector(
    boxes: int,
    classes: int,
    detections: int,
    regular: bool = False,
    *,
    background: int = 1,
    coordinates: int = 4,
    flat: bool = False,
    scores: np.ndarray | None = None,
    **options: Any,
) -> OpSpec:
    """Anchors in the unit square; if they are ``flat``, no box has an area."""
    anchors = np.concatenate([RNG.uniform(0, 1, (boxes, 2)), RNG.uniform(0.1, 0.6, (boxes, 2))], 1)
    inputs = [
        f32(1, boxes, coordinates),
        f32(1, boxes, background + classes, data=scores),
        f32(boxes, 4, data=anchors * ((1, 1, 0, 0) if flat else 1)),
    ]
    outputs = [f32(1, detections, 4), f32(1, detections), f32(1, detections), f32(1)]
    known = {
        "max_detections": detections,
        "max_classes_per_detection": 1,
        "num_classes": classes,
        "use_regular_nms": regular,
        "nms_score_threshold": 0.0,
        "nms_iou_threshold": 0.5,
        **SCALES,
    }
    return OpSpec(KIND, inputs, outputs, None, {name: v for name, v in {**known, **options}.items() if v is not None})


def defined(op: OpSpec) -> list[OpSpec]:
    """The operator, and others that set its undefined rows to 0."""
    boxes, classes, scores, count = op.outputs
    rows, ops, zero = boxes.shape[1], [op], f32(1, data=0)
    for tensor in (boxes, classes, scores):
        shape = (1, rows, 1) if tensor is boxes else (1, rows)
        mask = TensorSpec(shape, "bool")
        ops.append(OpSpec("LESS", [f32(*shape, data=np.arange(rows)), count], [mask]))
        ops.append(OpSpec("SELECT_V2", [mask, tensor, zero], [f32(*tensor.shape)]))
    return [*ops, OpSpec("RELU", [count], [f32(1)])]


def tied(*shape: int) -> np.ndarray:
    """Scores of which many are equal."""
    return RNG.integers(-1, 4, shape) / 4


CASES = {
    **{
        f"{kind} {boxes} boxes {classes} classes {most}": defined(
            detector(boxes, classes, most, kind == "regular", background=(boxes + classes) % 2)
        )
        for kind in ("fast", "regular")
        for boxes in (2, 5, 33, 100)
        for classes in (1, 3, 20)
        for most in (2, 10)
    },
    **{
        f"{kind} of equal scores {background}": defined(
            detector(40, 5, 10, kind == "regular", background=background, scores=tied(1, 40, background + 5))
        )
        for kind in ("fast", "regular")
        for background in (0, 1)
    },
    **{
        f"{kind} overlap {overlap} score {score}": defined(
            detector(25, 4, 7, kind == "regular", nms_iou_threshold=overlap, nms_score_threshold=score)
        )
        for kind in ("fast", "regular")
        for overlap in (1e-6, 0.1, 0.9, 1.0)
        for score in (-100.0, 1e-8, 7.9, 1e6)
    },
    **{f"regular, {n} of a class": defined(detector(30, 4, 9, True, detections_per_class=n)) for n in (1, 2, 1000)},
    **{f"fast, {n} coordinates": defined(detector(6, 2, 4, coordinates=n)) for n in (5, 9)},
    "fast, one box": defined(detector(1, 1, 1)),
    "fast, one detection": defined(detector(20, 3, 1)),
    "fast, several classes of one": defined(detector(20, 1, 6, max_classes_per_detection=3)),
    "fast by default": defined(detector(12, 3, 6, use_regular_nms=None)),
    "integers as options": defined(detector(12, 3, 6, nms_score_threshold=0, y_scale=10, x_scale=3)),
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, CASES), tmp_path_factory.mktemp("detection"))


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()


def samples(op: OpSpec) -> list[np.ndarray]:
    return [RNG.normal(-1, 2, (8, *t.shape)).astype(np.float32) for t in op.inputs if t is not None and t.data is None]


@pytest.mark.parametrize("package", [oracle.TFLM, oracle.LITERT])
@pytest.mark.parametrize("regular", [False, True])
def test_rows_behind_the_last_detection_are_zero(tmp_path: Path, package: str, regular: bool) -> None:
    """In kerf's outputs, and in those of the oracle, whose interpreters leave them undefined."""
    if not oracle.is_installed(package):
        pytest.skip(f"needs {package}")
    op = detector(9, 3, 12, regular)
    model, inputs = build([op]), samples(op)
    ours = run_kerf(model, inputs, tmp_path)
    theirs = oracle.run(package, model, inputs, "detector").outputs
    boxes, classes, scores, counts = ours
    assert 0 < counts.min() < 12
    for count, *outputs in zip(counts.ravel().astype(int), boxes[:, 0], classes[:, 0], scores[:, 0], strict=True):
        assert not any(each[count:].any() for each in outputs)
    for kerf, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(kerf.reshape(other.shape), other, rtol=1e-5, atol=1e-6)


def test_an_output_without_the_count_beside_it_has_zeros_too(tmp_path: Path) -> None:
    """As when layers are compared."""
    op = detector(9, 3, 12)
    model, inputs = build([op], outputs=[op.outputs[2]]), samples(op)
    (theirs,) = oracle.run(oracle.TFLM, model, inputs, "detector").outputs
    (ours,) = run_kerf(model, inputs, tmp_path)
    np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


@pytest.mark.parametrize("regular", [False, True])
def test_boxes_without_an_area(tmp_path: Path, regular: bool) -> None:
    """TFLM's inference fails for them, so LiteRT defines the results."""
    op = detector(5, 2, 4, regular, flat=True)
    model, inputs = build([op]), samples(op)
    theirs = oracle.run(oracle.LITERT, model, inputs, "detector").outputs
    assert theirs[3].any()
    for kerf, other in zip(run_kerf(model, inputs, tmp_path), theirs, strict=True):
        np.testing.assert_array_equal(kerf.reshape(other.shape), other)


@pytest.mark.parametrize("wanted", ["what follows", "all"])
def test_operators_behind_it_read_zeros(tmp_path: Path, wanted: str) -> None:
    """The oracle runs them apart, since its interpreters would give them what was in memory."""
    op = detector(9, 3, 12)
    (boxes, classes, *_), floats = op.outputs, TensorSpec((1, 12), "float32")
    flat, larger = TensorSpec((12, 4), "float32"), TensorSpec((1, 12), "float32")
    one = TensorSpec((1,), "float32", data=np.ones(1, np.float32))
    more = [
        OpSpec("RESHAPE", [boxes, TensorSpec((2,), "int32", data=np.array([12, 4], np.int32))], [flat]),
        OpSpec("EXP", [classes], [floats]),
        OpSpec("ADD", [floats, one], [larger], "AddOptions"),
    ]
    outputs = [flat, larger] + (list(op.outputs) if wanted == "all" else [])
    model, inputs = build([op, *more], outputs=outputs), samples(op)
    found = oracle.expected(model, inputs, "detector")
    for kerf, other in zip(run_kerf(model, inputs, tmp_path), found.outputs, strict=True):
        np.testing.assert_array_equal(kerf.reshape(other.shape), other)


def test_a_subgraph_that_nothing_runs_changes_nothing() -> None:
    op = detector(9, 3, 12)
    graph = read.read(build([op, OpSpec("EXP", [op.outputs[1]], [TensorSpec((1, 12), "float32")])]), "detector")
    assert rows.are_read(graph)
    assert rows.are_read(replace(graph, subgraphs=(graph,)))
    assert not rows.are_read(read.read(build([op]), "detector"))


@pytest.mark.parametrize("wanted", ["what follows", "all"])
def test_litert_makes_the_outputs_larger_than_the_file_says(wanted: str) -> None:
    op = detector(20, 1, 6, max_classes_per_detection=3)
    out = TensorSpec((1, 6), "float32")
    outputs = list(op.outputs) if wanted == "all" else [out]
    model = build([op, OpSpec("EXP", [op.outputs[1]], [out])], outputs=outputs)
    with pytest.raises(ModelError, match=r"gives output .* the shape \(1, 18.*\), where the file says \(1, 6"):
        oracle.expected(model, samples(op), "detector")


def of_type(op: OpSpec, position: int, dtype: str) -> OpSpec:
    inputs = list(op.inputs)
    shape = inputs[position].shape
    inputs[position] = TensorSpec(shape, dtype, 0.05, 3)
    return OpSpec(op.kind, inputs, op.outputs, None, op.options)


def resized(op: OpSpec, **changes: tuple[int, ...]) -> OpSpec:
    """The operator with inputs (``i0``) and outputs (``o0``) of other shapes."""
    tensors = {"i": list(op.inputs), "o": list(op.outputs)}
    for name, shape in changes.items():
        tensors[name[0]][int(name[1])] = f32(*shape)
    return OpSpec(op.kind, tensors["i"], tensors["o"], None, op.options)


GOOD = detector(5, 3, 4)


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (of_type(GOOD, 0, "uint8"), "is not float32, the only type that TFLM takes"),
        (of_type(GOOD, 1, "int8"), "is not float32, the only type that TFLM takes"),
        (OpSpec(KIND, GOOD.inputs[:2], GOOD.outputs, None, GOOD.options), "has 2 inputs, but needs 3"),
        (OpSpec(KIND, GOOD.inputs, GOOD.outputs[:3], None, GOOD.options), "has 3 outputs, but needs 4"),
        (OpSpec(KIND, [GOOD.inputs[0], None, GOOD.inputs[2]], GOOD.outputs, None, GOOD.options), "input 1 is absent"),
        (resized(GOOD, i0=(5, 4)), "has 2 dimensions, but the kernel takes 3"),
        (resized(GOOD, i0=(1, 0, 4)), "has no elements"),
        (resized(GOOD, i0=(1, 5, 3)), "are not the 4 coordinates"),
        (resized(GOOD, i1=(1, 5, 5)), "and the scores for num_classes = 3, with or without a background"),
        (resized(GOOD, i1=(1, 6, 4)), "should be 1x5x4"),
        (resized(GOOD, i2=(4, 4)), "should be 5x4"),
        (resized(GOOD, o0=(1, 5, 4)), "should be 1x4x4"),
        (resized(GOOD, o2=(4,)), "should be 1x4"),
        (detector(5, 3, 4, num_classes=0), "its option num_classes is 0, not 1 … "),
        (detector(5, 3, 4, max_detections=None), "its option max_detections is missing"),
        (detector(5, 3, 4, max_detections=1 << 40), "its option max_detections is 1099511627776"),
        (detector(5, 3, 4, max_detections="ten"), "its option max_detections is text or a list"),
        (detector(5, 3, 4, True, detections_per_class=0), "its option detections_per_class is 0"),
        (detector(5, 3, 4, use_regular_nms="1"), "its option use_regular_nms is text or a list, not 0 … 1"),
        (detector(5, 3, 4, use_regular_nms=2), "its option use_regular_nms is 2, not 0 … 1"),
        (
            detector(5, 3, 4, nms_score_threshold=float("nan")),
            "nms_score_threshold is nan, not a finite number",
        ),
        (detector(5, 3, 4, nms_iou_threshold=float("inf")), "its option nms_iou_threshold is inf, not a finite number"),
        (detector(5, 3, 4, nms_iou_threshold=0.0), "its option nms_iou_threshold is 0, not between 0 and 1"),
        (detector(5, 3, 4, nms_iou_threshold=1.5), "its option nms_iou_threshold is 1.5, not between 0 and 1"),
        (detector(5, 3, 4, y_scale=-1.0), "its option y_scale is -1, not above 0"),
        (detector(5, 3, 4, w_scale=1e-60), "its option w_scale is 0, not above 0"),
        (detector(5, 3, 4, max_classes_per_detection=0), "its option max_classes_per_detection is 0"),
        (detector(5, 3, 4, max_classes_per_detection=2), "with max_classes_per_detection = 1 or use_regular_nms"),
    ],
)
def test_what_has_no_kernel_is_refused(op: OpSpec, why: str) -> None:
    with pytest.raises(KerfError, match=why):
        passes.run(read.read(build([op]), "detector"))
