"""Joulescope JS220 or JS110 between the board's supply and the board: current, voltage, and the digital input IN0."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import TransportError
from ._windows import Samples

MODULE = "joulescope"
PACKAGE = "joulescope"
VOLTS = None

HZ = 100_000
_FIELDS = ["current", "voltage", "current_lsb"]  # the last one is the library's name for IN0


@contextmanager
def connected(library: Any, volts: float) -> Iterator["_Recorder"]:
    """The only Joulescope that is plugged in. It measures the voltage, so ``volts`` means nothing."""
    found = library.scan()
    if len(found) != 1:
        what = f"{len(found)} Joulescopes are" if found else "no Joulescope is"
        raise TransportError(f"{what} plugged in: connect exactly one to this machine")
    device = found[0]
    try:
        device.open()
        device.parameter_set("sampling_frequency", HZ)
        device.parameter_set("i_range", "auto")
    except (RuntimeError, OSError) as error:
        raise TransportError(f"cannot open {device}: {error}") from error
    try:
        yield _Recorder(device)
    finally:
        device.close()


class _Listener:
    """One of the library's stream processors: its thread calls `stream_notify` whenever its buffer has new samples."""

    driver_active = True

    def __init__(self) -> None:
        self.parts: list[list[Any]] = []
        self._next: int | None = None

    def stream_notify(self, buffer: Any) -> bool:
        """Copies the new samples, with NaN for those that are no longer in the buffer; False: go on."""
        begin, end = buffer.sample_id_range
        wanted = begin if self._next is None else self._next
        if end > wanted:
            begin = max(begin, wanted)
            missed = begin - wanted
            self.parts.append([np.full(missed, np.nan), np.full(missed, np.nan), np.zeros(missed)])
            signals = buffer.samples_get(begin, end, fields=_FIELDS)["signals"]
            self.parts.append([np.array(signals[field]["value"]) for field in _FIELDS])
            self._next = end
        return False


class _Recorder:
    def __init__(self, device: Any) -> None:
        self._device = device
        self._listener = _Listener()

    def start(self) -> None:
        self._device.stream_process_register(self._listener)
        self._device.start()

    def stop(self) -> Samples:
        self._device.stop()
        self._device.stream_process_unregister(self._listener)
        if not self._listener.parts:
            return Samples(HZ, np.zeros(0), np.zeros(0), np.zeros(0, np.bool_))
        amperes, volts, pin = (np.concatenate(column) for column in zip(*self._listener.parts, strict=True))
        return Samples(HZ, amperes, volts, pin != 0)
