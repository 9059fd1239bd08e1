"""Models that keep state: device and oracle are given the same samples in sequence, from the same initial state."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import pipeline, scons, targets
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = pytest.mark.tf

SAMPLES, WINDOW, BANDS = 200, 8, 4


def network(tf: Any) -> Any:
    """Takes a frame, returns a convolution over the last eight; the other seven are a variable that starts nonzero."""

    class Stream(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(3)
            before = random.normal(size=(1, WINDOW - 1, 1, BANDS)).astype(np.float32)
            self.ring = tf.Variable(before, trainable=False)
            self.filters = tf.constant(random.normal(size=(WINDOW, 1, BANDS, 6)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec((1, 1, 1, BANDS), tf.float32)])
        def __call__(self, frame: Any) -> Any:
            frames = tf.concat([self.ring, frame], axis=1)
            self.ring.assign(frames[:, 1:])
            return tf.nn.relu(tf.nn.conv2d(frames, self.filters, 1, "VALID"))

    return Stream()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """float32.tflite, int8.tflite and samples.npz."""
    tf = pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("streaming")
    frames = np.random.default_rng(4).normal(size=(SAMPLES, 1, 1, BANDS)).astype(np.float32)
    np.savez(folder / "samples.npz", x=frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = network(tf)
        function = stream.__call__.get_concrete_function()
        for mode in ("float32", "int8"):
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], stream)
            converter.experimental_enable_resource_variables = True
            if mode == "int8":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.representative_dataset = lambda: ([frame[None]] for frame in frames)
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.inference_input_type = converter.inference_output_type = tf.int8
            (folder / f"{mode}.tflite").write_bytes(converter.convert())
    return folder


@pytest.fixture(autouse=True)
def own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = places.cache()
    monkeypatch.setattr(places, "BUILD", tmp_path)
    monkeypatch.setattr(places, "cache", lambda: cache)


def ask(folder: Path, mode: str, **where: str) -> Request:
    return Request(model=str(folder / f"{mode}.tflite"), data=str(folder / "samples.npz"), **where)


def check(folder: Path, mode: str, **where: str) -> None:
    outcome = pipeline.run(ask(folder, mode, **where), Progress())
    measurement = outcome.measurement
    assert (measurement.samples, measurement.mismatches) == (SAMPLES, 0)
    vectors = outcome.built.rendered.compiled.quantized.vectors
    assert vectors.in_sequence and measurement.quantities["sequence_length"] == SAMPLES
    assert np.array_equal(vectors.spread(5).inputs[0], vectors.inputs[0][:5])


@pytest.mark.compiler
@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_a_sequence_on_this_machine(folder: Path, mode: str) -> None:
    check(folder, mode, target="host")


@pytest.mark.emulator
@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_a_sequence_on_an_emulated_board(folder: Path, mode: str) -> None:
    check(folder, mode, target="stm32f4", emulator="qemu")


@pytest.mark.emulator
@pytest.mark.parametrize("mode", ["float32", "int8"])
def test_a_sequence_with_tflm(folder: Path, mode: str) -> None:
    if not os.environ.get(targets.TFLM_LIB) and not scons.registry_answers():
        pytest.skip(f"PlatformIO's registry does not answer, and {targets.TFLM_LIB} names no TFLM library")
    check(folder, mode, target="stm32f4", emulator="qemu", runtime="tflm")


@pytest.mark.compiler
def test_the_layers_of_a_sequence(folder: Path) -> None:
    """compare shows every tensor of every sample, so the state has to be right in each."""
    found = pipeline.compare(ask(folder, "int8", target="host"), Progress(), samples=4)
    assert found.device_samples == 4
    assert found.layer is None, found.finding
