"""Stand-ins for the libraries of the instruments, with the functions that tools/power calls: they send what a test has
made. The names and parameters are those of ppk2-api 0.9.2 and joulescope 1.5.0."""

import threading
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from tools.power import Samples

CHUNK = 1_003  # bytes: not whole samples


class Ppk2:
    """PPK2_API. A sample's word has its current in steps of 1 µA, its counter and its digital inputs."""

    ports: ClassVar[list[str]] = ["/dev/ttyPPK"]
    answers: ClassVar[bool] = True
    samples: ClassVar[Samples]
    lost: ClassVar[Collection[int]]
    latest: ClassVar["Ppk2"]

    def __init__(self, port: str, **kwargs: Any) -> None:
        assert port == self.ports[0]
        self.calls: list[str] = []
        self.breaks = False
        self.all_read = threading.Event()
        kept = np.array([i for i in range(len(self.samples.pin)) if i not in self.lost])
        microamperes = np.rint(self.samples.amperes * 1e6).astype(np.uint32)[kept]
        assert microamperes.max() < 1 << 14
        pin = self.samples.pin[kept].astype(np.uint32)
        counter = (kept & 0x3F).astype(np.uint32)
        # D1 is high all the time: it is not connected.
        self._data: bytes = (microamperes | counter << 18 | (pin | 2) << 24).astype("<u4").tobytes()
        type(self).latest = self

    @staticmethod
    def list_devices() -> list[str]:
        return Ppk2.ports

    def get_modifiers(self) -> bool | None:
        self.calls.append("modifiers")
        return True if self.answers else None

    def set_source_voltage(self, mV: int) -> None:
        self.calls.append(f"{mV} mV")

    def use_ampere_meter(self) -> None:
        self.calls.append("ampere meter")

    def toggle_DUT_power(self, state: str) -> None:
        self.calls.append(f"power {state}")

    def start_measuring(self) -> None:
        self.calls.append("start")

    def stop_measuring(self) -> None:
        self.calls.append("stop")

    def get_data(self) -> bytes:
        if self.breaks:
            self.all_read.set()
            raise OSError("device disconnected")
        chunk, self._data = self._data[:CHUNK], self._data[CHUNK:]
        if not self._data:
            self.all_read.set()
        return chunk

    def get_samples(self, buf: bytes) -> tuple[list[float], list[int]]:
        words = np.frombuffer(buf[: len(buf) // 4 * 4], "<u4")
        return (words & 0x3FFF).astype(float).tolist(), (words >> 24).tolist()


def ppk2_module(samples: Samples, lost: Collection[int] = ()) -> Any:
    """ppk2_api.ppk2_api, with one instrument that sends the samples but those ``lost``."""
    Ppk2.ports, Ppk2.answers, Ppk2.samples, Ppk2.lost = ["/dev/ttyPPK"], True, samples, lost
    return SimpleNamespace(PPK2_API=Ppk2)


class _Buffer:
    """StreamBuffer: of the samples so far it has those that are not too old."""

    def __init__(self, samples: Samples) -> None:
        self._signals = {
            "current": samples.amperes,
            "voltage": np.broadcast_to(samples.volts, samples.amperes.shape),
            "current_lsb": samples.pin.astype(np.uint8),
        }
        self.sample_id_range = (0, 0)

    def samples_get(self, start: int, stop: int, fields: list[str]) -> Any:
        assert self.sample_id_range[0] <= start <= stop <= self.sample_id_range[1]
        return {"signals": {field: {"value": self._signals[field][start:stop], "units": ""} for field in fields}}


class Joulescope:
    """joulescope.v1.device.Device. It sends everything on start(), in parts; ``forgotten`` has left its buffer when it
    calls."""

    def __init__(self, samples: Samples, forgotten: range = range(0)) -> None:
        self.calls: list[Any] = []
        self._buffer = _Buffer(samples)
        self._count, self._forgotten = len(samples.pin), forgotten
        self._listeners: list[Any] = []

    def open(self) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")

    def parameter_set(self, name: str, value: Any) -> None:
        self.calls.append((name, value))

    def stream_process_register(self, obj: Any) -> None:
        assert obj.driver_active
        self._listeners.append(obj)

    def stream_process_unregister(self, obj: Any) -> None:
        self._listeners.remove(obj)

    def start(self) -> None:
        self.calls.append("start")
        self._tell("start", self._buffer)
        ends = [self._forgotten.start] if self._forgotten else []
        for end in [*ends, *range(self._forgotten.stop + 700, self._count, 700), self._count]:
            first = self._forgotten.stop if end > self._forgotten.stop else 0
            self._buffer.sample_id_range = (first, end)
            self._tell("stream_notify", self._buffer)

    def stop(self) -> None:
        self.calls.append("stop")
        self._tell("stop")

    def _tell(self, method: str, *arguments: Any) -> None:
        """Calls those listeners that have the method; True would mean to stop."""
        for each in self._listeners:
            assert not getattr(each, method, lambda *_: False)(*arguments)


def joulescope_module(devices: list[Joulescope]) -> Any:
    """joulescope, with these instruments."""
    return SimpleNamespace(scan=lambda name=None, config=None: devices)
