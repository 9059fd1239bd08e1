"""Each emulated target boots with the port alone: link, clock, stack, faults, reset."""

import struct
from collections.abc import Iterator
from fractions import Fraction

import pytest
from elftools.elf.elffile import ELFFile
from port_project import IN_QEMU, Stub, linked, require_for

from tools import targets
from tools.transports import qemu
from tools.values import Image, Target

pytestmark = pytest.mark.emulator

HARD, BUS, USAGE, OVERFLOW, ASSERT = 1, 3, 4, 5, 6  # bench.h, FaultKind


@pytest.fixture(scope="module", params=IN_QEMU)
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Target, Image]:
    target = targets.find(request.param)
    require_for(target)
    return target, linked(target, tmp_path_factory.mktemp(target.name))


@pytest.fixture
def board(firmware: tuple[Target, Image]) -> Iterator[Stub]:
    """The firmware, freshly booted in QEMU."""
    target, image = firmware
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        stub = Stub(line)
        stub.meet()
        yield stub


def symbols(image: Image) -> dict[str, tuple[int, int]]:
    """name → (address without the Thumb bit, size)."""
    with image.elf.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        return {s.name: (s["st_value"] & ~1, s["st_size"]) for s in table.iter_symbols()}


def test_memory_is_set_up_and_accounted_for(firmware: tuple[Target, Image], board: Stub) -> None:
    target, image = firmware
    clock_hz, stack, spare, data, bss = board.ask(b"i", "5I")
    assert (data, bss) == (0x12345678, 0)
    # QEMU's STM32 has no clock tree: the firmware must notice and report the reset clock.
    assert clock_hz == (16_000_000 if target.name == "stm32f4" else target.clock_hz)
    # .data begins where the 8-byte aligned stack ends, so nothing is lost but up to 7 bytes between the sections.
    assert 0 <= target.ram_bytes - stack - image.static_bytes - spare < 8


def test_every_byte_comes_back(board: Stub) -> None:
    data = bytes(range(256)) * 8  # more than the receive buffer, and all in one write
    assert board.echo(data) == data
    assert board.echo(b"\0") == b"\0"


def test_equal_work_takes_equal_ticks(firmware: tuple[Target, Image], board: Stub) -> None:
    target, image = firmware
    counts = [1, 1000, 1000, 77, 1_000_000, 77]
    first = [board.spin(turns) for turns in counts]
    with qemu.open(image.elf, target.emulators["qemu"]) as line:
        again = Stub(line)
        again.meet()
        assert [again.spin(turns) for turns in counts] == first
    assert first[1] == first[2]
    assert first[3] == first[5]


def test_ticks_are_instructions(firmware: tuple[Target, Image], board: Stub) -> None:
    """Ticks per instruction are clock * 2^shift ns, and a count of ticks gives back the number of instructions."""
    target, _ = firmware
    machine_hz = target.clock_hz
    ratio = Fraction(2 ** int(target.emulators["qemu"].settings["icount_shift"]) * machine_hz, 10**9)
    assert ratio >= 1
    empty_instructions, empty_ticks = board.spin(1)
    for turns in (2, 3, 1000, 3_000_000):
        instructions, ticks = board.spin(turns)
        assert instructions == 2 * turns + 4
        # Two readings, each rounded down to a tick.
        assert abs(ticks - empty_ticks - (instructions - empty_instructions) * ratio) < 2


@pytest.mark.sampled(one_in=3)
def test_the_clock_survives_its_wraps(firmware: tuple[Target, Image], board: Stub) -> None:
    """More than 2^24 ticks in single steps: never backwards, nothing lost, and the same in every run."""
    target, _ = firmware
    count = 700_000
    backwards, total = board.ask(b"m" + struct.pack("<I", count), "IQ")
    assert backwards == 0
    assert total > 1 << 24
    assert board.ask(b"m" + struct.pack("<I", count), "IQ") == (0, total)
    ratio = Fraction(2 ** int(target.emulators["qemu"].settings["icount_shift"]) * target.clock_hz, 10**9)
    turns = 12_000_000
    instructions, ticks = board.spin(turns)
    wraps = ticks >> 24
    assert wraps >= 1
    # The interrupt that counts a wrap takes part in the measurement, with a handful of instructions.
    assert 0 <= ticks - instructions * ratio < 50 + wraps * 16 * ratio


def test_the_stack_mark_is_what_was_used(board: Stub) -> None:
    before, same = board.ask(b"k" + struct.pack("<I", 0), "II")
    assert 0 < before <= same < before + 128
    (low, high) = board.ask(b"k" + struct.pack("<I", 1000), "II")
    assert low >= same
    # 1000 bytes, the frames of use_stack() and its caller, and nothing else of note.
    assert 1000 < high < 1000 + low
    assert board.ask(b"k" + struct.pack("<I", 0), "II") == (high, high)


def test_reset_starts_over(board: Stub) -> None:
    board.ask(b"k" + struct.pack("<I", 1000), "II")
    board.line.write(b"r")
    assert board.receive(5) == b"BOOT\n"
    used, _ = board.ask(b"k" + struct.pack("<I", 0), "II")
    assert used < 1000
    assert board.echo(b"again") == b"again"


@pytest.mark.parametrize(
    ("provoked", "kind", "cfsr"),
    [
        pytest.param(b"u", USAGE, 1 << 16, id="undefined instruction"),
        pytest.param(b"d", USAGE, 1 << 25, id="division by zero"),
        pytest.param(b"r", BUS, 1 << 15 | 1 << 9, id="bad address"),
        pytest.param(b"a", ASSERT, 0, id="abort"),
    ],
)
def test_a_fault_is_a_record(
    firmware: tuple[Target, Image], board: Stub, provoked: bytes, kind: int, cfsr: int
) -> None:
    target, image = firmware
    if provoked == b"d" and (target.core.name == "cortex-m0" or target.port == "riscv"):
        pytest.skip(f"{target.core.name} has no trap for a division by zero")
    if target.core.name == "cortex-m0":
        kind, cfsr = (ASSERT if kind == ASSERT else HARD), 0
    fault = board.fault(provoked)
    assert (fault["kind"], fault["cfsr"], fault["hfsr"]) == (kind, cfsr, 0)
    names = symbols(image)
    name = next(n for n in names if "bench4stepEv" in n or (n.startswith("_ZN") and n.endswith("5faultEc")))
    address, size = names[name]
    assert address <= fault["pc"] <= address + size
    limit, top = names["__stack_limit"][0], names["__stack_top"][0]
    assert limit < fault["sp"] <= top
    assert fault["address"] == (0xE8000000 if cfsr & 1 << 15 else 0)


def test_a_stack_overflow_is_a_record(firmware: tuple[Target, Image], board: Stub) -> None:
    fault = board.fault(b"s")
    assert fault["kind"] == OVERFLOW
    limit = symbols(firmware[1])["__stack_limit"][0]
    assert limit - 1024 < fault["sp"] < limit + 1024


def test_a_dead_board_stays_silent(board: Stub) -> None:
    board.fault(b"u")
    board.line.write(b"i")
    assert board.line.read(1.0) == b""
