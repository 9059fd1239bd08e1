"""Firmware → board: PlatformIO uploads; this finds the board, follows it through its bootloader and retries once.

To upload to a board with native USB, PlatformIO opens its serial port at 1200 baud, which makes the firmware start the
bootloader. The port disappears and may come back under another name, or too late for the uploader. In that case the
board is found by its USB serial number or its socket, and the second attempt finds the bootloader already running.
"""

from collections.abc import Callable
from pathlib import Path

from .. import boards, ports
from .. import build as platformio
from ..errors import BuildError, KerfError, TransportError, UsageError
from ..progress import Progress
from ..values import Target
from . import Board

BOOTLOADER_SECONDS = 10.0

Upload = Callable[[Path, Target, Progress, str | None], None]
FindAgain = Callable[[Board, float], Board | None]


def find(target: Target, port: str | None) -> str | None:
    """The serial port for uploading, None for a board with a debug probe. ``port`` is as in --port, None for "auto".

    Raises UsageError for a URL or a target that is not a board, TransportError when the board is not plugged in,
    MissingTool when the program that flashes it is not installed.
    """
    boards.require_board(target)
    if ports.find(target.port).probe:
        platformio.require_uploader(target)
        return None  # the program finds its probe itself
    if port and boards.is_url(port):
        raise UsageError(f"cannot flash through {port}; give --port the board's own serial port, or auto")
    return boards.resolve(port or boards.AUTO, target)


def flash(
    directory: Path,
    target: Target,
    port: str | None,
    progress: Progress,
    upload: Upload = platformio.upload,
    find_again: FindAgain = boards.find_again,
) -> str | None:
    """Flashes the firmware of the project at ``directory``; ``port`` is as in --port, None for "auto".

    Returns the board's serial port afterwards; ``port`` itself for a board with a debug probe. Raises what `find`
    does, TransportError when the board does not come back, BuildError when the upload failed twice (with a probe:
    once); the last two say what to do with the board.
    """
    name = find(target, port)
    if name is None:
        try:
            upload(directory, target, progress, None)
        except BuildError as error:
            raise BuildError(f"{error}{_hint(target)}") from error
        return port
    board = boards.at(name)
    try:
        upload(directory, target, progress, name)
    except (BuildError, TransportError) as first:  # the latter: the system may not have granted access to the port yet
        name = _again(directory, target, progress, board, name, first, upload, find_again)
    if board is None:
        return name
    back = find_again(board, BOOTLOADER_SECONDS)
    if back is None:
        raise TransportError(
            f"the firmware is on the {target.name}, but the board did not come back within "
            f"{BOOTLOADER_SECONDS:.0f} s; unplug it and plug it in again{_hint(target)}"
        )
    return back.port


def _again(
    directory: Path,
    target: Target,
    progress: Progress,
    board: Board | None,
    name: str,
    first: KerfError,
    upload: Upload,
    find_again: FindAgain,
) -> str:
    """The second and last attempt; returns the serial port used."""
    if board is not None:
        found = find_again(board, BOOTLOADER_SECONDS)
        if found is None:
            raise TransportError(
                f"the {target.name} disappeared from {name} during the upload and did not come back within "
                f"{BOOTLOADER_SECONDS:.0f} s{_hint(target)}; the upload's error was: {first}"
            ) from first
        name = found.port
    progress.warn(f"the upload failed; retrying once, on {name}")
    try:
        upload(directory, target, progress, name)
    except BuildError as second:
        raise BuildError(f"the upload failed twice{_hint(target)}; {second}") from second
    return name


def _hint(target: Target) -> str:
    return f"; {target.flash_hint}, and flash again" if target.flash_hint else ""
