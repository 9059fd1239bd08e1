"""Boards on USB: finding a target's board, following one that changes its port, and opening a port without a reset."""

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_firmware import SHA256, FakeFirmware

from tools import bench, boards, protocol, targets
from tools.boards import Board, Follower, monitor
from tools.errors import DeviceError, KerfError, TransportError, UsageError
from tools.report import describe
from tools.transports import Transport, fake, serial
from tools.transports.fake import FakeTarget, Faults, Unreliable
from tools.values import Vectors

TABLE = targets.load()
NANO = Board("/dev/ttyACM0", "2341:805a", "Nano 33 BLE", "F00D", "1-4")
OTHER_NANO = Board("/dev/ttyACM1", "2341:805a", "Nano 33 BLE", "CAFE", "1-5")
BRIDGE = Board("/dev/ttyUSB0", "10c4:ea60", "CP2102", "0001", "1-6")


# --- which board ------------------------------------------------------------------------------------------------------


def test_auto_finds_the_only_one() -> None:
    assert boards.resolve("auto", TABLE["nano33ble"], [BRIDGE, NANO]) == "/dev/ttyACM0"
    assert boards.resolve("auto", TABLE["esp32"], [BRIDGE, NANO]) == "/dev/ttyUSB0"


def test_a_bootloader_is_its_board() -> None:
    waiting = Board("/dev/ttyACM2", "2341:005a", "", "BEEF", "1-4")
    assert boards.resolve("auto", TABLE["nano33ble"], [waiting]) == "/dev/ttyACM2"


@pytest.mark.parametrize("port", ["/dev/ttyACM7", "COM5", "socket://127.0.0.1:3456"])
def test_a_port_that_is_named_is_taken(port: str) -> None:
    assert boards.resolve(port, TABLE["mps2-an385"], []) == port


@pytest.mark.parametrize(
    ("target", "plugged", "error", "sentence"),
    [
        (
            "esp32",
            [NANO],
            TransportError,
            "no esp32 is plugged in (USB id 10c4:ea60 or 1a86:7523 or 1a86:55d4 or 0403:6001 or 0403:6010 or "
            "0403:6015); plugged in: /dev/ttyACM0 (Nano 33 BLE, 2341:805a, serial number F00D); plug it in with a "
            "data cable, or name its port with --port",
        ),
        ("esp32", [], TransportError, "; there is no USB serial port at all; plug it in"),
        (
            "nano33ble",
            [NANO, BRIDGE, OTHER_NANO],
            UsageError,
            "several boards could be the nano33ble: /dev/ttyACM0 (Nano 33 BLE, 2341:805a, serial number F00D), "
            "/dev/ttyACM1 (Nano 33 BLE, 2341:805a, serial number CAFE); choose one with --port",
        ),
        ("microbit", [NANO], UsageError, "microbit is not a board (it has no custom_usb_ids in platformio.ini)"),
    ],
)
def test_auto_says_what_is_plugged_in(target: str, plugged: list[Board], error: type[KerfError], sentence: str) -> None:
    with pytest.raises(error) as caught:
        boards.resolve("auto", TABLE[target], plugged)
    assert sentence in str(caught.value)


def test_what_the_system_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    from serial.tools import list_ports

    listed = [
        SimpleNamespace(
            device="/dev/ttyACM0", vid=0x2341, pid=0x5A, description="Nano", serial_number="F00D", location="1-4.2:1.0"
        ),
        SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None, description="n/a", serial_number=None, location=None),
        SimpleNamespace(
            device="/dev/ttyUSB0", vid=0x1A86, pid=0x7523, description=None, serial_number=None, location=None
        ),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: SortedAsTheyAre(listed))
    assert boards.plugged_in() == [
        Board("/dev/ttyACM0", "2341:005a", "Nano", "F00D", "1-4.2"),
        Board("/dev/ttyUSB0", "1a86:7523", "", "", ""),
    ]
    assert boards.at("/dev/ttyUSB0") == Board("/dev/ttyUSB0", "1a86:7523", "", "", "")
    assert boards.at("/dev/ttyS0") is None


class SortedAsTheyAre(list[Any]):
    """pyserial's ports can be compared with each other; the stand-ins here cannot, and need not."""

    def __iter__(self) -> Iterator[Any]:
        return iter([ComparedByName(port) for port in list.__iter__(self)])


class ComparedByName:
    def __init__(self, port: SimpleNamespace) -> None:
        self.__dict__.update(vars(port))

    def __lt__(self, other: "ComparedByName") -> bool:
        return bool(self.__dict__["device"] < other.__dict__["device"])


def test_doctor_says_what_a_board_may_be() -> None:
    rows = describe.all_boards([NANO, BRIDGE], TABLE)
    assert [(row["port"], row["may_be"]) for row in rows] == [
        ("/dev/ttyACM0", "nano33ble"),
        ("/dev/ttyUSB0", "stm32f4, esp32, esp32c3, esp32s3"),
    ]


