"""The clock of an emulator: its scale undoes the rounding of ticks, and one that stands still is named."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.bench import CALIBRATION_TURNS
from tools.clock import Scale, calibrated, simplest_between
from tools.errors import DeviceError
from tools.protocol import Calibrated


def test_a_clock_that_stands_still_is_named() -> None:
    with pytest.raises(DeviceError, match="cannot be calibrated"):
        calibrated(Calibrated(10, 5), Calibrated(1000, 5))
    with pytest.raises(DeviceError, match="cannot be calibrated"):
        calibrated(Calibrated(0, 5), Calibrated(0, 500))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 50), st.integers(0, 10_000_000))
def test_calibration_undoes_the_clock(numerator: int, denominator: int, cost: int, work: int) -> None:
    """A clock whose rate is a simple fraction, rounded down, gives exact instruction counts."""
    rate = Fraction(numerator, denominator)  # instructions per tick
    if not Fraction(1, 200) < rate < 50:
        return
    loops = [Calibrated(4 * turns, int((4 * turns + cost) / rate)) for turns in CALIBRATION_TURNS]
    scale = calibrated(*loops)
    assert scale.instructions_per_tick == rate
    if rate <= 1:
        assert abs(scale.of(int(work / rate)) - work) <= 1


@given(st.fractions(Fraction(1, 1000), 1000), st.fractions(Fraction(1, 1000), 1000))
def test_simplest_fraction(a: Fraction, b: Fraction) -> None:
    low, high = min(a, b), max(a, b)
    found = simplest_between(low, high)
    assert low <= found <= high
    assert found.denominator <= min(low.denominator, high.denominator)


def test_rounding_is_to_the_nearest() -> None:
    assert [Scale(Fraction(1, 2)).of(ticks) for ticks in range(5)] == [0, 1, 1, 2, 2]
