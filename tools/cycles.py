"""Estimates how many cycles a Cortex-M4 or M7 would take for what an emulator has executed. It is not a measurement.

For the M4, it adds up the timings in the Technical Reference Manual (Arm DDI 0439, 3.3 and 7.2.3): pipelined loads,
LDM, taken branches, divides, the FPU. The M7's manual (DDI 0489) has no timings. There, instructions are issued in
order, two at a time if the second does not depend on the first and needs another unit; branches are predicted
correctly. Memory has no delays: flash has no wait states, and every access of an M7 hits its caches.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cores import Core
from .errors import BuildError
from .installed import Tool, apt

DISASSEMBLER = Tool("arm-none-eabi-objdump", "disassembles Cortex-M firmware", apt("binutils-arm-none-eabi"))
DIVIDE = 7  # the manual says 2 to 12, depending on the operands

# A run is a sequence of instructions executed without a break. (address of its first instruction, address of the
# instruction executed after its last) → how often that happened.
Executed = Mapping[tuple[int, int], int]

_LABEL = re.compile(r"^([0-9a-f]{8}) <(\S+)>:$")
_LINE = re.compile(r"^ *([0-9a-f]+):\t(\S+)(?:\t([^@;]*))?")
_REGISTER = re.compile(r"\b(?:r\d+|s[lbp]|fp|ip|lr|pc|[sd]\d+)\b")
_RANGE = re.compile(r"\b([sd])(\d+)-[sd](\d+)\b")
_MULTIPLY = ("mul", "mla", "mls", "sml", "smu", "smm", "uml", "umu")
_LOADS = ("ldr", "ldrb", "ldrh", "ldrsb", "ldrsh")
_STORES = ("str", "strb", "strh")
_MULTIPLE = ("ldm", "stm", "push", "pop", "ldrd", "strd", "vldm", "vstm", "vpush", "vpop")
_CONDITIONS = ["eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"]
_BRANCHES = {"b", "bl", "blx", "bx", "cbz", "cbnz", "tbb", "tbh", *(f"b{condition}" for condition in _CONDITIONS)}


@dataclass(frozen=True)
class Instruction:
    """One instruction of the disassembly; ``name`` is its mnemonic without the suffixes .w, .f32, ia and the like."""

    address: int
    bytes: int
    name: str
    operands: str

    @property
    def registers(self) -> tuple[str, ...]:
        """All registers in the order of the operands."""
        return tuple(_REGISTER.findall(_RANGE.sub(_expanded, self.operands)))

    @property
    def is_load(self) -> bool:
        return _plain(self.name) in _LOADS

    @property
    def is_store(self) -> bool:
        return _plain(self.name) in _STORES

    @property
    def count(self) -> int:
        """The number of words that an instruction such as LDM, PUSH or STRD loads or stores; 0 for all others."""
        name = _plain(self.name)
        if name in ("ldrd", "strd"):
            return 2
        if name not in _MULTIPLE:
            return 0
        listed = _REGISTER.findall(_RANGE.sub(_expanded, self.operands.partition("{")[2]))
        return sum(2 if register[0] == "d" else 1 for register in listed)

    @property
    def writes_pc(self) -> bool:
        """Whether it may branch, and so end a run."""
        if self.name in _BRANCHES or _plain(self.name) in ("bx", "blx", "tbb", "tbh"):
            return True
        is_target = self.registers[:1] == ("pc",) and not self.is_store and not self.name.startswith(("cmp", "tst"))
        return is_target or (self.name.startswith(("pop", "ldm")) and "pc" in self.operands)

    @property
    def target(self) -> int | None:
        """The address that it branches to; None if the address is in a register or in memory."""
        if self.name not in _BRANCHES or self.name in ("blx", "bx", "tbb", "tbh"):
            return None
        return int(self.operands.rpartition(" <")[0].rpartition(" ")[2], 16)


def _expanded(found: re.Match[str]) -> str:
    return ", ".join(f"{found[1]}{n}" for n in range(int(found[2]), int(found[3]) + 1))


def _plain(name: str) -> str:
    """A mnemonic without its condition code: ldrne → ldr."""
    for known in (*_LOADS, *_STORES, *_MULTIPLE, "bx", "blx"):
        if name == known or (name[: len(known)] == known and name[len(known) :] in _CONDITIONS):
            return known
    return name


@dataclass(frozen=True)
class Code:
    """The instructions of an ELF by address, and (name, begin, end) of each function, in order of address."""

    instructions: Mapping[int, Instruction]
    functions: tuple[tuple[str, int, int], ...]


def disassemble(elf: Path) -> Code:
    """The code of an ELF. Raises MissingTool without a disassembler, BuildError if it cannot read the file."""
    DISASSEMBLER.require()
    command = [DISASSEMBLER.program, "-d", "--no-show-raw-insn", "-j", ".text", str(elf)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise BuildError(f"{elf} cannot be disassembled: {done.stderr.strip()}")
    return parse(done.stdout.splitlines())


def parse(lines: Iterable[str]) -> Code:
    """The code in the disassembler's output."""
    found: list[tuple[int, str, str]] = []
    labels: list[tuple[str, int]] = []
    for line in lines:
        if label := _LABEL.match(line):
            labels.append((label[2], int(label[1], 16)))
        elif match := _LINE.match(line):
            found.append(
                (int(match[1], 16), re.sub(r"\.(w|n|f32|f64|32|64)\b.*|\.[su]32.*", "", match[2]), match[3] or "")
            )
    ends = [address for address, *_ in found[1:]] + [found[-1][0] + 4 if found else 0]
    rows = zip(found, ends, strict=True)
    code = {a: Instruction(a, min(end - a, 4), re.sub("ia$|db$", "", n), o.strip()) for (a, n, o), end in rows}
    bounds = [address for _, address in labels[1:]] + ends[-1:]
    return Code(code, tuple((name, begin, end) for (name, begin), end in zip(labels, bounds, strict=True)))


