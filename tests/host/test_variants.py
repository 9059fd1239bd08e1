"""Every variant of every operator equals the portable kernel, over generated layers.

All run on this machine with sanitizers: the DSP and blocked kernels as the same algorithm in C++, Helium's with the
intrinsics of tests/host/mve. The suite draws a few layers for each variant, `inv soak` at least 2,000.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import against_tflm
import numpy as np
import pytest
from cases import ACTIVATIONS, PADDINGS, out_size
from single_op import OpSpec, build
from test_add import add
from test_conv_2d import conv
from test_depthwise_conv_2d import depthwise
from test_fully_connected import dense
from test_mean import mean
from test_pool_2d import pool
from test_sparse import thin
from test_unidirectional_sequence_lstm import lstm

from tools import cores
from tools.errors import KerfError
from tools.graph import ops, passes, read
from tools.graph.operator import PORTABLE, Operator

SHORT, LONG = 4, 2000  # layers of each variant
CORES = tuple(map(cores.find, ("host", "cortex-m3", "cortex-m4", "cortex-m55")))

Rng = np.random.Generator
Case = list[OpSpec]


def one_of(rng: Rng, *values: Any) -> Any:
    return values[rng.integers(len(values))]


def pair(rng: Rng, least: int, most: int) -> tuple[int, int]:
    low, high = rng.integers(least, most + 1, 2).tolist()
    return low, high


def common(rng: Rng) -> dict[str, Any]:
    """What layers with weights have in common."""
    return {
        "fused": one_of(rng, *ACTIVATIONS),
        "zero_points": (one_of(rng, -128, -7, 0, 44, 127), one_of(rng, -128, -7, 0, 44, 127)),
        "bias_limit": one_of(rng, None, 0, 3000),
    }


def windows(rng: Rng, dilations: int = 3) -> dict[str, Any]:
    """An image and a filter that leave at least one position."""
    while True:
        drawn: dict[str, Any] = {
            "size": one_of(
                rng, pair(rng, 1, 9), pair(rng, 1, 18), (1, int(rng.integers(1, 40))), (int(rng.integers(1, 40)), 1)
            ),
            "filter_size": one_of(rng, (1, 1), (3, 3), (3, 3), pair(rng, 1, 5)),
            "stride": one_of(rng, (1, 1), (1, 1), (2, 2), pair(rng, 1, 3)),
            "dilation": one_of(rng, (1, 1), (1, 1), pair(rng, 1, dilations)),
            "padding": one_of(rng, *PADDINGS),
        }
        axes = zip(drawn["size"], drawn["filter_size"], drawn["stride"], drawn["dilation"], strict=True)
        if min(out_size(drawn["padding"], *axis) for axis in axes) >= 1:
            return drawn | {"batches": one_of(rng, 1, 1, 1, 2)}


def in_some_form(rng: Rng, make: Callable[..., Case], **drawn: Any) -> Case:
    """The layer in int8, also with sparse weights, or in int16x8."""
    seed = int(rng.integers(1 << 30))
    form = one_of(rng, *["int8"] * 5, *["int16x8"] * 3, "sparse", "sparse")
    if form != "sparse":
        return make(seed, form, **drawn)
    return thin(make(seed, **drawn), one_of(rng, 0.6, 0.8, 0.95), seed)


def conv_2d(rng: Rng) -> Case:
    groups = one_of(rng, 1, 1, 1, 1, 2)
    depth = groups * one_of(rng, 1, 2, 3, 4, int(rng.integers(1, 40)))
    channels = groups * int(rng.integers(1, 20))
    return in_some_form(rng, conv, groups=groups, depth=depth, channels=channels, **windows(rng), **common(rng))


def depthwise_conv_2d(rng: Rng) -> Case:
    shape = {"depth": int(rng.integers(1, 20)), "multiplier": one_of(rng, 1, 1, 1, 1, 2, 3)}
    return in_some_form(rng, depthwise, **shape, **windows(rng), **common(rng))


def fully_connected(rng: Rng) -> Case:
    depth, rows = one_of(rng, int(rng.integers(1, 40)), int(rng.integers(1, 300))), one_of(rng, 1, 1, 1, 2, 3)
    scales = {"weight_scale": one_of(rng, None, float(rng.uniform(1e-3, 5e-2)))}
    shape = {"shape": (rows, depth), "depth": depth, "channels": int(rng.integers(1, 20))}
    drawn = shape | scales | common(rng)
    if rng.random() < 0.3:
        return dense(int(rng.integers(1 << 30)), "dynamic", **drawn)
    return in_some_form(rng, dense, **drawn)


def add_(rng: Rng) -> Case:
    shape = rng.integers(1, 9, rng.integers(1, 5)).tolist()
    other = one_of(rng, shape, shape, shape, shape[-1:])
    scales = [one_of(rng, 0.05, float(np.exp(rng.uniform(-7, 1)))) for _ in range(3)]
    zero_points = [int(z) for z in rng.integers(-128, 128, 3)]
    return add(
        shape, other, one_of(rng, "int8", "int8", "int8", "float32"), scales, zero_points, one_of(rng, *ACTIVATIONS)
    )  # type: ignore[arg-type]


def pool_2d(rng: Rng, kind: str) -> Case:
    drawn = windows(rng)
    del drawn["dilation"]
    if rng.random() < 0.2:
        drawn |= {"filter_size": drawn["size"], "padding": "VALID"}
    elif (
        min(
            out_size(drawn["padding"], *a)
            for a in zip(drawn["size"], drawn["filter_size"], drawn["stride"], strict=True)
        )
        < 1
    ):
        return pool_2d(rng, kind)
    zero_point = one_of(rng, -128, -7, 0, 44, 127)
    dtype = one_of(rng, *["int8"] * 4, "int16", "float32")
    return pool(
        kind,
        dtype,
        depth=int(rng.integers(1, 20)),
        zero_point=0 if dtype == "int16" else zero_point,
        fused=one_of(rng, *ACTIVATIONS),
        **drawn,
    )


def mean_(rng: Rng) -> Case:
    shape = [one_of(rng, 1, 1, 2), *pair(rng, 1, 16), int(rng.integers(1, 20))]
    axes = one_of(rng, [1, 2], [1, 2], [1, 2], [1, 2, 3], [3], [1], [2])
    scales = (float(np.exp(rng.uniform(-5, 1))), float(np.exp(rng.uniform(-5, 1))))
    zero_points = (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))
    return mean(shape, axes, bool(rng.integers(2)), one_of(rng, "int8", "int8", "int8", "float32"), scales, zero_points)


def lstm_(rng: Rng) -> Case:
    return lstm(
        "int8",
        one_of(rng, 1, 1, 1, 2, 3),
        *(int(rng.integers(1, most)) for most in (7, 40, 20)),
        time_major=bool(rng.integers(2)),
        clip=one_of(rng, 0.0, 0.0, 0.25),
        source=(float(rng.uniform(0.005, 0.1)), int(rng.integers(-128, 128))),
        hidden=(float(rng.uniform(0.004, 0.02)), int(rng.integers(-128, 128))),
        cell=2.0 ** -int(rng.integers(9, 14)),
        weights=float(np.exp(rng.uniform(-7, -1))),
        seed=int(rng.integers(1 << 30)),
    )


# An operator with more than one variant → a layer of it.
DRAWN: dict[str, Callable[[Rng], Case]] = {
    "ADD": add_,
    "AVERAGE_POOL_2D": lambda rng: pool_2d(rng, "AVERAGE_POOL_2D"),
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": lambda rng: pool_2d(rng, "MAX_POOL_2D"),
    "MEAN": mean_,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm_,
}
# Variants for types that the portable kernel does not have: other tests compare them with an interpreter.
BY_TYPE = {("CONV_2D", "widened"), ("EMBEDDING_LOOKUP", "widening")}


def variants(kind: str) -> list[str]:
    """The variants of an operator that have to equal the portable one."""
    names = [variant.name for variant in ops.find(kind).variants]
    return [name for name in names if name != PORTABLE and (kind, name) not in BY_TYPE]


def accepted(kind: str, case: Case) -> set[str]:
    """The variants that can compute a layer on some core, whether or not they are preferred there."""
    try:
        graph = passes.run(read.read(build(case), kind))
    except KerfError:
        return set()
    layers = [op for op in graph.ops if op.kind == kind]
    return {v.name for op in layers for v in ops.find(kind).variants for core in CORES if v.accepts(op, graph, core)}


def drawn(kind: str, least: int, seed: int) -> dict[str, dict[str, Case]]:
    """At least this number of layers for each variant of an operator, by name."""
    rng = np.random.default_rng(seed)
    cases: dict[str, dict[str, Case]] = {name: {} for name in variants(kind)}
    for number in range(least * 1000):
        case = DRAWN[kind](rng)
        for name in accepted(kind, case) & cases.keys():
            if len(cases[name]) < least:
                cases[name][f"{number}"] = case
        if min(map(len, cases.values())) == least:
            return cases
    raise AssertionError(f"few layers of {kind} for { {name: len(some) for name, some in cases.items()} }")


def test_every_variant_is_drawn() -> None:
    assert set(DRAWN) == {kind for kind in ops.with_kernels() if variants(kind)}


def equal_the_portable_kernels(kind: str, least: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    wanted = PORTABLE

    def forced(operator: Operator, *_: Any) -> Any:
        named = [variant for variant in operator.variants if variant.name == wanted]
        return named[0] if named else operator.variants[-1]

    def portable(data: bytes, samples: Sequence[np.ndarray], outputs: int) -> tuple[np.ndarray, ...]:
        nonlocal wanted
        before, wanted = wanted, PORTABLE
        try:
            return against_tflm.run_kerf(data, samples, folder)
        finally:
            wanted = before

    patch.setattr(Operator, "variant", forced)
    for name, cases in drawn(kind, least, seed=7).items():
        wanted = name
        for case, result in against_tflm.run_cases(cases, folder / name, oracle=portable).items():
            for ours, theirs in zip(result.kerf, result.oracle, strict=True):
                np.testing.assert_array_equal(ours, theirs, f"{kind} {name}, layer {case}")


@pytest.mark.compiler
@pytest.mark.parametrize("kind", DRAWN)
def test_equals_the_portable_kernel(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    equal_the_portable_kernels(kind, SHORT, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.compiler
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("kind", DRAWN)
def test_many_equal_the_portable_kernel(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    equal_the_portable_kernels(kind, LONG, tmp_path, monkeypatch)
