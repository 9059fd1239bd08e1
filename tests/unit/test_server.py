"""A firmware's line as a socket for other programs: one at a time, and a clear end."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial

from tools import pipeline
from tools.errors import TransportError, UsageError
from tools.progress import Progress
from tools.transports import server
from tools.values import Request

WAIT_SECONDS = 60.0


class Echo:
    """A line whose other side answers in capitals; b"die" ends it."""

    emulated = True

    def __init__(self) -> None:
        self._sent: queue.Queue[bytes] = queue.Queue()
        self._death: str | None = None

    def now(self) -> float:
        return time.monotonic()

    def alive(self) -> str | None:
        return self._death

    def read(self, timeout: float) -> bytes:
        try:
            return self._sent.get(timeout=timeout)
        except queue.Empty:
            return b""

    def write(self, data: bytes) -> None:
        if data == b"die":
            self._death = "qemu ended with exit code 1"
        self.say(data.upper())

    def say(self, data: bytes) -> None:
        self._sent.put(data)

    def is_silent(self) -> bool:
        return self._sent.empty()


class Served:
    """A server in a thread, with what it told and how it ended."""

    def __init__(self, line: Echo, listener: socket.socket) -> None:
        self.url = server.url(listener)
        self.told: queue.Queue[str] = queue.Queue()
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._serve, args=(line, listener))

    def _serve(self, line: Echo, listener: socket.socket) -> None:
        try:
            server.serve(line, listener, self.told.put)
        except TransportError as error:
            self.error = error

    def heard(self) -> str:
        return self.told.get(timeout=WAIT_SECONDS)

    @contextmanager
    def client(self) -> Iterator[serial.SerialBase]:
        port = serial.serial_for_url(self.url, timeout=WAIT_SECONDS)
        yield port
        port.close()


@pytest.fixture
def line() -> Echo:
    return Echo()


@pytest.fixture
def served(line: Echo) -> Iterator[Served]:
    with server.listen(0) as listener:
        found = Served(line, listener)
        found.thread.start()
        yield found
        if found.thread.is_alive():
            line._death = "the test is over"
        found.thread.join(WAIT_SECONDS)
        assert not found.thread.is_alive()


def test_programs_talk_to_the_firmware_one_after_the_other(served: Served) -> None:
    for text in (b"name%", b"help%"):
        with served.client() as port:
            assert served.heard().startswith("a program connected")
            port.write(text)
            assert port.read(len(text)) == text.upper()
        assert served.heard() == "the program disconnected"


def test_a_second_program_is_refused(served: Served) -> None:
    with served.client() as first:
        served.heard()
        with served.client() as second, pytest.raises(serial.SerialException, match="disconnected"):
            second.read(1)
        assert served.heard().endswith("another one is connected")
        first.write(b"still here")
        assert first.read(10) == b"STILL HERE"


def test_nothing_is_kept_for_later(served: Served, line: Echo) -> None:
    line.say(b"while nobody listened")
    deadline = time.monotonic() + WAIT_SECONDS
    while not line.is_silent():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)  # the reader has taken it; now it has also dropped it
    with served.client() as port:
        port.write(b"x")
        assert port.read(1) == b"X"


def test_a_program_that_does_not_read_does_not_keep_it_from_ending(served: Served, line: Echo) -> None:
    with served.client():
        served.heard()
        for _ in range(20):
            line.say(bytes(1_000_000))
        line.write(b"die")
        served.thread.join(WAIT_SECONDS)
    assert str(served.error) == "qemu ended with exit code 1"


def test_the_end_of_the_emulator_is_reported(served: Served) -> None:
    with served.client() as port:
        port.write(b"die")
        served.thread.join(WAIT_SECONDS)
    assert str(served.error) == "qemu ended with exit code 1"


def test_boot_output_is_discarded(line: Echo) -> None:
    for part in (b"\x00\x8fboot", b"m-init-done\r\n", b"m-ready\r\n"):
        line.say(part)
    server.drain_boot(line)
    assert line.is_silent()


def test_a_port_that_cannot_be_used_is_named() -> None:
    with server.listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\): choose"
        ):
            server.listen(port)
    with pytest.raises(UsageError, match="--listen 65536: TCP ports end at 65535"):
        server.listen(65536)


def test_a_board_without_an_emulator_is_refused_before_anything_is_built() -> None:
    with pytest.raises(UsageError, match=r"^nano33ble has no emulator: choose a --target that has one \(stm32f4, "):
        pipeline.emulate(Request(target="nano33ble"), Progress(), 0, print)
