"""Stripping: fewer bytes and the same model, whatever is in it; and files that are not a .tflite."""

from pathlib import Path

import numpy as np
import pytest
import tflite

from tools import oracle, strip
from tools.errors import ModelError
from tools.graph import read
from tools.oracle import signature

FLATTEN = (Path(__file__).parent / "flatten.tflite").read_bytes()
SHARED = Path(__file__).resolve().parents[3] / "shared" / "models"
COURSE = [SHARED / f"{name}.tflite" for name in ("kws", "ic", "vww")]


def models() -> list[object]:
    reason = "there are no MLPerf Tiny models beside the repository, in ../shared/models"
    skipped = pytest.mark.skipif(not SHARED.is_dir(), reason=reason)
    return [pytest.param(path, marks=skipped, id=path.stem) for path in COURSE]


def check(data: bytes) -> None:
    small = strip.strip(data)
    assert len(small) < len(data)
    assert strip.strip(small) == small
    before, after = signature.read(data, "m"), signature.read(small, "m")
    assert after == before  # types, shapes, scales and even the names of inputs and outputs
    random = np.random.default_rng(0)
    inputs = [random.integers(-128, 128, (3, *port.sample_shape), np.int8) for port in before.inputs]
    expected, got = oracle.expected(data, inputs), oracle.expected(small, inputs)
    assert got.oracle == expected.oracle
    for a, b in zip(expected.outputs, got.outputs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_small_model() -> None:
    check(FLATTEN)


@pytest.mark.parametrize("path", models())
def test_mlperf_tiny(path: Path) -> None:
    check(path.read_bytes())


def test_what_is_gone_and_what_stays() -> None:
    model = tflite.Model.GetRootAs(strip.strip(FLATTEN), 0)
    graph = model.Subgraphs(0)
    assert (model.MetadataLength(), model.SignatureDefsLength(), model.Description()) == (0, 0, None)
    assert graph.Name() is None
    ports = {graph.Inputs(0), graph.Outputs(0)}
    named = {i for i in range(graph.TensorsLength()) if graph.Tensors(i).Name()}
    assert named == ports
    used = {graph.Tensors(i).Buffer() for i in range(graph.TensorsLength())}
    assert used | {0} == set(range(model.BuffersLength()))
    assert model.Buffers(0).DataLength() == 0


def test_constants_stay_aligned() -> None:
    """Interpreters read weights where they lie in the file, with the loads of their type."""
    small = strip.strip(FLATTEN)
    model = tflite.Model.GetRootAs(small, 0)
    arrays = [model.Buffers(i).DataAsNumpy() for i in range(1, model.BuffersLength())]
    start = np.frombuffer(small, np.uint8).ctypes.data
    offsets = [array.ctypes.data - start for array in arrays]  # views into the file
    assert len(offsets) > 1 and [offset % strip.ALIGNMENT for offset in offsets] == [0] * len(offsets)


def test_graph_reads_it() -> None:
    before, after = read.read(FLATTEN, "m"), read.read(strip.strip(FLATTEN), "m")
    assert [op.kind for op in after.ops] == [op.kind for op in before.ops]
    assert after.model_bytes < before.model_bytes


@pytest.mark.parametrize("data", [b"", b"hello", FLATTEN[:100], FLATTEN[: len(FLATTEN) // 2]])
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(ModelError):
        strip.strip(data)