# --- where it went ----------------------------------------------------------------------------------------------------


class Desk:
    """What is plugged in over time: (from second, boards) in order. Time only passes while kerf sleeps."""

    def __init__(self, *scenes: tuple[float, list[Board]]) -> None:
        self.scenes = scenes
        self.seconds = 0.0

    def look(self) -> list[Board]:
        return [found for since, found in self.scenes if since <= self.seconds][-1]

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def find(self, board: Board, seconds: float) -> Board | None:
        return boards.find_again(board, seconds, self.look, lambda: self.seconds, self.sleep)


def test_a_board_comes_back_under_another_name() -> None:
    renamed = Board("/dev/ttyACM5", "2341:805a", "Nano 33 BLE", "F00D", "2-1")
    desk = Desk((0, []), (1.5, [OTHER_NANO]), (3, [OTHER_NANO, renamed]))
    assert desk.find(NANO, 10) == renamed
    assert 3 <= desk.seconds < 3.5


def test_a_bootloader_with_another_serial_number_is_known_by_its_socket() -> None:
    bootloader = Board("/dev/ttyACM5", "2341:005a", "", "0000", "1-4")
    assert Desk((0, [OTHER_NANO, bootloader])).find(NANO, 1) == bootloader


def test_the_serial_number_counts_more_than_the_socket() -> None:
    moved = Board("/dev/ttyACM5", "2341:805a", "", "F00D", "3-3")
    in_its_place = Board("/dev/ttyACM0", "2341:805a", "", "CAFE", "1-4")
    assert Desk((0, [in_its_place, moved])).find(NANO, 1) == moved


def test_a_board_that_never_returns() -> None:
    desk = Desk((0, [OTHER_NANO]))
    assert desk.find(NANO, 5) is None
    assert 5 <= desk.seconds < 5.5


def test_boards_without_number_and_socket_are_not_taken_for_each_other() -> None:
    nameless = Board("/dev/ttyUSB0", "1a86:7523", "")
    assert not nameless.is_same(Board("/dev/ttyUSB1", "1a86:7523", ""))


# --- a session that outlives the port ---------------------------------------------------------------------------------

INPUTS = np.random.default_rng(0).integers(0, 256, (5, 7, 10), dtype=np.uint8)
VECTORS = Vectors((INPUTS,), (INPUTS + np.uint8(1),), None, (), "by hand", True)


def vanishing(firmware: FakeFirmware, write: int) -> tuple[FakeTarget, Unreliable]:
    """A board whose port disappears before its n-th write."""
    target = FakeTarget(firmware)
    gone = Faults(before={write: lambda: target.die("/dev/ttyACM0 went away")})
    return target, Unreliable(target, gone)


@pytest.mark.parametrize("write", [0, 1, 4, 9])
def test_a_reset_that_takes_the_port_along_costs_one_sample(write: int) -> None:
    firmware = FakeFirmware()
    _, first = vanishing(firmware, write)
    reopened = []

    def reopen(error: TransportError) -> Transport:
        reopened.append(str(error))
        again = FakeTarget(firmware)
        again.say(firmware.reset())
        return again

    run = bench.run(Follower(first, reopen), VECTORS, SHA256.hex(), 2)
    assert np.array_equal(run.outputs[0], VECTORS.expected[0])
    assert reopened == ["/dev/ttyACM0 went away"]


def test_a_crash_is_told_by_the_next_start() -> None:
    """The Nano 33 BLE restarts on a fault and then sends the record it kept."""
    firmware = FakeFirmware()
    _, first = vanishing(firmware, 4)

    def reopen(error: TransportError) -> Transport:
        again = FakeTarget(firmware)
        again.say(protocol.encode(protocol.Fault(3, 0x1234, 0x5678, 0, 1 << 9, 0, 0, 0x20001000), 0))
        again.say(firmware.reset())
        return again

    with pytest.raises(DeviceError, match=r"the firmware crashed: BusFault: .*; pc 0x00001234"):
        bench.run(Follower(first, reopen), VECTORS, SHA256.hex(), 2)


def test_an_unplugged_cable_ends_the_run() -> None:
    _, first = vanishing(FakeFirmware(), 7)

    def reopen(error: TransportError) -> Transport:
        raise TransportError(f"{error} (the board did not come back within 6 s)") from error

    with pytest.raises(TransportError, match="the board did not come back within 6 s"):
        bench.run(Follower(first, reopen), VECTORS, SHA256.hex(), 2)


