"""Operators that repeat, reverse or regroup elements: kerf's kernels equal TFLM's, or LiteRT's where TFLM has none."""

from collections.abc import Sequence

import numpy as np
import pytest
from against_tflm import Result, run_collected
from moving import Generator, constant, generated, sizes, tensor
from single_op import OpSpec, TensorSpec

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=12)]


def reverse(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    first = int(rng.integers(0, len(shape)))
    axes = range(first, int(rng.integers(first, len(shape))) + 1)  # TFLM only takes adjacent dimensions
    written = [axis - int(rng.integers(2)) * len(shape) for axis in axes]
    return [OpSpec("REVERSE_V2", [tensor(shape, dtype, rng), constant(written)], [tensor(shape, dtype)])]


def broadcast_to(rng: Generator, dtype: str) -> list[OpSpec]:
    output = sizes(rng, 1, 5, 4)
    first = int(rng.integers(0, len(output)))
    shape = [int(rng.choice([1, n])) for n in output[first:]]
    wanted = constant(output, str(rng.choice(["int32", "int64"])))
    return [OpSpec("BROADCAST_TO", [tensor(shape, dtype, rng), wanted], [tensor(output, dtype)])]


def fill(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5)
    one, value = tensor((1,), dtype, rng), tensor((), dtype)
    wanted = constant(shape, str(rng.choice(["int32", "int64"])))
    squeeze = OpSpec("SQUEEZE", [one], [value], "SqueezeOptions")  # an input must have a shape, but the value must not
    return [squeeze, OpSpec("FILL", [wanted, value], [tensor(shape, dtype)])]


def tile(rng: Generator, dtype: str) -> list[OpSpec] | None:
    shape = sizes(rng, 1, 4, 4)
    times = [int(n) for n in rng.integers(1, 4, len(shape))]
    output = [n * m for n, m in zip(shape, times, strict=True)]
    if sum(n > 1 and m > 1 for n, m in zip(shape, times, strict=True)) > 3:
        return None  # needs more loops than the kernel has
    return [OpSpec("TILE", [tensor(shape, dtype, rng), constant(times)], [tensor(output, dtype)])]


def zeros_like(rng: Generator, dtype: str) -> list[OpSpec]:
    shape, scale = sizes(rng, 1, 5), 0.1 if dtype in ("int8", "int16", "uint8") else None
    x, y = TensorSpec(shape, dtype, scale), TensorSpec(shape, dtype, scale)
    return [OpSpec("ZEROS_LIKE", [x], [y])]


def blocks(rng: Generator) -> tuple[int, int, int, int, int]:
    """Block size, batches, rows and columns of blocks, channels."""
    block, *others = (int(n) for n in rng.integers(1, 4, 5))
    return block, *others  # type: ignore[return-value]


def space_to_depth(rng: Generator, dtype: str) -> list[OpSpec]:
    n, batches, rows, columns, depth = blocks(rng)
    x, y = (batches, rows * n, columns * n, depth), (batches, rows, columns, n * n * depth)
    inputs, outputs = [tensor(x, dtype)], [tensor(y, dtype)]
    return [OpSpec("SPACE_TO_DEPTH", inputs, outputs, "SpaceToDepthOptions", {"BlockSize": n})]


def depth_to_space(rng: Generator, dtype: str) -> list[OpSpec]:
    n, batches, rows, columns, depth = blocks(rng)
    x, y = (batches, rows, columns, n * n * depth), (batches, rows * n, columns * n, depth)
    inputs, outputs = [tensor(x, dtype)], [tensor(y, dtype)]
    return [OpSpec("DEPTH_TO_SPACE", inputs, outputs, "DepthToSpaceOptions", {"BlockSize": n})]


def edges(rng: Generator, dimensions: int) -> tuple[list[int], list[list[int]], int]:
    """Block sizes and edges of one or two dimensions, and the number of pixels of a block."""
    block = [int(n) for n in rng.integers(1, 4, dimensions)]
    edge = [[int(n) for n in rng.integers(0, 3, 2)] for _ in block]
    return block, edge, int(np.prod(block))


def batch_to_space(rng: Generator, dtype: str) -> list[OpSpec] | None:
    dimensions = int(rng.integers(1, 3))
    block, crops, pixels = edges(rng, dimensions)
    batches, depth = (int(n) for n in rng.integers(1, 4, 2))
    size = [int(n) for n in rng.integers(1, 5, dimensions)]
    output = [n * b - sum(crop) for n, b, crop in zip(size, block, crops, strict=True)]
    if min(output) < 1:
        return None
    inputs = [tensor((batches * pixels, *size, depth), dtype), constant(block), constant(crops)]
    return [OpSpec("BATCH_TO_SPACE_ND", inputs, [tensor((batches, *output, depth), dtype)])]


def space_to_batch(rng: Generator, dtype: str) -> list[OpSpec] | None:
    dimensions = int(rng.integers(1, 3))
    block, paddings, pixels = edges(rng, dimensions)
    batches, depth = (int(n) for n in rng.integers(1, 4, 2))
    output = [int(n) for n in rng.integers(1, 4, dimensions)]
    size = [n * b - sum(padding) for n, b, padding in zip(output, block, paddings, strict=True)]
    if min(size) < 1:
        return None
    inputs = [tensor((batches, *size, depth), dtype), constant(block), constant(paddings)]
    return [OpSpec("SPACE_TO_BATCH_ND", inputs, [tensor((batches * pixels, *output, depth), dtype)])]


def without_border(rng: Generator, dtype: str) -> list[OpSpec]:
    n, batches, rows, columns, depth = blocks(rng)
    x, y = (batches, rows * n, columns * n, depth), (batches * n * n, rows, columns, depth)
    inputs = [tensor(x, dtype), constant([n, n]), constant([[0, 0], [0, 0]])]
    return [OpSpec("SPACE_TO_BATCH_ND", inputs, [tensor(y, dtype)])]


def mirror_pad(rng: Generator, dtype: str) -> list[OpSpec]:
    shape, mode = sizes(rng, 1, 4), int(rng.integers(2))  # REFLECT, SYMMETRIC
    most = [n - 1 + mode for n in shape]
    paddings = [[int(rng.integers(0, m + 1)) * int(rng.integers(2)) for _ in range(2)] for m in most]
    output = [n + sum(padding) for n, padding in zip(shape, paddings, strict=True)]
    inputs = [tensor(shape, dtype), constant(paddings)]
    return [OpSpec("MIRROR_PAD", inputs, [tensor(output, dtype)], "MirrorPadOptions", {"Mode": mode})]


def padv2(rng: Generator, dtype: str) -> list[OpSpec]:
    shape = sizes(rng, 1, 5, 4)
    paddings = [[int(rng.integers(0, 3)) * int(rng.integers(2)) for _ in range(2)] for _ in shape]
    output = [n + sum(padding) for n, padding in zip(shape, paddings, strict=True)]
    plain = tensor((1,), dtype)
    value = TensorSpec((1,), dtype, plain.scale, plain.zero_point, data=rng.integers(0, 120, 1).astype(dtype))
    return [OpSpec("PADV2", [tensor(shape, dtype), constant(paddings), value], [tensor(output, dtype)])]


def pad(rng: Generator, dtype: str) -> list[OpSpec]:
    (op,) = padv2(rng, dtype)
    return [OpSpec("PAD", op.inputs[:2], op.outputs)]


def resize(kind: str, rng: Generator, dtype: str, most: Sequence[int] = (9, 20)) -> list[OpSpec]:
    batches, depth = (int(n) for n in rng.integers(1, 4, 2))
    before, after = (tuple(int(n) for n in rng.integers(1, limit, 2)) for limit in most)
    aligned, half = ((False, False), (True, False), (False, True))[int(rng.integers(3))]
    x, y = tensor((batches, *before, depth), dtype), tensor((batches, *after, depth), dtype)
    options = {"AlignCorners": aligned, "HalfPixelCenters": half}
    name = "".join(word.capitalize() for word in kind.split("_"))
    return [OpSpec(kind, [x, constant(after)], [y], f"{name}Options", options)]


def nearest(rng: Generator, dtype: str) -> list[OpSpec]:
    return resize("RESIZE_NEAREST_NEIGHBOR", rng, dtype)


def bilinear(rng: Generator, dtype: str) -> list[OpSpec]:
    return resize("RESIZE_BILINEAR", rng, dtype)


def enlarged(rng: Generator, dtype: str) -> list[OpSpec]:
    return resize("RESIZE_BILINEAR", rng, dtype, (4, 60))


TFLM = {
    "REVERSE_V2": (reverse, ("int8", "int16", "float32", "int32", "int64", "uint8", "bool")),
    "BROADCAST_TO": (broadcast_to, ("int8", "int16", "float32", "int32", "int64", "uint8", "bool")),
    "FILL": (fill, ("int8", "float32", "int32")),
    "ZEROS_LIKE": (zeros_like, ("int8", "float32", "int32", "int64")),
    "SPACE_TO_DEPTH": (space_to_depth, ("int8", "float32")),
    "DEPTH_TO_SPACE": (depth_to_space, ("int8", "float32")),
    "BATCH_TO_SPACE_ND": (batch_to_space, ("int8", "float32")),
    "SPACE_TO_BATCH_ND without a border": (without_border, ("int8", "float32")),
    "MIRROR_PAD": (mirror_pad, ("int8", "float32")),
    "PADV2": (padv2, ("int8", "int16", "float32", "int32")),
    "PAD": (pad, ("int32",)),
    "RESIZE_NEAREST_NEIGHBOR": (nearest, ("int8", "int16", "float32")),
    "RESIZE_BILINEAR": (bilinear, ("int8", "float32")),
    "RESIZE_BILINEAR enlarged": (enlarged, ("int8", "float32")),
}
LITERT = {
    "FILL": (fill, ("int8", "int16", "int64", "bool")),
    "TILE": (tile, ("int8", "int16", "float32", "int32", "int64", "uint8")),
    "SPACE_TO_DEPTH": (space_to_depth, ("int32", "int64", "uint8")),
    "DEPTH_TO_SPACE": (depth_to_space, ("int32", "int64", "uint8")),
    "BATCH_TO_SPACE_ND": (batch_to_space, ("int32", "int64", "uint8")),
    "SPACE_TO_BATCH_ND": (space_to_batch, ("int8", "float32", "int32", "uint8")),
    "MIRROR_PAD": (mirror_pad, ("int16", "int32", "int64", "uint8")),
    "PADV2": (padv2, ("int64", "uint8")),
    "RESIZE_NEAREST_NEIGHBOR": (nearest, ("uint8",)),
    "RESIZE_BILINEAR": (bilinear, ("int16",)),
    "RESIZE_BILINEAR enlarged": (enlarged, ("int16",)),
}
CASES = generated(TFLM)
LITERT_CASES = generated(LITERT)


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_collected(request, tmp_path_factory, CASES, LITERT_CASES)


@pytest.mark.parametrize("name", [*CASES, *LITERT_CASES])
def test_equals_the_oracle(results: dict[str, Result], name: str) -> None:
    results[name].check()
