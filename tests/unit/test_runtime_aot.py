"""Runtime aot: what it says of a model that it has no kernels for."""

from types import SimpleNamespace

import pytest
from raw_tflite import RawModel, RawOp, RawTensor

from tools import pipeline, targets
from tools.errors import UnsupportedModel
from tools.pipeline import firmware
from tools.progress import Progress
from tools.runtimes import aot
from tools.values import Request

TENSORS = (RawTensor("in"), RawTensor("middle"), RawTensor("out"))


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)


def refusal(target: str, *kinds: str) -> str:
    ops = [RawOp((i,), (i + 1,), kind) for i, kind in enumerate(kinds)]
    model = RawModel(TENSORS[: len(ops) + 1], ops, outputs=(len(ops),))
    with pytest.raises(UnsupportedModel) as caught:
        aot.compile(model.data(), "m", targets.find(target))
    return str(caught.value)


@pytest.mark.parametrize(
    ("kinds", "having"),
    [
        (["HARD_SWISH"], {"stm32f4", "esp32", "host"}),
        (["REDUCE_MIN"], {"esp32", "host"}),
        (["HARD_SWISH", "REDUCE_MIN"], {"esp32", "host"}),
        (["HARD_SWISH", "SVDF"], set()),
        (["WHILE"], set()),
        (["FLOOR"], set()),  # of float32 alone, and this one is int8
    ],
    ids=lambda names: " ".join(sorted(names)),
)
@pytest.mark.parametrize("target", ["stm32f4", "esp32", "host"])
def test_tflm_is_the_way_out_where_its_library_runs_the_whole_model(
    target: str, kinds: list[str], having: set[str]
) -> None:
    said = refusal(target, *kinds)
    assert said.startswith(f"operator 0 {kinds[0]} ") and "replace the layer in the Keras model" in said
    way_out = f", or use --runtime tflm, which has kernels for all of it on {target}"
    assert said.endswith(way_out) == (target in having)
    assert ("tflm" in said) == (target in having)


class Warnings(Progress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("runtime", ["aot", "tflm"])
def test_a_model_that_the_runtime_cannot_run_can_be_looked_at(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = {"aot": "TANH", "tflm": "REDUCE_MIN"}[runtime]
    quantized = SimpleNamespace(tflite=RawModel(ops=[RawOp(kind=kind)]).data(), model="m")
    monkeypatch.setattr(firmware, "quantize", lambda ask, progress: quantized)
    progress = Warnings()
    found = pipeline.inspect(Request(runtime=runtime), progress)
    assert [layer["op"] for layer in found["layers"]] == [kind]
    assert found["arena_bytes"] is None
    assert len(progress.said) == 1 and progress.said[0].startswith(f"without a memory plan: operator 0 {kind}")
