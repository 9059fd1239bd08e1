"""What a board says, on the terminal, and what is typed, to the board; Ctrl-C ends it."""

import sys
from typing import BinaryIO

from .. import boards
from ..transports import Transport, serial
from ..values import Target


def monitor(port: str, target: Target) -> None:
    """Shows the port (a name, a pyserial URL or "auto") until Ctrl-C; TransportError when it cannot be opened or goes.

    On a terminal what is typed is sent, so that the text commands of docs/protocol.md can be tried by hand.
    """
    if sys.stdin.isatty() and sys.stdout.isatty():
        _terminal(boards.resolve(port, target), boards.needs_low_lines(target))
        return
    with boards.open(port, target) as line:
        copy(line, sys.stdout.buffer)


def copy(line: Transport, out: BinaryIO) -> None:
    """Everything that arrives, until Ctrl-C or the other side is gone (TransportError)."""
    try:
        while True:
            out.write(line.read(0.2))
            out.flush()
    except KeyboardInterrupt:
        return


def _terminal(port: str, low_control_lines: bool) -> None:
    from serial.tools.miniterm import Miniterm

    terminal = Miniterm(serial.connect(port, low_control_lines=low_control_lines), eol="lf", filters=("default",))
    terminal.exit_character = "\x03"
    terminal.set_rx_encoding("utf-8", "replace")
    terminal.set_tx_encoding("utf-8")
    print(f"{port}: Ctrl-C ends", file=sys.stderr)
    terminal.start()
    try:
        terminal.join()
    finally:
        terminal.close()
