"""Generates cases for operators that only move elements: random shapes, the same for every type."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from single_op import OpSpec, TensorSpec

SHAPES = 30  # for each operator and type
Generator = np.random.Generator
Shapes = tuple[tuple[int, ...] | None, ...]
# Makes a random case of a type; None if the random numbers do not give a valid one.
Make = Callable[[Generator, str], list[OpSpec] | None]


def tensor(shape: Sequence[int], dtype: str, rng: Generator | None = None) -> TensorSpec:
    """A per-tensor quantized tensor. With ``rng``, bool ones are constants, as interpreters take no bool inputs."""
    data = rng.integers(0, 2, tuple(shape)).astype(bool) if rng is not None and dtype == "bool" else None
    scale, zero_point = {"int8": (0.2, 5), "uint8": (0.2, 133), "int16": (0.2, 0)}.get(dtype, (None, 0))
    return TensorSpec(tuple(int(n) for n in shape), dtype, scale, zero_point, data=data)


def constant(values: Any, dtype: str = "int32") -> TensorSpec:
    data = np.array(values, dtype)
    return TensorSpec(data.shape, dtype, data=data)


def sizes(rng: Generator, low: int, high: int, largest: int = 5) -> list[int]:
    """Random sizes of ``low`` to ``high`` dimensions."""
    return [int(n) for n in rng.integers(1, largest + 1, rng.integers(low, high + 1))]


def generated(makers: Mapping[str, tuple[Make, Iterable[str]]], count: int = SHAPES) -> dict[str, list[OpSpec]]:
    """Name → case, ``count`` of each type, whose shapes all differ. ``makers``: operator → the function that makes a
    case, and its types."""
    cases: dict[str, list[OpSpec]] = {}
    for kind, (make, dtypes) in makers.items():
        for dtype in dtypes:
            rng = np.random.default_rng(5)
            seen: set[tuple[Shapes, ...]] = set()
            while len(seen) < count:
                case = make(rng, dtype)
                if case is None or not all(math.prod(t.shape) for op in case for t in op.outputs):
                    continue
                shapes = tuple(map(shapes_of, case))
                if shapes not in seen:
                    cases[f"{kind} {dtype} {len(seen)}"] = case
                    seen.add(shapes)
    return cases


def shapes_of(op: OpSpec) -> Shapes:
    """The shapes of all inputs and outputs; None for an absent input."""
    return tuple(None if t is None else tuple(t.shape) for t in (*op.inputs, *op.outputs))
