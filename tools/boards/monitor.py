"""A serial terminal: shows what the board prints and sends what is typed, until Ctrl-C."""

import codecs
import sys
import time
from collections.abc import Callable
from typing import BinaryIO

from serial.tools import miniterm

from .. import boards
from ..transports import Transport, serial
from ..values import Target
from ..visible import visible

POLL_SECONDS = 0.1
_LAYOUT = "\n\r\t"  # control characters that lay out text


def monitor(port: str, target: Target) -> None:
    """Shows what arrives at a serial port (a name, a pyserial URL or "auto") until Ctrl-C.

    On a terminal, it also sends what the user types, so that the text commands of docs/protocol.md can be tried by
    hand.

    A terminal gets text: line feeds, tabs and carriage returns work, and every other control character, colours
    included, is escaped, so that neither a board nor line noise can control the terminal. A file or a pipe gets the
    raw bytes. TransportError when the serial port cannot be opened or is lost.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        _terminal(boards.resolve(port, target), boards.needs_low_lines(target))
        return
    with boards.open(port, target) as line:
        copy(line, Shown(sys.stdout.buffer) if sys.stdout.isatty() else sys.stdout.buffer)


class Shown:
    """Decodes bytes to visible text for a terminal at ``out``; a character may arrive in pieces."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: bytes) -> None:
        self._out.write(visible(self._decoder.decode(data), _LAYOUT).encode())

    def flush(self) -> None:
        self._out.flush()


def copy(line: Transport, out: BinaryIO | Shown) -> None:
    """Copies everything that arrives until Ctrl-C; TransportError if the connection is lost."""
    try:
        while True:
            out.write(line.read(0.2))
            out.flush()
    except KeyboardInterrupt:
        return


class _Visible(miniterm.Transform):  # type: ignore[misc]
    """Miniterm's filter for what the board sends."""

    def rx(self, text: str) -> str:
        return visible(text, _LAYOUT)


miniterm.TRANSFORMATIONS["visible"] = _Visible


class _Terminal(miniterm.Miniterm):  # type: ignore[misc]
    """Miniterm, except that an exception in one of its threads is kept in ``failure`` instead of printed."""

    failure: Exception | None = None

    def reader(self) -> None:
        self._until_failure(super().reader)

    def writer(self) -> None:
        self._until_failure(super().writer)

    def _until_failure(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.failure = self.failure or error
        finally:
            self.alive = False


def _terminal(port: str, low_control_lines: bool) -> None:
    terminal = _Terminal(serial.connect(port, low_control_lines=low_control_lines), eol="lf", filters=("visible",))
    terminal.exit_character = "\x03"
    terminal.console.cancel = lambda: None  # it injects a key press (TIOCSTI), which Linux has refused since 6.2
    terminal.set_rx_encoding("utf-8", "replace")
    terminal.set_tx_encoding("utf-8")
    print(visible(f"{port}: press Ctrl-C to quit"), file=sys.stderr)
    terminal.start()
    try:
        while terminal.alive:  # do not join its threads: one of them waits for a key
            time.sleep(POLL_SECONDS)
    finally:
        terminal.console.cleanup()
        terminal.close()
    if terminal.failure is not None:
        raise serial.gone(port, terminal.failure)
