"""Renode: runs the firmware headless, with its UART on a socket and a clock that counts instructions.

The machine is a script rendered from templates/renode. Hooks replace the firmware port's clock, so that every tick is
one executed instruction, the same in every run.
"""

import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .. import __version__, elf, render
from ..errors import TransportError, UnknownName, UsageError
from ..installed import Tool
from ..values import Emulator
from . import serial
from ._process import Child, ChildTransport, running

TOOL = Tool(
    "renode",
    "runs Cortex-M firmware without a board, in CI",
    "download the portable package of 1.15 or 1.16 (renode-….linux-portable.tar.gz) from the releases of the project "
    "renode/renode, unpack it, and add its folder to PATH or set the variable RENODE to its path",
    variable="RENODE",
)
TOOLS = (TOOL,)
SETTINGS = {"platform": str, "uart": str}
CAUTION = (
    "during the run, Renode offers the emulated serial port on all network interfaces of this machine, not only on "
    "loopback: use a firewall in a network that you do not trust"
)
PLATFORMS = render.TEMPLATES / "renode"

# The clock functions of the firmware port (port.h, firmware/ports/cortexm); each has a hook of the same name.
CLOCK = ("kerf_init_ticks", "kerf_start_ticks", "kerf_ticks")

_START_SECONDS = 60.0  # 4 to 20 on an idle machine
_POLL_SECONDS = 0.1
# Renode's monitor prints this and then waits at its prompt for a better command.
_REJECTED = "There was an error executing command"
_FAREWELL = b"\n\nquit\n"  # the first characters may be swallowed
# TCP ports below every system's ephemeral range: a client that polls an ephemeral port can connect to itself.
_PORTS = range(20_000, 32_000)


def command(program: Path) -> list[str]:
    """The command line, to be run in the folder with machine.resc."""
    return [str(program), "--console", "--disable-xwt", "--plain", "-e", "include @machine.resc"]


def machine(path: Path, settings: Mapping[str, str], port: int) -> dict[str, bytes]:
    """The files that Renode needs: name → contents. They refer to each other by these names only, so that no host path,
    which may contain spaces or quotes, gets into a script.

    ``settings``: platform (a .repl of templates/renode) and uart (a peripheral of it).
    Raises BuildError if the file at ``path`` is not an ELF, TransportError if it is not a kerf firmware.
    """
    for key in ("platform", "uart"):
        if not settings.get(key, "").isidentifier():
            raise UsageError(f"custom_renode_{key} in platformio.ini must be a name, not {settings.get(key, '')!r}")
    platform = PLATFORMS / f"{settings['platform']}.repl"
    if not platform.is_file():
        raise UnknownName("Renode platform", platform.stem, [path.stem for path in PLATFORMS.glob("*.repl")])
    addresses = _addresses(path)
    resc = render.render(
        "renode/machine.resc.j2", version=__version__, name=settings["platform"], uart=settings["uart"], port=port
    )
    clock = render.render(
        "renode/clock.py.j2",
        version=__version__,
        functions=[(symbol, f"0x{addresses[symbol]:08X}") for symbol in CLOCK],
    )
    return {
        "machine.resc": resc.encode(),
        "clock.py": clock.encode(),
        "platform.repl": platform.read_bytes(),
        "firmware.elf": path.read_bytes(),
    }


@contextmanager
def open(path: Path, emulator: Emulator) -> Iterator[ChildTransport]:
    """Runs the firmware at ``path`` and yields its UART.

    Raises MissingTool without Renode, TransportError if Renode exits early or never listens. Renode buffers the
    firmware's output until a client connects.
    """
    program = TOOL.require()
    port = _free_port()
    contents = machine(path, emulator.settings, port)
    with tempfile.TemporaryDirectory(prefix="kerf-renode-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for file, data in contents.items():
            (folder / file).write_bytes(data)
        with (
            running(
                command(program), missing=TOOL.missing, stdout=subprocess.STDOUT, cwd=folder, farewell=_FAREWELL
            ) as child,
            ExitStack() as stack,
        ):
            line = _connect(stack, port, child)
            yield ChildTransport(line, child, emulated=True)


def _connect(stack: ExitStack, port: int, child: Child) -> serial.SerialTransport:
    """Connects to the UART's socket as soon as Renode listens on it."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return stack.enter_context(serial.open(f"socket://127.0.0.1:{port}", emulated=True))
        except TransportError as error:
            if death := child.obituary():
                raise TransportError(death) from error
            if _REJECTED in child.said():
                raise TransportError(
                    "Renode rejected a command in kerf's script, which is written for Renode 1.15 and 1.16; "
                    f"its output: {child.last_words()}"
                ) from error
            if time.monotonic() >= deadline:
                raise TransportError(
                    f"Renode did not open the serial port within {_START_SECONDS:.0f} s; "
                    f"its output: {child.last_words() or 'none'}"
                ) from error
            time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    """A TCP port that is currently free on all interfaces, because Renode listens on all of them."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise TransportError("found no free TCP port for Renode's serial port: stop some programs and retry")


def _addresses(path: Path) -> dict[str, int]:
    """The addresses of the CLOCK functions, without the symbols' Thumb bit (AAELF32, "Symbol Values")."""
    with elf.opened(path) as file:
        table = file.get_section_by_name(".symtab")
        symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()} if table else {}
    missing = [symbol for symbol in CLOCK if symbol not in symbols]
    if missing:
        raise TransportError(
            f"{path} has no function {missing[0]}, which Renode needs to count instructions; "
            "it runs only firmware with the port cortexm and unstripped symbols"
        )
    return {symbol: symbols[symbol] & ~1 for symbol in CLOCK}
