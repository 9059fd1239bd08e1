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


def command(elf: Path, settings: Mapping[str, str], connection: int, listening: bool = False) -> list[str]:
    """The command line; the file descriptor ``connection`` becomes the UART, or clients call it one after the other.

    ``settings``: machine, and optionally icount_shift (0 … 10, default 0: 1 ns per instruction) and cpu.
    """
    if "machine" not in settings:
        raise TransportError("the target has no custom_qemu_machine in platformio.ini, so QEMU cannot run it")
    arguments = [TOOL.program, "-machine", settings["machine"]]
    if "cpu" in settings:
        arguments += ["-cpu", settings["cpu"]]
    server = "server=on,wait=off," if listening else ""
    return [
        *arguments,
        *("-icount", f"shift={settings.get('icount_shift', '0')}", "-kernel", str(elf)),
        *("-chardev", f"socket,id=uart,fd={connection},{server}nodelay=on", "-serial", "chardev:uart"),
        *("-display", "none", "-monitor", "none", "-nodefaults", "-no-user-config"),
    ]


@contextmanager
def open(elf: Path, emulator: Emulator) -> Iterator[ChildTransport]:
    """Runs ``elf`` and yields its UART; MissingTool without QEMU, TransportError when it ends early.

    Both ends of the UART's connection are made before QEMU starts and one of them is handed over. No other program can
    take the port in between, and what the firmware says at boot is not lost: QEMU drops what is sent while nobody is
    connected, and if it had to accept a connection itself, its CPU could be ahead of that on a busy machine.
    """
    TOOL.require()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        host, port = listener.getsockname()
        with (
            serial.open(f"socket://{host}:{port}", emulated=True) as line,
            listener.accept()[0] as uart,
            running(command(elf, emulator.settings, uart.fileno()), [uart.fileno()], TOOL.missing) as child,
        ):
            uart.close()  # QEMU's alone now: the line breaks when it ends
            yield ChildTransport(line, child, emulated=True)
