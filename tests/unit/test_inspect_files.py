"""`inv inspect` on .tflite files: whatever can be read is shown, and what no runtime can run is marked."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import tflite
from raw_tflite import RawModel, RawOp, RawTensor
from rich.console import Console

from tools import pipeline, report, targets
from tools.errors import ModelError, UsageError
from tools.graph import ops, read
from tools.progress import Progress
from tools.report import inspect_page
from tools.values import Request

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ROOT.parent  # where a checkout has models that are not part of it
FOUND = sorted(path for folder in ("shared", "cases") for path in (BESIDE / folder).rglob("*.tflite"))
FLATTEN = Path(__file__).with_name("flatten.tflite")


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)


def table(found: dict) -> str:
    text = StringIO()
    report.show_inspection(found, False, Console(file=text, width=400))
    return text.getvalue()


def written(folder: Path, model: RawModel) -> Request:
    path = folder / "model.tflite"
    path.write_bytes(model.data())
    return Request(model=str(path))


# Runs in a process of its own, which reports what it started, imported and wrote.
ALONE = """
import json, sys
started = []
def hook(event, arguments):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec") and sys.executable in map(str, arguments[1]):
        started.append(event)  # PlatformIO asks `uname` and the like when it is imported
sys.addaudithook(hook)
from pathlib import Path
from tools import pipeline
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request
places.BUILD = Path(sys.argv[2])
found = pipeline.inspect(Request(model=sys.argv[1]), Progress(), with_original=True)
heavy = ("tensorflow", "keras", "tf_keras", "tflite_micro", "ai_edge_litert", "ai_edge_quantizer")
loaded = [name for name in heavy if name in sys.modules]
print(json.dumps([len(found["layers"]), started, loaded, places.BUILD.exists()]))
"""


def test_a_tflite_is_read_and_nothing_else(tmp_path: Path) -> None:
    """No conversion, no interpreter, no child process, no TensorFlow: so it takes only a second."""
    command = [sys.executable, "-c", ALONE, str(FLATTEN), str(tmp_path / "build")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [3, [], [], False]


@pytest.mark.parametrize(
    ("kind", "runtimes"),
    [("RELU", []), ("HARD_SWISH", ["aot"]), ("RELU_N1_TO_1", ["tflm"]), ("SEGMENT_SUM", ["aot", "tflm"])],
)
def test_what_a_runtime_cannot_run_is_marked(
    kind: str, runtimes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [kind for kind in ops.known() if kind != "HARD_SWISH"]  # as if it had no kernel
    monkeypatch.setattr(ops, "known", lambda: tuple(known))
    ask = written(tmp_path, RawModel((RawTensor("in"), RawTensor("out")), (RawOp(kind=kind),)))
    found = pipeline.inspect(ask, Progress())
    (layer,) = found["layers"]
    assert list(layer["unsupported"]) == runtimes
    for runtime in ("aot", "tflm"):
        assert found["unsupported"][runtime] == ([layer["unsupported"][runtime]] if runtime in runtimes else [])
        assert all(f"operator 0 {kind} 'out'" in reason for reason in found["unsupported"][runtime])
    assert (found["arena_bytes"] is None) == ("aot" in runtimes), "the plan is aot's"
    text, page = table(found), inspect_page.html(found)
    assert ("unsupported by" in text) == ("unsupported by" in page) == bool(runtimes)
    for reason in layer["unsupported"].values():
        assert " ".join(reason.split()) in " ".join(text.split())
        assert reason.replace("'", "&#39;") in page


def test_an_operator_that_is_folded_away_still_keeps_tflm_from_running(tmp_path: Path) -> None:
    """aot reads float16 constants directly; TFLM would have to run their DEQUANTIZE."""
    types = (tflite.TensorType.FLOAT32, tflite.TensorType.FLOAT16, tflite.TensorType.FLOAT32, tflite.TensorType.FLOAT32)
    names, buffers = ("in", "half", "weights", "out"), (0, 1, 0, 0)
    tensors = [
        RawTensor(name, (1, 1), type=number, buffer=buffer, scales=())
        for name, number, buffer in zip(names, types, buffers, strict=True)
    ]
    ops = (
        RawOp((1,), (2,), "DEQUANTIZE"),
        RawOp((0, 2, -1), (3,), "FULLY_CONNECTED", options="FullyConnectedOptions"),
    )
    ask = written(tmp_path, RawModel(tensors, ops, (0,), (3,), buffers=(b"", b"\x00\x3c")))
    found = pipeline.inspect(ask, Progress())
    assert [layer["op"] for layer in found["layers"]] == ["FULLY_CONNECTED"]
    assert found["unsupported"]["aot"] == []
    (reason,) = found["unsupported"]["tflm"]
    assert reason.startswith("operator 0 DEQUANTIZE 'weights' takes float16")
    assert reason in table(found)


def test_a_model_that_contradicts_itself_about_a_variable_is_shown_as_it_is(tmp_path: Path) -> None:
    tensors = (RawTensor("in"), RawTensor("out"), RawTensor("handle", type=tflite.TensorType.RESOURCE, scales=()))
    ops = (RawOp((2, 0), (), "ASSIGN_VARIABLE"), RawOp())
    found = pipeline.inspect(written(tmp_path, RawModel(tensors, ops, (0, 2))), Progress())
    assert [layer["op"] for layer in found["layers"]] == ["ASSIGN_VARIABLE", "RELU"]
    assert found["layers"][0]["output_shape"] is None
    assert any("has no variable handle" in reason for reason in found["unsupported"]["aot"])
    assert "ASSIGN_VARIABLE" in table(found) and "ASSIGN_VARIABLE" in inspect_page.html(found)


# Type, inputs (-1: an optional one left out), number of quantization scales.
USES = (
    (tflite.TensorType.INT8, (), 1),
    (tflite.TensorType.INT8, (0,), 4),
    (tflite.TensorType.INT8, (-1, 0, 0), 1),
    (tflite.TensorType.INT16, (0,), 4),
    (tflite.TensorType.FLOAT32, (0, 0), 1),
)


def test_whatever_the_reader_takes_has_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operator of the schema, used as no kernel expects it: USES."""
    known, shown = targets.load(), set()
    monkeypatch.setattr(targets, "load", lambda *path: known)  # it takes longer than all the rest
    for kind, number in sorted(vars(tflite.BuiltinOperator).items()):
        if not isinstance(number, int) or kind == "CUSTOM":
            continue
        for dtype, inputs, channels in USES:
            outputs = () if kind == "ASSIGN_VARIABLE" else (1,)
            quantized = {"scales": (0.5,) * channels, "zero_points": (0,) * channels, "axis": 1}
            tensors = tuple(RawTensor(name, type=dtype, **quantized) for name in ("in", "out"))
            model = RawModel(tensors, (RawOp(inputs, outputs, kind),), outputs=(len(outputs),))
            try:
                read.read(model.data(), "model")
            except ModelError:
                continue
            found = pipeline.inspect(written(tmp_path, model), Progress())
            assert kind == found["layers"][0]["op"]
            shown.add(kind)
    assert len(shown) > 150


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_models_beside_the_checkout(path: Path) -> None:
    found = pipeline.inspect(Request(model=str(path)), Progress())
    assert all(layer["op"] for layer in found["layers"]) and found["layers"]
    assert "layers" in table(found) and inspect_page.html(found)


