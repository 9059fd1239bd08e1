"""A run without firmware: the .tflite in TFLM's interpreter on this machine."""

from pathlib import Path

import numpy as np
import pytest

from tools import cores, oracle, pipeline, report
from tools.errors import KerfError, UnknownName, UsageError
from tools.graph.ir import DType, Graph, Op, Tensor
from tools.oracle import interpreter
from tools.pipeline import matrix, places
from tools.progress import Progress
from tools.report import records, wording
from tools.values import Clock, DeviceRun, Quantized, Request, Timing

ROOT = Path(__file__).parents[2]
MODEL = Path(__file__).with_name("flatten.tflite")


@pytest.fixture(autouse=True)
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")


@pytest.mark.skipif(not oracle.is_installed(oracle.TFLM), reason="there is no TFLM interpreter for this machine")
def test_run_measures_the_interpreter() -> None:
    outcome = pipeline.run(Request(model=str(MODEL), runtime="tflm", target="host"), Progress())
    found = outcome.measurement
    assert (found.samples, found.mismatches, found.emulator, found.clock.unit) == (32, 0, None, "us")
    assert found.flash_bytes == {"total": found.model_bytes, "code": 0, "model": found.model_bytes}
    assert len(records.load(places.records(), pytest.fail)) == 1


def test_without_tflm_a_step_is_reported_and_no_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT is the oracle then, whose int8 is not TFLM's to the last bit."""
    monkeypatch.setattr(oracle, "is_installed", lambda package: package == oracle.LITERT)

    def a_step_away(quantized: Quantized) -> DeviceRun:
        expected = quantized.vectors.expected[0]
        off = np.where(expected < 0, expected + 1, expected - 1).astype(expected.dtype)
        return DeviceRun(Clock("us", 1), (off,), Timing(1, 1, 1, len(off)), 0, None, 0, 0, 0)

    monkeypatch.setattr(interpreter, "measure", a_step_away)
    outcome = pipeline.run(Request(model=str(MODEL), runtime="tflm", target="host"), Progress())
    assert outcome.measurement.mismatches == 32
    assert outcome.measurement.extra[wording.STEPS] == 1
    pipeline.require_match([outcome])
    assert "by at most 1 step" in report.verdict(outcome.measurement).plain
    pipeline.write_report(Progress())
    assert "by at most 1 step" in places.report().read_text()


def test_bench_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(choice: pipeline.Choice, progress: Progress, bench_code_bytes: int, counts: bool) -> pipeline.Outcome:
        assert bench_code_bytes == 14_000
        if choice.ask.mode == "int8":
            raise KerfError("It is too hot.")
        return done

    done = object.__new__(pipeline.Outcome)
    monkeypatch.setattr(matrix, "run_choice", some)
    monkeypatch.setattr(matrix, "_bench_code_bytes", lambda runtime, target, progress: 14_000)
    results = pipeline.bench_all(Request(), "digits", "int8,float32", "aot", "stm32f4", Progress())
    assert results[1] is done and isinstance(results[0], pipeline.Failure)
    assert results[0].row()["error"] == "It is too hot."
    with pytest.raises(KerfError, match="1 of 2 runs failed") as caught:
        pipeline.require_match(results)
    assert caught.value.exit_code == 1


def test_all_modes_of_a_tflite_are_its_own_and_no_mode_runs_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    done = object.__new__(pipeline.Outcome)
    asked: list[tuple[str, str | None]] = []

    def note(
        choice: pipeline.Choice, progress: Progress, bench_code_bytes: int | None, counts: bool
    ) -> pipeline.Outcome:
        asked.append((Path(choice.ask.model).stem, choice.ask.mode))
        return done

    monkeypatch.setattr(matrix, "run_choice", note)
    monkeypatch.setattr(matrix, "_bench_code_bytes", lambda runtime, target, progress: None)
    pipeline.bench_all(Request(), f"{MODEL},digits+qat", "all", "aot", "stm32f4", Progress())
    pipeline.bench_all(Request(), "digits", "int8,float32,int8", "aot", "stm32f4", Progress())
    pipeline.bench_all(Request(), f"{MODEL}", "", "aot", "stm32f4", Progress())
    assert asked.pop() == (MODEL.stem, None)
    assert asked == [(MODEL.stem, None), ("digits+qat", None), ("digits", "int8"), ("digits", "float32")]


def test_bench_of_nothing_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="--models is empty"):
        pipeline.bench_all(Request(), ",", "int8", "aot", "stm32f4", Progress())


def test_an_unknown_runtime_is_named_before_anything_else() -> None:
    ask = Request(model=str(MODEL), runtime="tvm", target="host")
    for stage in (pipeline.run, pipeline.compare, pipeline.compile, pipeline.build):
        with pytest.raises(UnknownName, match="unknown runtime 'tvm'; known: aot, tflm"):
            stage(ask, Progress())


def test_a_dense_layer_with_a_scalar_output_has_one_channel() -> None:
    shapes = {"x": (1, 8), "w": (1, 8), "y": ()}
    tensors = tuple(Tensor(i, name, shape, DType.INT8) for i, (name, shape) in enumerate(shapes.items()))
    op = Op(0, "FULLY_CONNECTED", "dense", (0, 1), (2,))
    graph = Graph("m", "", 0, tensors, (op,), (0,), (2,))
    assert interpreter.scratch_bytes(graph, cores.find("cortex-m4")) == 4 * 8 + 4
    assert interpreter.scratch_bytes(graph, cores.find("esp32s3")) == 4 * 8 + 4


# Smallest arenas with CMSIS-NN on a Cortex-M4, as docs/tflm.md has them; the bound must be above them, and near.
@pytest.mark.tf
@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("kws", 22_832),
        pytest.param("ic", 55_008, marks=pytest.mark.soak),
        pytest.param("vww", 100_720, marks=pytest.mark.soak),
    ],
)
def test_the_bound_of_the_arena_is_near(
    name: str, needed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = ROOT.parent / "shared" / "models" / f"{name}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} of MLPerf Tiny is not beside this checkout")
    monkeypatch.setattr(places, "BUILD", tmp_path)
    compiled = pipeline.compile(Request(model=str(path), runtime="tflm", samples=1), Progress())
    target = compiled.choice.target
    found = interpreter.estimate(compiled.quantized, compiled.graph, target.core)
    assert needed < found.bytes < 1.2 * needed
    assert "a margin of 512" in found.origin
