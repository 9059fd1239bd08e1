"""The message for a model that a runtime has no kernels for, and when it recommends another runtime."""

from types import SimpleNamespace

import numpy as np
import pytest
from raw_tflite import RawModel, RawOp, RawTensor

from tools import oracle, pipeline, targets
from tools.errors import UnsupportedModel
from tools.graph import ops
from tools.pipeline import firmware
from tools.progress import Progress
from tools.values import Request

TENSORS = (RawTensor("in"), RawTensor("middle"), RawTensor("out"))


LACKING = ("HARD_SWISH", "FLOOR", "ABS", "SQUARED_DIFFERENCE")


@pytest.fixture(autouse=True)
def without_some_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """aot without the kernels of some operators that tflm has."""
    known = [kind for kind in ops.known() if kind not in LACKING]
    monkeypatch.setattr(ops, "known", lambda: tuple(known))


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(targets.TFLM_LIB, raising=False)


def refusal(target: str, runtime: str, *kinds: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The error of compile for a chain of operators; the vectors have one sample for the interpreters."""
    ops = [RawOp((i,), (i + 1,), kind) for i, kind in enumerate(kinds)]
    model = RawModel(TENSORS[: len(ops) + 1], ops, outputs=(len(ops),)).data()
    vectors = SimpleNamespace(inputs=(np.array([[1, -2, 3, -4]], np.int8),))
    quantized = SimpleNamespace(tflite=model, model="m", vectors=vectors)
    monkeypatch.setattr(firmware, "quantize", lambda ask, progress: quantized)
    with pytest.raises(UnsupportedModel) as caught:
        pipeline.compile(Request(runtime=runtime, target=target), Progress())
    return str(caught.value)


@pytest.mark.skipif(not oracle.is_installed(oracle.TFLM), reason="tflite-micro has no wheel for this machine")
@pytest.mark.parametrize(
    ("kinds", "taken"),
    [
        (["HARD_SWISH"], True),
        (["HARD_SWISH", "UNIQUE"], False),
        (["UNIQUE"], False),
        (["FLOOR"], False),  # of float32 alone, and this one is int8
        (["ABS", "SQUARED_DIFFERENCE"], False),  # which all libraries have, and with one input the interpreter refuses
    ],
    ids=lambda names: " ".join(names) if isinstance(names, list) else "",
)
@pytest.mark.parametrize("target", ["stm32f4", "esp32", "host"])
def test_tflm_is_the_way_out_where_it_took_the_whole_model(
    target: str, kinds: list[str], taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal(target, "aot", *kinds, monkeypatch=monkeypatch)
    assert said.startswith(f"operator 0 {kinds[0]} ") and "replace the layer in the Keras model" in said
    assert said.endswith(f", or use --runtime tflm, which supports this model on {target}") == taken
    assert ("tflm" in said) == taken


@pytest.mark.parametrize(("kind", "taken"), [("RELU_N1_TO_1", True), ("SEGMENT_SUM", False)])
def test_aot_is_the_way_out_where_it_took_the_whole_model(
    kind: str, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refusal("stm32f4", "tflm", kind, monkeypatch=monkeypatch)
    assert said.startswith(f"operator 0 {kind} ")
    assert said.endswith(", or use --runtime aot, which supports this model on stm32f4") == taken
    assert ("aot" in said) == taken