def run_of(code: Code, begin: int, after: int) -> tuple[tuple[Instruction, ...], bool]:
    """The instructions executed from ``begin`` until execution reaches ``after``, and whether a branch was taken there.

    An emulator may also end a run without a branch. Raises KeyError for an address at which there is no instruction.
    """
    found: list[Instruction] = []
    at = begin
    while not found or not found[-1].writes_pc:
        found.append(code.instructions[at])
        at += found[-1].bytes
    passed = [instruction.address for instruction in found[1:]]
    if at == after or found[-1].target == after or after not in passed:
        return tuple(found), at != after
    return tuple(found[: passed.index(after) + 1]), False


def instructions(code: Code, executed: Executed) -> int:
    """How many instructions were executed."""
    return sum(len(run_of(code, *run)[0]) * times for run, times in executed.items())


def has_model(core: Core) -> bool:
    """Whether `estimate` knows the core."""
    return _model(core) is not None


def estimate(code: Code, executed: Executed, core: Core) -> int:
    """The estimated cycles; requires has_model()."""
    model = _model(core)
    assert model is not None
    total = 0
    for (begin, after), times in executed.items():
        run, is_taken = run_of(code, begin, after)
        total += model(run, code.instructions.get(after) if is_taken else None) * times
    return total


def _model(core: Core) -> Callable[[Sequence[Instruction], Instruction | None], int] | None:
    return {"cortex-m4": _m4, "cortex-m7": _m7}.get(core.name.partition("+")[0])


# --- Cortex-M4 --------------------------------------------------------------------------------------------------------


def _m4(run: Sequence[Instruction], target: Instruction | None) -> int:
    """Cycles of consecutive instructions; ``target`` is the one that the last branches to, None without a branch."""
    total = 0
    before = None
    for instruction in run:
        total += _m4_alone(instruction, before)
        before = instruction
    return total + (0 if target is None else _refill(run[-1], target))


def _refill(branch: Instruction, target: Instruction) -> int:
    """The manual's P, 1 to 3 cycles: it depends on the target's alignment and width, and on how early it is known."""
    is_split = target.bytes == 4 and target.address % 4 != 0
    return 1 + is_split + (branch.target is None)


