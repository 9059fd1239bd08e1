"""fixed_point.h against the definitions in gemmlowp/fixedpoint/fixedpoint.h, written out in Python's exact integers."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from against_tflm import CXX_FLAGS, ROOT

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
EDGES = [0, 1, -1, 2, -2, INT32_MIN, INT32_MIN + 1, INT32_MAX, 2**30, -(2**30), 2**30 - 1, 2**30 + 1, 127, -128]


def wrap(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31


def truncating_divide(value: int, divisor: int) -> int:
    return abs(value) // divisor * (1 if value >= 0 else -1)


def high_mul(a: int, b: int) -> int:
    if a == b == INT32_MIN:
        return INT32_MAX
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    return truncating_divide(a * b + nudge, 2**31)


def divide_by_power_of_two(x: int, exponent: int) -> int:
    mask = 2**exponent - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


def multiply(x: int, multiplier: int, shift: int) -> int:
    return divide_by_power_of_two(high_mul(wrap(x << max(shift, 0)), multiplier), max(-shift, 0))


@pytest.mark.compiler
def test_equals_the_definitions(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    edges = [(x, m, s) for x in EDGES for m in EDGES for s in (-31, -30, -17, -1, 0, 1, 7, 30)]
    random = rng.integers(INT32_MIN, INT32_MAX, (20_000, 3), endpoint=True) >> rng.integers(0, 31, (20_000, 3))
    random[:, 2] = rng.integers(-31, 30, 20_000, endpoint=True)
    triples = np.array([*edges, *random.tolist()], np.int32)

    program = tmp_path / "fixed_point"
    main = ROOT / "tests" / "host" / "fixed_point_main.cpp"
    subprocess.run(["g++", *CXX_FLAGS, f"-I{ROOT / 'firmware'}", main, "-o", program], check=True)
    output = subprocess.run([program], input=triples.tobytes(), capture_output=True, check=True).stdout

    expected = [
        (
            multiply(x, m & INT32_MAX, s),
            high_mul(x, m),
            divide_by_power_of_two(x, abs(s)),
            high_mul(truncating_divide(x, 2), m % 2**30 + 2**30),
        )
        for x, m, s in triples.tolist()
    ]
    np.testing.assert_array_equal(np.frombuffer(output, np.int32).reshape(-1, 4), np.array(expected, np.int32))
