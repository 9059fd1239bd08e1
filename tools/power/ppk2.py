"""Nordic's Power Profiler Kit II as an ampere meter between the board's supply and the board.

It has 100,000 samples a second, of the current and of eight digital inputs, of which D0 is used. It does not measure
the voltage.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import TransportError
from ._windows import Samples

MODULE = "ppk2_api.ppk2_api"
PACKAGE = "ppk2-api"
VOLTS = 3.3

HZ = 100_000
_POLL_SECONDS = 0.005
# A sample's 32 bits: 14 current, 3 range, 1 none, 6 counter, 8 inputs. The library does not decode the counter.
_COUNTER_BIT, _COUNTER_MASK = 18, 0x3F


@contextmanager
def connected(library: Any, volts: float) -> Iterator["_Recorder"]:
    """The first Power Profiler Kit II that is plugged in; from here on, the board has power."""
    ports = library.PPK2_API.list_devices()
    if not ports:
        raise TransportError("no Power Profiler Kit II is plugged in: connect it to this machine, and switch it on")
    port = ports[0]
    try:
        meter = library.PPK2_API(port, timeout=1, write_timeout=1, exclusive=True)
        if not meter.get_modifiers():
            raise TransportError(f"the Power Profiler Kit II at {port} does not answer: switch it off and on again")
        meter.set_source_voltage(round(volts * 1000))  # as an ampere meter: the voltage that its calibration is for
        meter.use_ampere_meter()
        meter.toggle_DUT_power("ON")
    except OSError as error:
        raise TransportError(f"cannot open the Power Profiler Kit II at {port}: {error}") from error
    recorder = _Recorder(meter, volts)
    try:
        yield recorder
    finally:
        recorder.end()


class _Recorder:
    def __init__(self, meter: Any, volts: float) -> None:
        self._meter = meter
        self._volts = volts
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._received: list[bytes] = []
        self._error: OSError | None = None

    def start(self) -> None:
        self._meter.start_measuring()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while not self._stop.wait(_POLL_SECONDS):
                self._received.append(self._meter.get_data())
        except OSError as error:
            self._error = error

    def end(self) -> None:
        """Stops recording, if it goes on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._meter.stop_measuring()

    def stop(self) -> Samples:
        self.end()
        if self._error is not None:
            raise TransportError(f"the Power Profiler Kit II was lost: {self._error}")
        data = b"".join(self._received)
        words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
        if not len(words):
            return Samples(HZ, np.zeros(0), self._volts, np.zeros(0, np.bool_))
        microamperes, inputs = self._meter.get_samples(data)
        amperes, pin = np.asarray(microamperes) / 1e6, np.asarray(inputs) & 1 == 1
        counter = (words >> _COUNTER_BIT & _COUNTER_MASK).astype(np.int64)
        lost = (np.diff(counter) - 1) & _COUNTER_MASK
        at = np.repeat(np.arange(1, len(words)), lost)
        return Samples(HZ, np.insert(amperes, at, np.nan), self._volts, np.insert(pin, at, pin[at - 1]))