def _m4_alone(instruction: Instruction, before: Instruction | None) -> int:
    name = instruction.name
    if instruction.count:
        return 1 + instruction.count
    if instruction.is_load:
        return 1 if _is_pipelined(instruction, before) else 2
    if instruction.is_store:
        offset = instruction.operands.partition("[")[2].partition("]")[0]
        is_plain = len(_REGISTER.findall(offset)) == 1 or (before is not None and before.is_load)
        return 1 if is_plain else 2
    if name.startswith(("sdiv", "udiv")):
        return DIVIDE
    if name.startswith(("vdiv", "vsqrt")):
        return 14
    if name.startswith(("vmla", "vmls", "vnml", "vfma", "vfms", "vfnm")):
        return 3
    return 2 if name.startswith(("vldr", "vstr", "tbb", "tbh", "mrs", "msr")) else 1


def _is_pipelined(load: Instruction, before: Instruction | None) -> bool:
    """Whether the address of a load is computed while the load before it waits for its data."""
    return before is not None and before.is_load and before.registers[:1][0] not in load.registers[1:]


# --- Cortex-M7, an approximation --------------------------------------------------------------------------------------


ANY, ALL = "either of two", "all"  # of the M7's units


def _m7(run: Sequence[Instruction], target: Instruction | None) -> int:
    """Cycles of consecutive instructions, issued in order, up to two per cycle."""
    ready: dict[str, int] = {}  # register → the first cycle in which it can be read
    cycle, free = 0, 2  # the cycle being filled, and how many more instructions can be issued in it
    units: set[str] = set()
    for instruction in run:
        unit, cycles, latency = _m7_unit(instruction)
        targets, sources = _m7_registers(instruction)
        start = max([cycle, *(ready.get(register, 0) for register in sources)])
        if start == cycle and free < 2 and (free == 0 or unit in units - {ANY} or ALL in {unit, *units}):
            start += 1
        if start > cycle:
            cycle, free, units = start, 2, set()
        ready.update(dict.fromkeys(targets, cycle + cycles - 1 + latency))
        free -= 1
        units.add(unit)
        if cycles > 1:
            cycle, free, units = cycle + cycles, 2, set()
    return cycle + (free < 2)


def _m7_unit(instruction: Instruction) -> tuple[str, int, int]:
    """(the unit that it needs, for how many cycles, after how many cycles its result can be read)."""
    name = instruction.name
    if instruction.count:
        return "memory", -(-instruction.count // 2), 2
    if instruction.is_load or instruction.is_store or name.startswith(("vldr", "vstr")):
        return "memory", 1, 2
    if name.startswith(_MULTIPLY):
        return "multiplier", 1, 2
    if name.startswith(("sdiv", "udiv")):
        return ALL, DIVIDE, 1
    if name.startswith(("vdiv", "vsqrt")):
        return "float", 14, 1
    if name.startswith("v"):
        return "float", 1, 3
    if instruction.writes_pc:
        return "branch", 1, 1
    return (ALL if name.startswith(("it", "msr", "mrs", "isb", "dsb")) else ANY), 1, 1


def _m7_registers(instruction: Instruction) -> tuple[Sequence[str], Sequence[str]]:
    """(written, read) registers. A multiply-accumulate reads its accumulator late and does not wait for it."""
    names, name = instruction.registers, instruction.name
    if instruction.is_store or name.startswith(("stm", "push", "strd", "cmp", "cmn", "tst", "teq", "vstr", "b", "cb")):
        return (), names
    if instruction.count:
        address = _REGISTER.findall(instruction.operands.partition("{")[0])
        return [n for n in names if n not in address], address
    written = 2 if name.startswith(("smlal", "umlal", "smull", "umull", "ldrd")) else 1
    if name.startswith(("mla", "mls", "sml", "smm")) and len(names) == 4 and written == 1:
        return names[:1], names[1:3]
    return names[:written], names[written:]
