"""USB boards, for flash, run and monitor: which are plugged in, which one is the target, and on which serial port a
board came back after a reset.

A board with native USB (Nano 33 BLE) disconnects on every reset and may reappear on another serial port. It is
recognized by its USB serial number, or by the socket it is plugged into.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..errors import TransportError, UsageError
from ..transports import Transport, serial
from ..values import Target

AUTO = "auto"
COME_BACK_SECONDS = 6.0
MAX_COME_BACKS = 8  # in one session; after more, the board is considered to be in a restart loop
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Board:
    """A USB serial port. ``usb_id`` is VID:PID in hexadecimal; ``location`` names the USB socket ("1-4.2"). The last
    two are "" where the system does not know them."""

    port: str
    usb_id: str
    description: str
    serial_number: str = ""
    location: str = ""

    def is_same(self, other: "Board") -> bool:
        """Whether both are the same device. A bootloader may report another serial number than the firmware, so the
        same socket is enough."""
        by_number = self.serial_number != "" and self.serial_number == other.serial_number
        return by_number or (self.location != "" and self.location == other.location)

    def __str__(self) -> str:
        number = f", serial number {self.serial_number}" if self.serial_number else ""
        return f"{self.port} ({self.description or 'no description'}, {self.usb_id}{number})"


def plugged_in() -> list[Board]:
    """All boards on USB, sorted by port."""
    from serial.tools import list_ports

    return [
        Board(
            port=port.device,
            usb_id=f"{port.vid:04x}:{port.pid:04x}",
            description=port.description or "",
            serial_number=port.serial_number or "",
            location=(port.location or "").partition(":")[0],  # without the interface, which a bootloader may change
        )
        for port in sorted(list_ports.comports())
        if port.vid is not None
    ]


is_url = serial.is_url


def resolve(port: str, target: Target, boards: Sequence[Board] | None = None) -> str:
    """``port`` itself, or for "auto" the serial port of the only board that has the target's USB id.

    ``boards`` replaces plugged_in(). Raises TransportError when none is plugged in, UsageError when several are or the
    target is not a board.
    """
    if port != AUTO:
        return port
    require_board(target)
    boards = plugged_in() if boards is None else boards
    found = [board for board in boards if board.usb_id in target.usb_ids]
    if len(found) == 1:
        return found[0].port
    if found:
        raise UsageError(f"several boards could be the {target.name}: {_listed(found)}; choose one with --port")
    others = f"plugged in: {_listed(boards)}" if boards else "there is no USB serial port at all"
    raise TransportError(
        f"no {target.name} is plugged in (USB id {' or '.join(target.usb_ids)}); {others}; plug it in with a data "
        "cable, or name its port with --port"
    )


def require_board(target: Target) -> None:
    """Raises UsageError for a target that is not a board (emulated machines, this machine)."""
    if not target.usb_ids:
        raise UsageError(f"{target.name} is not a board (it has no custom_usb_ids in platformio.ini); use `inv run`")


def at(port: str, boards: Sequence[Board] | None = None) -> Board | None:
    """The board at a serial port; None for a URL or a serial port that is not on USB."""
    return next((b for b in (plugged_in() if boards is None else boards) if b.port == port), None)


def find_again(
    board: Board,
    seconds: float,
    look: Callable[[], Sequence[Board]] | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Board | None:
    """The same device on its current serial port; None if it does not reappear within ``seconds``.

    ``look`` replaces plugged_in().
    """
    end = now() + seconds
    while True:
        # Match the serial number first: another board may now be in its socket.
        known = sorted((look or plugged_in)(), key=lambda each: each.serial_number != board.serial_number)
        if found := next((each for each in known if each.is_same(board)), None):
            return found
        if now() >= end:
            return None
        sleep(_POLL_SECONDS)


def needs_low_lines(target: Target) -> bool:
    """Whether DTR and RTS must stay low (on an ESP32 they drive reset). platformio.ini says so with monitor_dtr,
    PlatformIO's own key; a board with native USB needs DTR high, or it does not send anything."""
    return target.options.get("monitor_dtr") != "1"


class Follower:
    """A transport that survives resets of the board: if the serial port disappears, it waits and opens the new one.

    Data in transit is lost, as on a wire; the link sends it again. ``reopen`` returns the new transport, or raises
    TransportError when the board does not come back.
    """

    emulated = False

    def __init__(self, line: Transport, reopen: Callable[[TransportError], Transport]) -> None:
        self._line = line
        self._reopen = reopen
        self.come_backs = 0

    def now(self) -> float:
        return self._line.now()

    def alive(self) -> str | None:
        return self._line.alive()

    def read(self, timeout: float) -> bytes:
        try:
            return self._line.read(timeout)
        except TransportError as error:
            self._follow(error)
            return b""

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except TransportError as error:
            self._follow(error)

    def _follow(self, error: TransportError) -> None:
        self.come_backs += 1
        if self.come_backs > MAX_COME_BACKS:
            raise TransportError(
                f"the board disconnected and came back {MAX_COME_BACKS} times: check its cable and its power supply"
            ) from error
        self._line = self._reopen(error)


@contextmanager
def open(port: str, target: Target) -> Iterator[Transport]:
    """A transport to a board, by serial port, pyserial URL or "auto"; it follows the board to another serial port.

    TransportError when it cannot be opened, or is gone for longer than COME_BACK_SECONDS.
    """
    name = resolve(port, target)
    low = needs_low_lines(target)
    with ExitStack() as stack:
        line = stack.enter_context(serial.open(name, low_control_lines=low))
        board = None if is_url(name) else at(name)
        if board is None:
            yield line
            return

        def reopen(error: TransportError) -> Transport:
            stack.close()
            again = find_again(board, COME_BACK_SECONDS)
            if again is None:
                raise TransportError(
                    f"{error} (the board did not come back within {COME_BACK_SECONDS:.0f} s)"
                ) from error
            return stack.enter_context(serial.open(again.port, low_control_lines=low))

        yield Follower(line, reopen)


def _listed(boards: Sequence[Board]) -> str:
    return ", ".join(map(str, boards)) or "none"
