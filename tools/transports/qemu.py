"""QEMU: starts qemu-system-arm with the firmware, its UART on a loopback socket, virtual time by instructions."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import TransportError
from ..installed import Tool, apt
from ..values import Emulator
from . import serial
from ._process import ChildTransport, running

TOOL = Tool("qemu-system-arm", "runs Cortex-M firmware without a board", apt("qemu-system-arm"))
SETTINGS = {"machine": str, "icount_shift": int}


def command(elf: Path, settings: Mapping[str, str], listening_fd: int) -> list[str]:
    """The command line. ``settings``: machine, and optionally icount_shift (0 … 10, default 0: 1 ns per instruction)
    and cpu."""
    if "machine" not in settings:
        raise TransportError("the target has no custom_qemu_machine in platformio.ini, so QEMU cannot run it")
    arguments = [TOOL.program, "-machine", settings["machine"]]
    if "cpu" in settings:
        arguments += ["-cpu", settings["cpu"]]
    return [
        *arguments,
        *("-icount", f"shift={settings.get('icount_shift', '0')}", "-kernel", str(elf)),
        *("-chardev", f"socket,id=uart,fd={listening_fd},server=on,wait=off,nodelay=on", "-serial", "chardev:uart"),
        *("-display", "none", "-monitor", "none", "-nodefaults", "-no-user-config"),
    ]


@contextmanager
def open(elf: Path, emulator: Emulator) -> Iterator[ChildTransport]:
    """Runs ``elf`` and yields its UART; MissingTool without QEMU, TransportError when it ends early.

    kerf itself binds the socket and hands it over, so no other program can take the port in between, and a client can
    connect before the first instruction: nothing the firmware says at boot is lost.
    """
    TOOL.require()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        host, port = listener.getsockname()
        with (
            serial.open(f"socket://{host}:{port}", emulated=True) as line,
            running(command(elf, emulator.settings, listener.fileno()), [listener.fileno()], TOOL.missing) as child,
        ):
            listener.close()  # QEMU's alone now: if it ends before it accepts, the line breaks
            yield ChildTransport(line, child, emulated=True)
