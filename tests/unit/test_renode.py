"""The Renode transport without Renode: the files it renders, and a program that works, or fails, like Renode."""

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tools import doctor, targets
from tools.errors import BuildError, MissingTool, TransportError, UnknownName, UsageError
from tools.transports import _process, renode
from tools.values import Emulator

HERE = Path(__file__).parent
SETTINGS = {"platform": "stm32f4", "uart": "usart1"}
ADDRESSES = {"kerf_init_ticks": 0x08003404, "kerf_start_ticks": 0x0800342C, "kerf_ticks": 0x08003458}


def write_elf(path: Path, symbols: dict[str, int]) -> Path:
    """A 32-bit little-endian ELF that holds a symbol table and nothing else."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in symbols)
    entries = [struct.pack("<IIIBBH", 0, 0, 0, 0, 0, 0)]
    for name, value in symbols.items():
        entries.append(struct.pack("<IIIBBH", names.index(name.encode() + b"\0"), value, 0, 0x12, 0, 1))
    table = b"".join(entries)
    section_names = b"\0.symtab\0.strtab\0.shstrtab\0"
    offsets = [52, 52 + len(table), 52 + len(table) + len(names)]
    sections_at = offsets[2] + len(section_names)
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0, 0, sections_at, 0x05000000, 52, 0, 0, 40, 4, 3)
    sections = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, 2, 0, 0, offsets[0], len(table), 2, 1, 4, 16),
        (9, 3, 0, 0, offsets[1], len(names), 0, 0, 1, 0),
        (17, 3, 0, 0, offsets[2], len(section_names), 0, 0, 1, 0),
    ]
    path.write_bytes(header + table + names + section_names + b"".join(struct.pack("<10I", *s) for s in sections))
    return path


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    """A firmware whose clock is at ADDRESSES (in Thumb, so bit 0 is set), under a path no script would survive."""
    folder = tmp_path / 'a "quoted" folder; quit'
    folder.mkdir()
    symbols = {symbol: ADDRESSES[symbol] | 1 for symbol in renode.CLOCK}
    return write_elf(folder / "firmware.elf", symbols)


# --- what is rendered -------------------------------------------------------------------------------------------------


def test_the_script_is_what_was_tried(elf: Path) -> None:
    script = renode.machine(elf, SETTINGS, 23456)["machine.resc"].decode()
    assert [line for line in script.splitlines() if line and not line.startswith("#")] == [
        "using sysbus",
        'mach create "stm32f4"',
        "machine LoadPlatformDescription @platform.repl",
        "macro reset",
        '"""',
        "    sysbus LoadELF @firmware.elf",
        '"""',
        "runMacro $reset",
        "include @clock.py",
        "count_instructions",
        'emulation CreateServerSocketTerminal 23456 "term" false true',
        "connector Connect sysbus.usart1 term",
        "start",
    ]


def test_no_path_of_this_machine_enters_a_script(elf: Path) -> None:
    files = renode.machine(elf, SETTINGS, 23456)
    assert files.pop("firmware.elf") == elf.read_bytes()
    assert sorted(files) == ["clock.py", "machine.resc", "platform.repl"]
    assert [name for name, data in files.items() if b"quoted" in data or b"/tmp" in data] == []


@pytest.mark.parametrize(
    "target", [t for t in targets.load().values() if "renode" in t.emulators], ids=lambda t: t.name
)
def test_every_target_has_its_machine(target: Any, elf: Path) -> None:
    settings = target.emulators["renode"].settings
    description = renode.machine(elf, settings, 23456)["platform.repl"].decode()
    assert f"\n{settings['uart']}: UART." in description
    assert "\nsysbus:" not in description  # where Renode's own descriptions reach for the network
    assert f"size: 0x{target.ram_bytes:X}\n" in description
    assert f"size: 0x{target.flash_bytes:X}\n" in description


class Cpu:
    """What the hooks use of Renode's CortexM."""

    def __init__(self) -> None:
        self.ExecutedInstructions = 0
        self.LR, self.PC = 0x08000101, 0
        self.registers: dict[int, int] = {}
        self.hooks: dict[int, Any] = {}

    def AddHook(self, address: int, hook: Any) -> None:
        self.hooks[address] = hook

    def call(self, address: int, executed: int) -> int:
        """Arrives at a hooked function; returns what the function does, as a uint64_t."""
        self.ExecutedInstructions, self.PC, self.registers = executed, address, {}
        self.hooks[address](self, address)
        assert self.PC == self.LR  # the function itself never runs
        return self.registers.get(1, 0) << 32 | self.registers.get(0, 0)


class Renode1150(Cpu):
    def SetRegisterUnsafeUlong(self, number: int, value: int) -> None:
        self.registers[number] = value


class Renode1153(Cpu):
    def SetRegisterUlong(self, number: int, value: int) -> None:
        self.registers[number] = value


