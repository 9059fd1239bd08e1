"""QEMU: runs the firmware in a qemu-system-…, with its UART on a loopback socket and instruction-counted time."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import TransportError
from ..installed import Tool, apt
from ..values import Emulator
from . import serial, tool
from ._process import ChildTransport, running
from ._trace import Trace, counting

TOOL = Tool("qemu-system-arm", "runs Cortex-M firmware without a board", apt("qemu-system-arm"))
TOOLS = (
    TOOL,
    Tool("qemu-system-riscv32", "runs RISC-V firmware without a board", apt("qemu-system-misc")),
    Tool(
        "qemu-system-xtensa",
        "runs ESP32 firmware without a board",
        "get Espressif's with ESP-IDF (python $IDF_PATH/tools/idf_tools.py install qemu-xtensa) and add its bin/ to "
        "the front of PATH; with a board, give --port instead",
        lists=("-machine", "help"),  # Debian's program of that name has other chips
        wanted="esp32",
    ),
)
SETTINGS = {"machine": str, "icount_shift": int}


def command(elf: Path, settings: Mapping[str, str], connection: int, listening: bool = False) -> list[str]:
    """The command line. The socket with file descriptor ``connection`` becomes the UART; if it is ``listening``, it
    accepts one client at a time.

    ``settings``: machine, and optionally program (default: TOOL's), icount_shift (0 … 10, default 0: 1 ns per
    instruction), cpu, further options, and loads (flash: the file is an image of the whole flash, not an ELF).
    """
    if "machine" not in settings:
        raise TransportError("QEMU cannot run this target: set its custom_qemu_machine in platformio.ini")
    arguments = [settings.get("program", TOOL.program), "-machine", settings["machine"]]
    arguments += settings.get("options", "").split()
    if "cpu" in settings:
        arguments += ["-cpu", settings["cpu"]]
    server = "server=on,wait=off," if listening else ""
    return [
        *arguments,
        *("-icount", f"shift={settings.get('icount_shift', '0')}"),
        *_loaded(elf, settings),
        *("-chardev", f"socket,id=uart,fd={connection},{server}nodelay=on", "-serial", "chardev:uart"),
        *("-display", "none", "-monitor", "none", "-nodefaults", "-no-user-config"),
    ]


def _loaded(file: Path, settings: Mapping[str, str]) -> list[str]:
    if settings.get("loads") != "flash":
        return ["-kernel", str(file)]
    escaped = str(file).replace(",", ",,")  # QEMU splits options at commas
    return ["-drive", f"file={escaped},if=mtd,format=raw"]


@contextmanager
def open(elf: Path, emulator: Emulator) -> Iterator[ChildTransport]:
    """Runs ``elf`` and yields its UART; MissingTool without QEMU, TransportError if QEMU exits early.

    Both ends of the UART's connection are created before QEMU starts, and QEMU inherits one of them. So no other
    program can take the TCP port in between, and the firmware's boot output is not lost: QEMU drops output while no
    client is connected, and on a busy machine the firmware could run before QEMU accepts a connection.
    """
    with _open(elf, emulator, []) as transport:
        yield transport


@contextmanager
def open_counting(elf: Path, emulator: Emulator, trace: Trace) -> Iterator[ChildTransport]:
    """`open`, much slower, with what is executed counted in ``trace``, which is complete when the context is left."""
    with counting(trace) as arguments, _open(elf, emulator, arguments) as transport:
        yield transport


@contextmanager
def _open(elf: Path, emulator: Emulator, more: Sequence[str]) -> Iterator[ChildTransport]:
    program = tool(emulator)
    program.require()
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        host, port = listener.getsockname()
        with (
            serial.open(f"socket://{host}:{port}", emulated=True) as line,
            listener.accept()[0] as uart,
            running(
                [*command(elf, emulator.settings, uart.fileno()), *more], [uart.fileno()], program.missing
            ) as child,
        ):
            uart.close()  # now only QEMU holds it, so the connection breaks when QEMU exits
            yield ChildTransport(line, child, emulated=True)
