"""Serial ports by pyserial's names: /dev/ttyACM0, COM5, socket://127.0.0.1:3456 are the same code."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import serial

from ..errors import TransportError

_SLICE_SECONDS = 0.05


def is_url(name: str) -> bool:
    """Whether it is a pyserial URL (socket://…) and no port of this machine."""
    return "://" in name


class SerialTransport:
    """An open pyserial port."""

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
                    # For a socket, in_waiting says 0 or 1, and a new timeout costs nothing.
                    self._port.timeout = max(0.0, min(_SLICE_SECONDS, deadline - self.now()))
                    data = bytes(self._port.read(1))
                    if data:
                        self._port.timeout = 0
                        data += self._port.read(4096)
                else:
                    data = bytes(self._port.read(max(1, self._port.in_waiting)))
                if data or self.now() >= deadline:
                    return data
        except Exception as error:  # of a URL's handler, or TypeError: pyserial on a port closed under it
            raise gone(self._name, error) from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except Exception as error:
            raise gone(self._name, error) from error


def gone(name: str, error: Exception) -> TransportError:
    """The sentence for an open port that fails."""
    return TransportError(f"{name} went away ({_reason(error)}); plug the board in again and repeat")


def connect(name: str, baud: int = 115200, low_control_lines: bool = True) -> serial.SerialBase:
    """The open port; TransportError with a way out when it cannot be opened.

    ``low_control_lines`` leaves DTR and RTS low without resetting the board. The auto-reset circuit of an ESP32 pulls
    reset while RTS is high and DTR low; opening a port raises both, so RTS must fall first. A USB CDC device that waits
    for DTR (Nano 33 BLE) needs False.
    """
    low = low_control_lines and not is_url(name)
    try:
        port = serial.serial_for_url(name, do_not_open=True, baudrate=baud, timeout=_SLICE_SECONDS, write_timeout=5)
        if low:
            port.rts = False
        if name.startswith("socket://"):
            # Opening empties the buffer, and with it what an emulated firmware said as soon as it was connected.
            port.reset_input_buffer = lambda: None
        port.open()
        if low:
            with suppress(OSError):  # a pseudo-terminal has no such line
                port.dtr = False
    except Exception as error:  # a URL's handler is a plug-in, and raises whatever its parser does
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
        return "another program has it open: close its serial monitor"
    if is_url(name):
        return "check the URL and what is behind it"
    return "`inv doctor` lists the boards that are plugged in"


@contextmanager
def open(
    name: str, baud: int = 115200, low_control_lines: bool = True, emulated: bool = False
) -> Iterator[SerialTransport]:
    """Opens a port or a pyserial URL, as `connect` does, and closes it in the end."""
    port = connect(name, baud, low_control_lines)
    connection = getattr(port, "_socket", None)
    try:
        if isinstance(connection, socket.socket):
            # Small requests one by one: with Nagle's algorithm and delayed ACKs each would take 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield SerialTransport(port, name, emulated)
    finally:
        with suppress(serial.SerialException, OSError):  # unplugged: there is nothing left to close
            port.close()
        if isinstance(connection, socket.socket):
            connection.close()  # pyserial forgets it when the other side hung up first