@pytest.mark.parametrize("cpu", [Renode1150(), Renode1153()], ids=["1.15.0", "1.15.3"])
def test_a_tick_is_one_instruction(elf: Path, cpu: Cpu) -> None:
    class Monitor:
        class Machine:
            class SystemBus:
                GetCPUs = staticmethod(lambda: [cpu])

    scope: dict[str, Any] = {"monitor": Monitor}
    exec(renode.machine(elf, SETTINGS, 23456)["clock.py"], scope)
    scope["mc_count_instructions"]()
    assert sorted(cpu.hooks) == sorted(ADDRESSES.values())
    cpu.call(ADDRESSES["kerf_init_ticks"], 100)
    assert cpu.call(ADDRESSES["kerf_ticks"], 150) == 150
    cpu.call(ADDRESSES["kerf_start_ticks"], 1_000)
    assert cpu.call(ADDRESSES["kerf_ticks"], 3_005) == 2_005
    assert cpu.call(ADDRESSES["kerf_ticks"], 1_000 + (5 << 32) + 7) == (5 << 32) + 7


def test_the_robot_suite_is_read_without_an_error() -> None:
    """Every line is understood, and every keyword is the suite's own, Robot Framework's or one of Renode 1.15."""
    from robot.api import get_model
    from robot.api.parsing import KeywordCall, ModelVisitor
    from robot.libraries.BuiltIn import BuiltIn

    class Reader(ModelVisitor):  # type: ignore[misc]
        errors: ClassVar[list[Any]] = []
        called: ClassVar[set[str]] = set()
        defined: ClassVar[set[str]] = set()

        def generic_visit(self, node: Any) -> None:
            self.errors += getattr(node, "errors", ())
            if isinstance(node, KeywordCall):
                self.called.add(node.keyword)
            elif type(node).__name__ == "Keyword":
                self.defined.add(node.name)
            super().generic_visit(node)

    reader = Reader()
    reader.visit(get_model(HERE.parent / "renode" / "firmware.robot"))
    builtin = {name.replace("_", " ").title() for name in dir(BuiltIn) if not name.startswith("_")}
    # src/Renode/RobotFrameworkEngine/{Renode,Uart}Keywords.cs
    renodes = {
        *("Execute Command", "Create Terminal Tester", "Start Emulation"),
        *("Wait For Line On Uart", "Write To Uart", "Send Key To Uart"),
    }
    assert reader.errors == []
    assert "Wait For Line On Uart" in reader.called
    assert reader.called - reader.defined - builtin == renodes


# --- what is refused --------------------------------------------------------------------------------------------------


def test_a_firmware_without_the_clock_is_refused(tmp_path: Path) -> None:
    other = write_elf(tmp_path / "other.elf", {"main": 0x08000001})
    with pytest.raises(TransportError, match="has no function kerf_init_ticks"):
        renode.machine(other, SETTINGS, 1)


def test_a_file_that_is_no_elf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "firmware.elf"
    with pytest.raises(BuildError, match="cannot be read as an ELF file"):
        renode.machine(path, SETTINGS, 1)
    path.write_bytes(b"no ELF at all")
    with pytest.raises(BuildError, match="cannot be read as an ELF file"):
        renode.machine(path, SETTINGS, 1)


