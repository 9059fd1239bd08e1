"""Renode: starts it headless with the firmware, the UART on a loopback socket, and its clock counting instructions.

Between an ELF and the bench, as qemu.py. The machine is a script rendered from templates/renode: hooks stand in for
the port's clock, so every tick the firmware reports is one executed instruction, the same in every run.
"""

import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .. import __version__, render
from ..errors import TransportError, UnknownName, UsageError
from ..installed import Tool
from ..values import Emulator
from . import serial
from ._process import Child, ChildTransport, running

TOOL = Tool(
    "renode",
    "runs Cortex-M firmware without a board, in CI",
    "download the portable package (renode-1.15.x.linux-portable.tar.gz) from the releases of the project "
    "renode/renode, unpack it, and put its folder on PATH or its path into the variable RENODE",
    variable="RENODE",
)
SETTINGS = {"platform": str, "uart": str}
PLATFORMS = render.TEMPLATES / "renode"

# The functions of the port's clock (port.h, firmware/ports/cortexm); each has a hook of the same name.
CLOCK = ("kerf_init_ticks", "kerf_start_ticks", "kerf_ticks")

_START_SECONDS = 60.0  # 4 to 20 on an idle machine
_POLL_SECONDS = 0.1
_FAREWELL = b"\n\nquit\n"  # the first characters may be swallowed
# Below every system's ephemeral ports: a client that polls one of those can end up connected to itself.
_PORTS = range(20_000, 32_000)


def command(program: Path) -> list[str]:
    """The command line, to be run in the folder that holds machine.resc."""
    return [str(program), "--console", "--disable-xwt", "--plain", "-e", "include @machine.resc"]


def machine(elf: Path, settings: Mapping[str, str], port: int) -> dict[str, bytes]:
    """The files Renode runs from, by name; all refer to each other by these names alone, so that the paths of this
    machine, with whatever spaces and quotes, never enter a script.

    ``settings``: platform (a .repl of templates/renode) and uart (a peripheral of it).
    Raises TransportError when ``elf`` cannot be read or is no kerf firmware.
    """
    for key in ("platform", "uart"):
        if not settings.get(key, "").isidentifier():
            raise UsageError(f"custom_renode_{key} in platformio.ini must be a name, not {settings.get(key, '')!r}")
    platform = PLATFORMS / f"{settings['platform']}.repl"
    if not platform.is_file():
        raise UnknownName("Renode platform", platform.stem, [path.stem for path in PLATFORMS.glob("*.repl")])
    addresses = _addresses(elf)
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
        "firmware.elf": elf.read_bytes(),
    }


@contextmanager
def open(elf: Path, emulator: Emulator) -> Iterator[ChildTransport]:
    """Runs ``elf`` and yields its UART; MissingTool without Renode, TransportError when it ends early or never
    listens. What the firmware says before the client is connected is kept for it."""
    program = TOOL.require()
    port = _free_port()
    contents = machine(elf, emulator.settings, port)
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
    """The UART's socket, as soon as Renode listens on it."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return stack.enter_context(serial.open(f"socket://127.0.0.1:{port}", emulated=True))
        except TransportError as error:
            if death := child.obituary():
                raise TransportError(death) from error
            if time.monotonic() >= deadline:
                raise TransportError(
                    f"Renode did not open the serial line within {_START_SECONDS:.0f} s; "
                    f"it said: {child.last_words() or 'nothing'}"
                ) from error
            time.sleep(_POLL_SECONDS)


def _free_port() -> int:
    """A loopback port that nobody listens on now."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise TransportError("no free TCP port was found for Renode's serial line; end some programs and repeat")


def _addresses(elf: Path) -> dict[str, int]:
    """Where the functions of CLOCK are, without the Thumb bit that symbols carry (AAELF32, "Symbol Values")."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()} if table else {}
    except (OSError, ELFError) as error:
        raise TransportError(f"{elf} cannot be read as an ELF file ({error}); build it again") from error
    missing = [symbol for symbol in CLOCK if symbol not in symbols]
    if missing:
        raise TransportError(
            f"{elf} has no function {missing[0]}, which Renode needs to count instructions; "
            "only firmware on the port cortexm, with its symbols, can run there"
        )
    return {symbol: symbols[symbol] & ~1 for symbol in CLOCK}
