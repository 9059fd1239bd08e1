"""Serial ports and pyserial URLs: the same code opens /dev/ttyACM0, COM5 and socket://127.0.0.1:3456."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import serial

from ..errors import TransportError

_SLICE_SECONDS = 0.05


def is_url(name: str) -> bool:
    """Whether a name is a pyserial URL (socket://…) instead of a local serial port."""
    return "://" in name


class SerialTransport:
    """An open pyserial port or URL."""

    emulated = False

    def __init__(self, port: serial.SerialBase, name: str, emulated: bool = False) -> None:
        self._port = port
        self._name = name
        self._is_socket = is_url(name)
        self.emulated = emulated

    def now(self) -> float:
        return time.monotonic()

    def alive(self) -> str | None:
        return None

    def read(self, timeout: float) -> bytes:
        deadline = self.now() + timeout
        try:
            while True:
                if self._is_socket:
                    # For a socket, in_waiting is 0 or 1, and changing the timeout costs nothing.
                    self._port.timeout = max(0.0, min(_SLICE_SECONDS, deadline - self.now()))
                    data = bytes(self._port.read(1))
                    if data:
                        self._port.timeout = 0
                        data += self._port.read(4096)
                else:
                    data = bytes(self._port.read(max(1, self._port.in_waiting)))
                if data or self.now() >= deadline:
                    return data
        except Exception as error:  # URL handlers raise anything; pyserial raises TypeError if the port is closed
            raise gone(self._name, error) from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except Exception as error:
            raise gone(self._name, error) from error


def gone(name: str, error: Exception) -> TransportError:
    """The error for an open serial port that fails."""
    return TransportError(f"{name} was disconnected ({_reason(error)}): plug in the board again and retry")


def connect(name: str, baud: int = 115200, low_control_lines: bool = True) -> serial.SerialBase:
    """Opens a serial port; TransportError with a remedy if that fails.

    ``low_control_lines`` leaves DTR and RTS low without resetting the board. The auto-reset circuit of an ESP32 asserts
    reset while RTS is high and DTR low; opening a serial port raises both, so RTS must be lowered first. A USB CDC
    device that waits for DTR (Nano 33 BLE) needs False.
    """
    low = low_control_lines and not is_url(name)
    try:
        port = serial.serial_for_url(name, do_not_open=True, baudrate=baud, timeout=_SLICE_SECONDS, write_timeout=5)
        if low:
            port.rts = False
        if name.startswith("socket://"):
            # Opening flushes the input buffer, which would discard an emulated firmware's first output.
            port.reset_input_buffer = lambda: None
        port.open()
        if low:
            with suppress(OSError):  # a pseudo-terminal has no control lines
                port.dtr = False
    except Exception as error:  # URL handlers are plug-ins and raise anything
        raise TransportError(f"cannot open {name}: {_reason(error)}; {_remedy(error, name)}") from error
    return port


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__} {error}"


def _remedy(error: Exception, name: str) -> str:
    code = getattr(error, "errno", None)
    if code in (errno.EACCES, errno.EPERM):
        return (
            "on Linux, allow it with: sudo usermod -aG dialout $USER, then log in again "
            "(docs/boards.md has a udev rule instead)"
        )
    if code == errno.EBUSY:
        return "another program has it open: close any serial monitor"
    if is_url(name):
        return "check the URL, and that a device is listening there"
    return "`inv doctor` lists the connected boards"


@contextmanager
def open(
    name: str, baud: int = 115200, low_control_lines: bool = True, emulated: bool = False
) -> Iterator[SerialTransport]:
    """Opens a serial port or pyserial URL with `connect`, and closes it on exit."""
    port = connect(name, baud, low_control_lines)
    connection = getattr(port, "_socket", None)
    try:
        if isinstance(connection, socket.socket):
            # With Nagle's algorithm and delayed ACKs, each small request would take 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield SerialTransport(port, name, emulated)
    finally:
        with suppress(serial.SerialException, OSError):  # unplugged: nothing left to close
            port.close()
        if isinstance(connection, socket.socket):
            connection.close()  # pyserial leaks the socket if the other side closed first