def test_a_wrong_setting_is_named(elf: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown Renode platform 'toaster'; known: .*stm32f4"):
        renode.machine(elf, {"platform": "toaster", "uart": "usart1"}, 1)
    with pytest.raises(UsageError, match=r"custom_renode_uart .* must be a name, not 'usart1 evil'"):
        renode.machine(elf, {"platform": "stm32f4", "uart": "usart1 evil"}, 1)


# --- finding Renode ---------------------------------------------------------------------------------------------------


def install(folder: Path) -> Path:
    program = folder / "renode"
    program.write_text(f"#!{sys.executable}\n{(HERE / 'fake_renode.py').read_text()}")
    program.chmod(0o755)
    return program


def test_renode_is_found_by_file_by_folder_and_on_path(tmp_path: Path) -> None:
    program = install(tmp_path)
    assert renode.TOOL.find({"RENODE": str(program)}) == program
    assert renode.TOOL.find({"RENODE": str(tmp_path)}) == program
    assert renode.TOOL.find({"PATH": str(tmp_path)}) == program
    assert renode.TOOL.find({"PATH": str(tmp_path / "empty")}) is None


def test_a_wrong_variable_is_named_and_not_passed_over(tmp_path: Path) -> None:
    install(tmp_path)
    with pytest.raises(MissingTool, match=r"RENODE is '/nowhere', but no executable is there; .* portable package"):
        renode.TOOL.find({"RENODE": "/nowhere", "PATH": str(tmp_path)})


def test_without_renode_the_message_says_how_to_get_it(elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RENODE", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingTool, match="not installed; download the portable package"), renode.open(elf, EMULATOR):
        pass


def test_the_doctor_finds_renode_as_the_transport_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\necho Renode v1.15.0.1234\n")
    program.chmod(0o755)
    monkeypatch.setenv("RENODE", str(tmp_path))
    found = next(finding for finding in doctor.examine() if finding.name == "renode")
    assert (found.version, found.required) == ("Renode v1.15.0.1234", False)
    for broken, why in (("echo no GTK; exit 3", "exit code 3, no GTK"), ("kill -9 $$", "exit code -9")):
        program.write_text(f"#!/bin/sh\n{broken}\n")
        found = next(finding for finding in doctor.examine() if finding.name == "renode")
        assert found.version is None
        assert found.remedy.startswith(f"`{program} --version` does not work: {why}; download the portable package")
    monkeypatch.setenv("RENODE", "/nowhere")
    missing = next(finding for finding in doctor.examine() if finding.name == "renode")
    assert missing.version is None
    assert missing.remedy.startswith("RENODE is '/nowhere'")


# --- running it -------------------------------------------------------------------------------------------------------

EMULATOR = Emulator("renode", SETTINGS)


class Fake:
    """An installed fake and what it left behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._trace = folder / "trace"
        monkeypatch.setenv("RENODE", str(install(folder)))
        monkeypatch.setenv("FAKE_RENODE_TRACE", str(self._trace))

    def mode(self, mode: str) -> None:
        self._monkeypatch.setenv("FAKE_RENODE", mode)

    def left(self) -> str:
        """ "quit" or ""; checks that neither process nor folder is there any more."""
        pid, folder, *rest = self._trace.read_text().split()
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
        assert not Path(folder).exists()
        return " ".join(rest)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fake]:
    yield Fake(monkeypatch, tmp_path)


def test_the_line_opens_once_renode_listens_and_renode_quits(fake: Fake, elf: Path) -> None:
    fake.mode("run")
    with renode.open(elf, EMULATOR) as line:
        assert line.emulated
        assert line.alive() is None
        assert line.read(5.0) == b"kept until now"
        line.write(b"abc")
        assert line.read(5.0) == b"ABC"
    assert fake.left() == "quit"


def test_renode_leaves_also_after_an_exception(fake: Fake, elf: Path) -> None:
    fake.mode("run")
    with pytest.raises(KeyboardInterrupt), renode.open(elf, EMULATOR) as line:
        line.write(b"abc")
        raise KeyboardInterrupt
    assert fake.left() == "quit"


def test_a_renode_that_does_not_hear_is_killed(fake: Fake, elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "_FAREWELL_SECONDS", 0.2)
    fake.mode("deaf")
    with renode.open(elf, EMULATOR) as line:
        line.write(b"abc")
    assert fake.left() == ""


def test_a_renode_that_dies_is_quoted(fake: Fake, elf: Path) -> None:
    fake.mode("die")
    words = r"renode ended with exit code 1; .*Fatal error: No such file"
    with pytest.raises(TransportError, match=words), renode.open(elf, EMULATOR):
        pass
    assert fake.left() == ""


def test_a_rejected_script_is_quoted_at_once(fake: Fake, elf: Path) -> None:
    fake.mode("reject")
    began = time.monotonic()
    with (
        pytest.raises(TransportError, match=r"^Renode rejected a command in kerf's script") as caught,
        renode.open(elf, EMULATOR),
    ):
        pass
    assert "error executing command 'machine LoadPlatformDescription @platform.repl' | Error E06: " in str(caught.value)
    assert str(caught.value).isprintable()
    assert time.monotonic() - began < renode._START_SECONDS / 2
    assert fake.left() == ""


def test_a_renode_that_never_listens_is_given_up(fake: Fake, elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renode, "_START_SECONDS", 1.0)
    monkeypatch.setattr(_process, "_FAREWELL_SECONDS", 0.2)
    fake.mode("hang")
    words = r"did not open the serial port within 1 s; its output: .*still thinking"
    with pytest.raises(TransportError, match=words), renode.open(elf, EMULATOR):
        pass
    assert fake.left() == ""


def test_a_renode_that_crashes_on_the_way_is_quoted(fake: Fake, elf: Path) -> None:
    fake.mode("drop")
    words = r"renode ended with exit code 3; .*the emulation crashed"
    with renode.open(elf, EMULATOR) as line, pytest.raises(TransportError, match=words):
        for _ in range(10):
            line.read(1.0)
    assert fake.left() == ""


@pytest.mark.parametrize("interface", ["127.0.0.1", "127.0.0.2"])
def test_a_port_in_use_on_any_interface_is_not_taken(monkeypatch: pytest.MonkeyPatch, interface: str) -> None:
    with socket.create_server((interface, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(renode.random, "sample", lambda ports, count: [port])
        with pytest.raises(TransportError, match="no free TCP port"):
            renode._free_port()
