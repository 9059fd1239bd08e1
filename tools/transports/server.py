"""Offers a firmware's line to other programs as a TCP socket, which pyserial opens as socket://127.0.0.1:PORT."""

import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from ..errors import TransportError, UsageError
from . import Transport

HOST = "127.0.0.1"
_POLL_SECONDS = 0.2
_BOOT_SECONDS = 10.0
_CHUNK_BYTES = 4096


def listen(port: int) -> socket.socket:
    """A socket for `serve`; 0 chooses a free port. UsageError if the port cannot be used."""
    if port > 0xFFFF:
        raise UsageError(f"--listen {port}: TCP ports end at {0xFFFF}")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # Python's own text repeats the address
        raise UsageError(f"cannot listen on {HOST}:{port} ({reason}): choose another port with --listen") from error


def url(listener: socket.socket) -> str:
    """The listener as a pyserial URL."""
    return f"socket://{HOST}:{listener.getsockname()[1]}"


def drain_boot(line: Transport) -> None:
    """Discards what the firmware sends at boot, so that the first program receives only answers to its own requests.

    Raises TransportError if the other side ends.
    """
    wait = _BOOT_SECONDS
    while line.read(wait):
        wait = _POLL_SECONDS


class _Switch:
    """The line, and the program that is connected to it, if any."""

    def __init__(self, line: Transport) -> None:
        self.program: socket.socket | None = None
        self.failure: TransportError | None = None
        self.is_over = False
        self._line = line

    def forward(self) -> None:
        """Sends what arrives from the firmware to the program, until the end; discards it while there is none."""
        try:
            while not self.is_over:
                data, program = self._line.read(_POLL_SECONDS), self.program
                if data and program is not None:
                    with suppress(OSError):  # the program has left
                        program.sendall(data)
        except TransportError as error:
            self.failure = error

    def disconnect(self) -> None:
        if self.program is not None:
            with suppress(OSError):
                self.program.shutdown(socket.SHUT_RDWR)  # wakes a sendall to a program that does not read
            self.program.close()
            self.program = None


def serve(line: Transport, listener: socket.socket, tell: Callable[[str], None]) -> None:
    """Connects programs to the line, one at a time, until an exception: Ctrl-C, or TransportError when the line ends.

    Like a serial port, it keeps nothing for later: what the firmware sends while no program is connected is lost.
    ``tell`` is called with a sentence for every program that connects, disconnects or is refused.
    """
    switch = _Switch(line)
    reader = threading.Thread(target=switch.forward, daemon=True)
    reader.start()
    try:
        while switch.failure is None:
            if death := line.alive():
                raise TransportError(death)
            sources = [listener] if switch.program is None else [switch.program, listener]
            ready = select.select(sources, [], [], _POLL_SECONDS)[0]
            if switch.program in ready:
                _receive(switch, line, tell)
            elif listener in ready:
                _accept(switch, listener, tell)
        raise switch.failure
    finally:
        switch.is_over = True
        switch.disconnect()
        reader.join()


def _receive(switch: _Switch, line: Transport, tell: Callable[[str], None]) -> None:
    assert switch.program is not None
    try:
        data = switch.program.recv(_CHUNK_BYTES)
    except OSError:
        data = b""
    if data:
        line.write(data)
    else:
        switch.disconnect()
        tell("the program disconnected")


def _accept(switch: _Switch, listener: socket.socket, tell: Callable[[str], None]) -> None:
    program, (host, port) = listener.accept()
    if switch.program is None:
        program.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        switch.program = program
        tell(f"a program connected from {host}:{port}")
    else:
        program.close()
        tell(f"refused a program from {host}:{port}: another one is connected")
