"""Whole models on every core, for every goal: each output equals TFLM's for 200 random and 20 extreme inputs.

They run without bench and serial line, so that many inferences take seconds. The suite runs a small model, and one of
MLPerf Tiny if it is there; `inv soak --only models_on_cores` runs all three and kerf's own networks of random weights.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import against_tflm
import numpy as np
import on_core
import pytest

from tools import models, pipeline
from tools.graph import read
from tools.graph.schedule import GOALS
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(3600)]

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "models"
FILES = {
    path.stem: path
    for path in (
        ROOT / "tests" / "unit" / "flatten.tflite",
        *map(SHARED.joinpath, ("kws.tflite", "ic.tflite", "vww.tflite")),
    )
}
OWN = [name for name in models.known() if models.find(name).EPOCHS == 0]  # those that are only for measuring
SHORT = {("flatten", "M4", "speed"), ("flatten", "M55", "ram"), ("kws", "M4", "speed")}
RANDOM, EXTREME = 200, 20


def extremes(shape: tuple[int, ...], low: int, high: int) -> Iterator[np.ndarray]:
    """EXTREME inputs: all the same, alternating by value and in blocks, ramps, and single values that stand out."""
    count = int(np.prod(shape))
    at = np.arange(count)
    for value in (low, high, 0, low + 1, high - 1, 1, -1):
        yield np.full(shape, value)
    for period in (1, 2, 3, 4, max(shape[-1], 1), max(int(np.prod(shape[-2:])), 1)):
        yield np.where(at // period % 2, low, high).reshape(shape)
    yield np.where(at % 2, high, low).reshape(shape)
    yield np.where(at < count // 2, low, high).reshape(shape)
    yield (low + at % (high - low + 1)).reshape(shape)
    yield (high - at % (high - low + 1)).reshape(shape)
    for background, value, where in ((low, high, 0), (high, low, count - 1), (0, high, count // 2)):
        yield np.where(at == where, value, background).reshape(shape)


@cache
def model(name: str) -> bytes:
    """The .tflite of this name; skips if it is one of MLPerf Tiny's and not there."""
    if name in FILES:
        if not FILES[name].is_file():
            pytest.skip(f"{FILES[name].name} of MLPerf Tiny is not in ../shared/models")
        return FILES[name].read_bytes()
    return pipeline.quantize(Request(model=name, mode="int8"), Progress()).tflite


@cache
def expected(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs, and the oracle's output for each."""
    graph = read.read(model(name), name)
    tensor = graph.tensors[graph.inputs[0]]
    limits = np.iinfo(np.int8)
    rng = np.random.default_rng(10)
    noise = rng.integers(limits.min, limits.max, (RANDOM, *tensor.shape), endpoint=True)
    some = np.concatenate([noise, np.stack(list(extremes(tensor.shape, limits.min, limits.max)))]).astype(np.int8)
    assert len(some) == RANDOM + EXTREME
    (output,) = against_tflm.run_tflm(model(name), [some], 1)
    return some, output


@pytest.fixture(scope="module", autouse=True)
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", tmp_path_factory.mktemp("models"))
        yield


def runs() -> Iterator[Any]:
    for name in (*FILES, *OWN):
        for core in on_core.BOARDS:
            for goal in GOALS:
                marks = [] if (name, core, goal) in SHORT else [pytest.mark.soak]
                if name in OWN:
                    marks.append(pytest.mark.tf)
                yield pytest.param(name, core, goal, marks=marks, id=f"{name}-{core}-{goal}")


@pytest.mark.parametrize(("name", "core", "goal"), list(runs()))
def test_equals_the_oracle(name: str, core: str, goal: str, tmp_path: Path) -> None:
    on_core.require(core)
    inputs, outputs = expected(name)
    (ours,) = on_core.run(core, model(name), [inputs], tmp_path, goal)
    differing = np.flatnonzero((ours != outputs).reshape(len(ours), -1).any(axis=1))
    assert differing.size == 0, f"{differing.size} of {len(ours)} inputs, the first is number {differing[0]}"