def test_a_loose_cable_is_given_up() -> None:
    dead = FakeTarget(lambda data: b"")
    dead.die("/dev/ttyACM0 went away")
    line = Follower(dead, lambda error: dead)
    with pytest.raises(TransportError, match="disconnected and came back 8 times: check its cable"):
        for _ in range(20):
            line.read(0.1)
    assert line.come_backs == 9


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo terminals on this system")
def test_an_open_port_is_followed_to_its_new_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pseudo terminals stand for one board before and after a reset."""
    with ExitStack() as stack:
        ends = {name: os.openpty() for name in ("before", "after")}
        for pair in ends.values():
            for end in pair:
                stack.callback(close_quietly, end)
        before, after = (Board(os.ttyname(ends[name][1]), "2341:805a", "", "F00D") for name in ("before", "after"))
        plugged = [before]
        monkeypatch.setattr(boards, "plugged_in", lambda: list(plugged))
        with boards.open("auto", TABLE["nano33ble"]) as line:
            os.write(ends["before"][0], b"first")
            assert receive(line, 5) == b"first"
            plugged[:] = [after]
            for end in ends["before"]:
                os.close(end)
            assert line.read(0.1) == b""  # opening a port empties its buffer
            os.write(ends["after"][0], b"second")
            assert receive(line, 6) == b"second"
            line.write(b"hello")
            assert os.read(ends["after"][0], 10) == b"hello"


def close_quietly(end: int) -> None:
    try:
        os.close(end)
    except OSError as error:
        assert error.errno == errno.EBADF  # the test closed it


def receive(line: Transport, count: int) -> bytes:
    data, deadline = b"", line.now() + 5
    while len(data) < count and line.now() < deadline:
        data += line.read(0.1)
    return data


# --- opening without a reset ------------------------------------------------------------------------------------------


class FakePort:
    """Records what kerf sets on pyserial, in order."""

    def __init__(self, error: Exception | None = None) -> None:
        self.__dict__["log"] = []
        self.__dict__["error"] = error

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__["log"].append((name, value))

    def open(self) -> None:
        if self.__dict__["error"]:
            raise self.__dict__["error"]
        self.__dict__["log"].append("open")


def connect(monkeypatch: pytest.MonkeyPatch, port: FakePort, low: bool, name: str = "/dev/ttyUSB0") -> list[Any]:
    monkeypatch.setattr(serial.serial, "serial_for_url", lambda *_, **__: port)
    serial.connect(name, low_control_lines=low)
    log: list[Any] = port.__dict__["log"]
    return log


def test_rts_falls_before_dtr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening raises both; RTS high with DTR low is the reset of an ESP32."""
    assert connect(monkeypatch, FakePort(), low=True) == [("rts", False), "open", ("dtr", False)]


def test_a_board_that_waits_for_dtr_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect(monkeypatch, FakePort(), low=False) == ["open"]


def test_a_url_has_no_control_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    log = connect(monkeypatch, FakePort(), low=True, name="socket://127.0.0.1:1")
    assert not [entry for entry in log if entry[0] in ("rts", "dtr")] and log[-1] == "open"


def test_the_table_says_who_waits_for_dtr() -> None:
    low = {name: boards.needs_low_lines(TABLE[name]) for name in ("nano33ble", "esp32", "stm32f4")}
    assert low == {"nano33ble": False, "esp32": True, "stm32f4": True}


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EACCES, "on Linux, allow it with: sudo usermod -aG dialout $USER, then log in again"),
        (errno.EBUSY, "another program has it open: close any serial monitor"),
        (errno.ENOENT, "`inv doctor` lists the connected boards"),
    ],
)
def test_a_port_that_does_not_open_says_what_to_do(monkeypatch: pytest.MonkeyPatch, code: int, remedy: str) -> None:
    error = serial.serial.SerialException(code, f"could not open port: {os.strerror(code)}")
    with pytest.raises(TransportError) as caught:
        connect(monkeypatch, FakePort(error), low=True)
    assert str(caught.value).startswith("cannot open /dev/ttyUSB0: ")
    assert remedy in str(caught.value)


# --- the monitor ------------------------------------------------------------------------------------------------------


def test_the_monitor_shows_everything_until_interrupted() -> None:
    out = io.BytesIO()
    with fake.open(lambda data: b"") as line:
        line.say(b"m-ready\r\n")
        reads = iter([line.read, line.read])

        def read(timeout: float) -> bytes:
            try:
                return next(reads)(timeout)
            except StopIteration:
                raise KeyboardInterrupt from None

        monitor.copy(SimpleNamespace(read=read), out)  # type: ignore[arg-type]
    assert out.getvalue() == b"m-ready\r\n"


def test_the_monitor_says_when_the_board_goes() -> None:
    with fake.open(lambda data: b"") as line:
        threading.Timer(0, line.die, ["/dev/ttyACM0 went away"]).run()
        with pytest.raises(TransportError, match="went away"):
            monitor.copy(line, io.BytesIO())
