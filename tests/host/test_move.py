"""Operators that only move elements: kerf's kernels equal TFLM's, or LiteRT's for types that TFLM lacks."""

import numpy as np
import pytest
from against_tflm import Result, run_collected
from moving import Generator, constant, generated, sizes, tensor
from single_op import OpSpec

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=8)]


def expand_dims(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 4)
    axis = int(rng.integers(-len(shape) - 1, len(shape) + 1))
    output = list(np.expand_dims(np.empty(shape), axis).shape)
    return [OpSpec("EXPAND_DIMS", [tensor(shape, dtype, rng), constant(axis)], [tensor(output, dtype)])]


def squeeze(rng: Generator, dtype: str) -> list[OpSpec] | None:
    shape = [int(n) for n in rng.choice([1, 1, 2, 3, 5], rng.integers(1, 6))]
    ones = [i for i, size in enumerate(shape) if size == 1]
    chosen = [i for i in ones if rng.integers(2)]
    gone = chosen or ones  # without a list, all dimensions of size 1
    output = [size for i, size in enumerate(shape) if i not in gone]
    if not output or not ones:
        return None
    options = {"SqueezeDims": chosen} if chosen else {}
    return [OpSpec("SQUEEZE", [tensor(shape, dtype, rng)], [tensor(output, dtype)], "SqueezeOptions", options)]


def slice_(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    begin = [int(rng.integers(0, n)) for n in shape]
    output = [int(rng.integers(1, n - first + 1)) for n, first in zip(shape, begin, strict=True)]
    size = [
        -1 if first + n == whole and rng.integers(2) else n
        for n, first, whole in zip(output, begin, shape, strict=True)
    ]
    width = str(rng.choice(["int32", "int64"]))
    inputs = [tensor(shape, dtype, rng), constant(begin, width), constant(size, width)]
    return [OpSpec("SLICE", inputs, [tensor(output, dtype)])]


def transpose(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    order = [int(i) for i in rng.permutation(len(shape))]
    return [
        OpSpec("TRANSPOSE", [tensor(shape, dtype, rng), constant(order)], [tensor([shape[i] for i in order], dtype)])
    ]


def parts(rng: Generator) -> tuple[int, list[int], list[int]]:
    """A dimension, possibly counted from the end, and the shapes before and after it."""
    shape = sizes(rng, 0, 3)
    axis = int(rng.integers(0, len(shape) + 1))
    return axis - int(rng.integers(2)) * (len(shape) + 1), shape[:axis], shape[axis:]


def split(rng: Generator, dtype: str) -> list[OpSpec]:
    axis, before, after = parts(rng)
    count, size = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    source = tensor([*before, count * size, *after], dtype, rng)
    outputs = [tensor([*before, size, *after], dtype) for _ in range(count)]
    return [OpSpec("SPLIT", [constant(axis), source], outputs, "SplitOptions", {"NumSplits": count})]


def split_v(rng: Generator, dtype: str) -> list[OpSpec]:
    axis, before, after = parts(rng)
    each = sizes(rng, 1, 4)
    source = tensor([*before, sum(each), *after], dtype, rng)
    outputs = [tensor([*before, size, *after], dtype) for size in each]
    inputs = [source, constant(each), constant(axis)]
    return [OpSpec("SPLIT_V", inputs, outputs, "SplitVOptions", {"NumSplits": len(each)})]


def unpack(rng: Generator, dtype: str) -> list[OpSpec]:
    axis, before, after = parts(rng)
    count = int(rng.integers(1, 13))
    source = tensor([*before, count, *after], dtype, rng)
    outputs = [tensor([*before, *after], dtype) for _ in range(count)]
    return [OpSpec("UNPACK", [source], outputs, "UnpackOptions", {"Num": count, "Axis": axis})]


def pack(rng: Generator, dtype: str) -> list[OpSpec] | None:
    axis, before, after = parts(rng)
    if not before and not after:
        return None  # a model's input must have a shape
    count = int(rng.integers(1, 13))
    sources = [tensor([*before, *after], dtype, rng) for _ in range(count)]
    output = tensor([*before, count, *after], dtype)
    return [OpSpec("PACK", sources, [output], "PackOptions", {"ValuesCount": count, "Axis": axis})]


def concatenation(rng: Generator, dtype: str) -> list[OpSpec]:
    axis, before, after = parts(rng)
    each = [int(n) for n in rng.integers(1, 6, rng.integers(1, 16))]  # TFLM takes 10
    sources = [tensor([*before, size, *after], dtype, rng) for size in each]
    output = tensor([*before, sum(each), *after], dtype)
    return [OpSpec("CONCATENATION", sources, [output], "ConcatenationOptions", {"Axis": axis})]


TFLM = {
    "EXPAND_DIMS": (expand_dims, ("int8", "int16", "float32")),
    "SQUEEZE": (squeeze, ("int8", "int16", "float32", "int32", "int64", "bool")),
    "SLICE": (slice_, ("int8", "int16", "float32", "int32", "bool")),
    "TRANSPOSE": (transpose, ("int8", "int16", "float32")),
    "SPLIT": (split, ("int8", "int16", "float32", "int32")),
    "SPLIT_V": (split_v, ("int8", "int16", "float32", "int32")),
    "UNPACK": (unpack, ("int8", "int16", "float32", "int32")),
    "PACK": (pack, ("int8", "int16", "float32", "int32", "int64")),
}
LITERT = {
    "EXPAND_DIMS": (expand_dims, ("int32", "int64", "uint8")),
    "SLICE": (slice_, ("int64", "uint8")),
    "TRANSPOSE": (transpose, ("int32", "int64", "uint8")),
    "SPLIT": (split, ("uint8",)),
    "SPLIT_V": (split_v, ("int64", "uint8")),
    "UNPACK": (unpack, ("uint8",)),
    "PACK": (pack, ("uint8",)),
    "CONCATENATION": (concatenation, ("int8", "int16", "float32", "int32", "int64", "uint8")),
}
CASES = generated(TFLM)
LITERT_CASES = generated(LITERT)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_collected(request, tmp_path_factory, CASES, LITERT_CASES)


@pytest.mark.parametrize("name", [*CASES, *LITERT_CASES])
def test_equals_the_oracle(results: dict[str, Result], name: str) -> None:
    results[name].check()
