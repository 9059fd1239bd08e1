"""What an instrument recorded → the energy of one inference."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PowerError
from ..values import Energy

WIRING = "connect the board's pin to its digital input (docs/energy.md)"


@dataclass(frozen=True, eq=False)
class Samples:
    """Evenly spaced samples, ``hz`` per second.

    ``amperes`` is NaN where a sample was lost. ``volts`` has one value per sample, or one for all. ``pin`` is True
    while the firmware's pin is high.
    """

    hz: float
    amperes: npt.NDArray[Any]
    volts: npt.NDArray[Any] | float
    pin: npt.NDArray[np.bool_]


def energy(samples: Samples, inferences: int, instrument: str) -> Energy:
    """The mean energy of one inference, the pin being high for the length of each.

    The idle current is the median between inferences: during most of that time the board waits for its next input. For
    each inference it is the mean of the medians before and after it, so that slow drift cancels. Inferences of which a
    sample is missing, or that began before the recording or ended after it, do not count; nor does one without any
    sample of the time before or after it.

    Raises PowerError if the pin never moved, if samples of every inference are missing, or if fewer than half of the
    ``inferences`` that the device computed can be seen.
    """
    pin, amperes = samples.pin, samples.amperes
    volts = np.broadcast_to(samples.volts, amperes.shape)
    if not len(pin):
        raise PowerError(f"{instrument} sent no samples: unplug it, plug it in again, and repeat the run")
    changes = np.flatnonzero(pin[1:] != pin[:-1]) + 1
    if not len(changes):
        state = "high" if pin[0] else "low"
        raise PowerError(f"{instrument} saw no inference, because its digital input stayed {state}: {WIRING}")
    limits = [0, *map(int, changes), len(pin)]
    first = 2 if pin[0] else 1  # index of the first change from low to high
    windows = [limits[i - 1 : i + 3] for i in range(first, len(limits) - 2, 2)]
    seen = [found for window in windows if (found := _window(amperes, volts, window))]
    if len(windows) < inferences / 2:
        raise PowerError(
            f"{instrument} saw {len(windows)} of {inferences} inferences, each of which must be longer than the "
            f"{1e6 / samples.hz:g} µs between two samples; {WIRING}"
        )
    if len(seen) < inferences / 2:
        raise PowerError(
            f"{instrument} lost samples in {len(windows) - len(seen)} of {len(windows)} inferences: plug it into this "
            "machine directly, and stop other programs"
        )
    count, charge, joules, idle, supply = np.asarray(seen, np.float64).T
    return Energy(
        uj=_rounded(joules.mean() / samples.hz * 1e6),
        ma=_rounded(charge.sum() / count.sum() * 1e3),
        idle_ma=_rounded(idle.mean() * 1e3),
        volts=_rounded(supply.mean()),
        inferences=len(seen),
        instrument=instrument,
    )


def _window(amperes: npt.NDArray[Any], volts: npt.NDArray[Any], limits: list[int]) -> tuple[float, ...] | None:
    """Of one inference: samples, charge, energy above idle, idle current and voltage, in units of one sample; None
    if it does not count.

    ``limits`` are the indices at which the time before it, it itself, and the time after it begin, and at which that
    ends.
    """
    before, rise, fall, after = limits
    current, supply = amperes[rise:fall].astype(np.float64), volts[rise:fall].astype(np.float64)
    idles = [_idle(amperes[before:rise]), _idle(amperes[fall:after])]
    # A lost sample next to an edge may have moved the edge.
    if np.isnan(amperes[rise - 1 : fall + 1]).any() or np.isnan(idles).any():
        return None
    idle = sum(idles) / 2
    return len(current), float(current.sum()), float(((current - idle) * supply).sum()), idle, float(supply.mean())


def _idle(amperes: npt.NDArray[Any]) -> float:
    """The median of what is known; NaN if nothing is."""
    known = amperes[~np.isnan(amperes)]
    return float(np.median(known)) if len(known) else float("nan")


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
