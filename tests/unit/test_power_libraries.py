"""The instruments through their real libraries, where these are installed; only the USB is replaced."""

import sys
import time
from typing import Any

import numpy as np
import pytest

from tools import power
from tools.power import energy

REASON = "needs the libraries of the instruments: pip install -e .[power]"
IDLE, BUSY, VOLTS, LENGTH = 0.004, 0.012, 3.0, 304
PIN = np.array([*(([0] * 1_000 + [1] * LENGTH) * 3), *[0] * 1_000], np.uint8)
EXPECTED_UJ = (BUSY - IDLE) * VOLTS * LENGTH / 1e5 * 1e6
OHM = 0.94  # of the PPK2's range 3
STEP = 4 * 1.8 / 163_840 / OHM  # A


class Port:
    """serial.Serial with a PPK2 of perfect calibration, which sends everything once it is told to measure."""

    latest: "Port"

    def __init__(self, port: str, **options: Any) -> None:
        self.written: list[bytes] = []
        self._waiting = b""
        Port.latest = self

    def write(self, data: bytes) -> None:
        self.written.append(data)
        if data[0] == 0x19:  # GET_META_DATA
            values = {"R": (1031.64, 101.65, 10.15, OHM, 0.043), "GI": (1,) * 5, "UG": (1,) * 5}
            values |= {name: (0,) * 5 for name in ("GS", "O", "S", "I")}
            lines = [f"{name}{i}: {value}" for name, row in values.items() for i, value in enumerate(row)]
            self._waiting = "\n".join(["Calibrated: 0", *lines, "HW: 9173", "IA: 56", "END"]).encode()
        if data[0] == 0x06:  # AVERAGE_START
            adc = np.rint(np.where(PIN, BUSY, IDLE) / STEP).astype(np.uint32)
            counter = (np.arange(len(PIN)) & 0x3F).astype(np.uint32)
            words = adc | 3 << 14 | counter << 18 | PIN.astype(np.uint32) << 24
            self._waiting = np.delete(words, np.arange(1_100, 1_140)).astype("<u4").tobytes()

    @property
    def in_waiting(self) -> int:
        return min(len(self._waiting), 1_003)

    def read(self, count: int) -> bytes:
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data

    def close(self) -> None:
        pass


def test_ppk2(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("ppk2_api.ppk2_api", reason=REASON)
    monkeypatch.setattr(library.serial, "Serial", Port)
    monkeypatch.setattr(library.PPK2_API, "list_devices", staticmethod(lambda: ["/dev/ttyPPK"]))
    with power.connected(f"ppk2:{VOLTS}") as recorder:
        recorder.start()
        while Port.latest.in_waiting:
            time.sleep(0.01)
        time.sleep(0.1)
        found = recorder.stop()
    np.testing.assert_array_equal(found.pin, PIN == 1)
    assert np.flatnonzero(np.isnan(found.amperes)).tolist() == list(range(1_100, 1_140))
    measured = energy(found, 3, "ppk2")
    assert measured.inferences == 2 and measured.uj == pytest.approx(EXPECTED_UJ, rel=0.01)
    # voltage, ampere meter, power on, start, stop
    assert [tuple(data) for data in Port.latest.written[1:]] == [(13, 11, 184), (17, 1), (12, 1), (6,), (7,)]


class Driver:
    """The pyjoulescope_driver of one JS220."""

    def __init__(self) -> None:
        self.heard: dict[str, Any] = {}
        self.published: list[tuple[str, Any]] = []

    def open(self, path: str, mode: Any = None, timeout: Any = None) -> int:
        return 0

    def close(self, path: str, timeout: Any = None) -> None:
        self.published.append(("closed", path))

    def publish(self, topic: str, value: Any, timeout: Any = None) -> None:
        self.published.append((topic, value))

    def subscribe(self, topic: str, flags: Any, function: Any, timeout: Any = None) -> None:
        self.heard[topic] = function

    def unsubscribe(self, topic: str, function: Any, timeout: Any = None) -> None:
        self.heard.pop(topic, None)

    def send(self, first: int, end: int) -> None:
        """Samples ``first`` to ``end`` of every signal, as a USB packet."""
        pin = PIN[first:end]
        amperes = np.where(pin, BUSY, IDLE).astype(np.float32)
        volts = np.full(len(pin), VOLTS, np.float32)
        zeros = np.zeros(len(pin), np.uint8)
        signals = {
            ("s/i/", 1, 0): amperes,
            ("s/v/", 2, 0): volts,
            ("s/p/", 3, 0): amperes * volts,
            ("s/i/range/", 4, 0): zeros,
            ("s/gpi/0/", 5, 0): np.packbits(pin, bitorder="little"),
            ("s/gpi/1/", 5, 1): np.packbits(zeros, bitorder="little"),
        }
        for (topic, field, index), data in signals.items():
            value = {"field_id": field, "index": index, "sample_rate": 2_000_000, "decimate_factor": 20}
            self.heard[f"u/js220/000123/{topic}!data"](topic, value | {"sample_id": 20 * first, "data": data})


def test_joulescope(monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("joulescope", reason=REASON)
    js220 = sys.modules["joulescope.v1.js220"]
    driver = Driver()
    monkeypatch.setattr(library, "scan", lambda name=None, config=None: [js220.DeviceJs220(driver, "u/js220/000123")])
    with power.connected("joulescope") as recorder:
        recorder.start()
        for first in range(0, len(PIN), 400):
            if first != 1_200:  # a packet that is lost
                driver.send(first, min(first + 400, len(PIN)))
        found = recorder.stop()
    assert np.flatnonzero(np.isnan(found.amperes)).tolist() == list(range(1_200, 1_600))
    measured = energy(found, 3, "joulescope")
    assert measured.inferences == 2 and measured.uj == pytest.approx(EXPECTED_UJ) and measured.volts == VOLTS
    assert ("u/js220/000123/h/fs", 100_000) in driver.published
    assert driver.published[-1] == ("closed", "u/js220/000123")
