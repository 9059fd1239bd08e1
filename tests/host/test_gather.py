"""Operators with computed positions: kerf's kernels equal TFLM's, or LiteRT's for types that TFLM lacks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from against_tflm import Result, run_collected, run_kerf
from moving import Generator, generated, sizes, tensor
from single_op import OpSpec, TensorSpec, build

from tools.cores import HOST
from tools.errors import UnsupportedModel
from tools.runtimes import aot

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=5)]


def positions(rng: Generator, shape: Sequence[int], below: int, dtype: str = "int32") -> TensorSpec:
    """Positions 0 … below - 1, as a constant or an input."""
    constant = rng.integers(0, below, tuple(shape), dtype) if rng.integers(2) else None
    return TensorSpec(shape, dtype, data=constant, below=below)


def gather(rng: Generator, dtype: str, width: str = "int32") -> list[OpSpec]:
    shape = sizes(rng, 1, 4)
    axis = int(rng.integers(0, len(shape)))
    shared = int(rng.integers(0, axis + 1)) if rng.integers(2) else 0
    own = sizes(rng, 1, 2)
    where = positions(rng, [*shape[:shared], *own], shape[axis], width)
    output = [*shape[:axis], *own, *shape[axis + 1 :]]
    options = {"Axis": axis - int(rng.integers(2)) * len(shape), "BatchDims": shared}
    return [OpSpec("GATHER", [tensor(shape, dtype), where], [tensor(output, dtype)], "GatherOptions", options)]


def gather_at_int64(rng: Generator, dtype: str) -> list[OpSpec]:
    return gather(rng, dtype, "int64")


def gather_nd(rng: Generator, dtype: str, width: str = "int32") -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    depth = int(rng.integers(1, len(shape) + 1))
    own = sizes(rng, 1, 2)
    where = positions(rng, [*own, depth], min(shape[:depth]), width)
    output = [*own, *shape[depth:]]
    return [OpSpec("GATHER_ND", [tensor(shape, dtype), where], [tensor(output, dtype)])]


def embedding_lookup(rng: Generator, dtype: str) -> list[OpSpec]:
    table = sizes(rng, 2, 4, 9)
    count = int(rng.integers(1, 7))
    where = positions(rng, [count], table[0])
    return [OpSpec("EMBEDDING_LOOKUP", [where, tensor(table, dtype)], [tensor([count, *table[1:]], dtype)])]


def widening_lookup(rng: Generator, dtype: str) -> list[OpSpec]:
    (op,) = embedding_lookup(rng, dtype)
    where, table = op.inputs
    assert table is not None
    table = TensorSpec(table.shape, dtype, 0.037)
    return [OpSpec(op.kind, [where, table], [TensorSpec(op.outputs[0].shape, "float32")])]


def dynamic_update_slice(rng: Generator, dtype: str, width: str = "int32") -> list[OpSpec]:
    """Positions of any value: those outside are clamped."""
    shape = sizes(rng, 1, 5)
    update = [int(rng.integers(1, n + 1)) for n in shape]
    where = TensorSpec((len(shape),), width, below=int(rng.choice([2, 4])) if rng.integers(4) else None)
    inputs = [tensor(shape, dtype), tensor(update, dtype), where]
    return [OpSpec("DYNAMIC_UPDATE_SLICE", inputs, [tensor(shape, dtype)])]


def update_at_int64(rng: Generator, dtype: str) -> list[OpSpec]:
    return dynamic_update_slice(rng, dtype, "int64")


def broadcast_args(rng: Generator, dtype: str) -> list[OpSpec]:
    """Dimensions of 0 and 1 only, which always broadcast."""
    first, second = (int(n) for n in rng.integers(1, 9, 2))
    inputs = [TensorSpec((count,), dtype, below=2) for count in (first, second)]
    return [OpSpec("BROADCAST_ARGS", inputs, [TensorSpec((max(first, second),), dtype)])]


TFLM: dict[str, Any] = {
    "BROADCAST_ARGS": (broadcast_args, ("int32", "int64")),
    "DYNAMIC_UPDATE_SLICE": (dynamic_update_slice, ("int8", "int16", "float32", "int32")),
    "DYNAMIC_UPDATE_SLICE at int64": (update_at_int64, ("int8",)),
    "GATHER": (gather, ("int8", "float32")),
    "GATHER_ND": (gather_nd, ("int8", "float32")),
    "EMBEDDING_LOOKUP": (embedding_lookup, ("int8", "float32")),
    "EMBEDDING_LOOKUP as float32": (widening_lookup, ("int8",)),
}
LITERT: dict[str, Any] = {
    "DYNAMIC_UPDATE_SLICE": (dynamic_update_slice, ("int64", "uint8")),
    "GATHER": (gather, ("int16", "int32", "int64", "uint8")),
    "GATHER at int64": (gather_at_int64, ("int8",)),
    "GATHER_ND": (gather_nd, ("int16", "int32", "int64", "uint8")),
}
CASES = generated(TFLM)
LITERT_CASES = generated(LITERT)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_collected(request, tmp_path_factory, CASES, LITERT_CASES)


@pytest.mark.parametrize("name", [*CASES, *LITERT_CASES])
def test_equals_the_oracle(results: dict[str, Result], name: str) -> None:
    results[name].check()


def test_positions_outside_are_the_nearest_inside(tmp_path: Path) -> None:
    """Interpreters fail on them; a device must not read outside the tensor."""
    source, where = TensorSpec((4, 3), "int8", 0.1), TensorSpec((5,), "int32")
    pairs, output = TensorSpec((3, 2), "int32"), TensorSpec((3,), "int8", 0.1)
    rows = TensorSpec((5, 3), "int8", 0.1)
    data = build(
        [
            OpSpec("GATHER", [source, where], [rows], "GatherOptions", {"Axis": 0}),
            OpSpec("GATHER_ND", [source, pairs], [output]),
        ]
    )
    x = np.arange(12, dtype=np.int8).reshape(4, 3)
    limits = np.iinfo(np.int32)
    wild = np.array([limits.min, -1, 2, 4, limits.max], np.int32)
    both = np.array([[limits.min, 1], [1, limits.max], [9, -9]], np.int32)
    picked, single = run_kerf(data, [x[None], wild[None], both[None]], tmp_path)
    np.testing.assert_array_equal(picked[0], x[[0, 0, 2, 3, 3]])
    np.testing.assert_array_equal(single[0], [x[0, 1], x[1, 2], x[3, 0]])


def test_constant_positions_outside_are_refused() -> None:
    source, output = TensorSpec((4, 3), "int8", 0.1), TensorSpec((2, 3), "int8", 0.1)
    where = TensorSpec((2,), "int32", data=np.array([1, 4], np.int32))
    data = build([OpSpec("GATHER", [source, where], [output], "GatherOptions", {"Axis": 0})])
    with pytest.raises(UnsupportedModel, match=r"its positions .* are not all inside 4; correct them"):
        aot.lower(data, "m", HOST)