if not FOUND:

    @pytest.mark.skip(reason="there are no .tflite files in ../shared or ../cases beside the checkout")
    def test_models_beside_the_checkout_are_absent() -> None: ...


def test_a_damaged_file_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(FLATTEN.read_bytes()[:600])
    with pytest.raises(ModelError, match=r"^model 'cut' is truncated or damaged .* copy or convert the file again$"):
        pipeline.inspect(Request(model=str(path)), Progress())
    with pytest.raises(UsageError, match=r"flatten.tflite is already int8 and cannot be converted to float32"):
        pipeline.inspect(Request(model=str(FLATTEN), mode="float32"), Progress())
    with pytest.raises(UsageError, match=r"unknown mode 'int7'"):
        pipeline.inspect(Request(model=str(FLATTEN), mode="int7"), Progress())


def test_a_bias_may_name_any_dimension_for_its_scales() -> None:
    """It has but one, and no interpreter reads the field: https://ai.google.dev/edge/litert/models/quantization_spec."""
    bias = RawTensor("bias", (2,), scales=(1.0, 0.5), zero_points=(0, 0), axis=3)
    quantization = read.read(RawModel((*RawModel().tensors, bias)).data(), "m").tensors[2].quantization
    assert quantization is not None and quantization.scales == (1.0, 0.5) and quantization.axis == 0
