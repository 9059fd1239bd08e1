"""The firmware's fault records and status codes in words, for the bench's error messages; pure."""

from collections.abc import Callable, Sequence

from .elf import Source
from .protocol import Fault

ASSERTION = 6
OUTSIDE = 8  # with --check-arena: psr is the operator, pc the arena's byte that it changed, address the line
_FAULT_KINDS = {
    1: "HardFault",
    2: "MemManage fault",
    3: "BusFault",
    4: "UsageFault",
    5: "stack overflow",
    ASSERTION: "assertion failed",
    7: "unexpected exception",
    OUTSIDE: "write outside a tensor",
}
# Bits of CFSR and HFSR in words: ARMv7-M Architecture Reference Manual B3.2.15 and B3.2.16.
_CFSR_BITS = {
    0: "instruction access violation",
    1: "data access violation",
    3: "memory protection violation while returning from an exception",
    4: "memory protection violation while entering an exception (stack overflow?)",
    5: "memory protection violation while saving floating-point state",
    8: "bus fault on an instruction fetch",
    9: "bus fault",
    10: "bus fault somewhere before this instruction",
    11: "bus fault while returning from an exception",
    12: "bus fault while entering an exception (stack overflow?)",
    13: "bus fault while saving floating-point state",
    16: "undefined instruction",
    17: "invalid state (a jump to an even address?)",
    18: "invalid exception return",
    19: "no coprocessor (floating-point unit not enabled?)",
    20: "stack limit violated (stack overflow)",
    24: "unaligned access",
    25: "divide by zero",
}
_MMFAR_VALID, _BFAR_VALID = 1 << 7, 1 << 15
# EXCCAUSE of an ESP32's exceptions with an address, alone in psr; a Cortex-M's psr has its Thumb bit set beside it.
_XTENSA_WITH_ADDRESS = {9: "unaligned access", 28: "load", 29: "store"}
_VECTOR_TABLE = 1 << 1  # in HFSR


Sources = Callable[[Sequence[int]], Sequence[Source]]


def crashed(fault: Fault, sources: Sources | None = None) -> str:
    """The error message about a fault record. ``sources`` finds instructions in the firmware's ELF, if known."""
    return f"the firmware crashed: {describe_fault(fault, sources)}"


def describe_fault(fault: Fault, sources: Sources | None = None) -> str:
    """A fault record in words, such as ``BusFault in src/kernels/add.h:31, called from src/model.cpp:88: bus fault at
    address 0x60000000; pc 0x08000123, lr 0x08000457, sp 0x2000ff00``."""
    what = _FAULT_KINDS.get(fault.kind, f"fault {fault.kind}")
    if fault.kind == OUTSIDE:
        return f"{what}: operator {fault.psr}, called in line {fault.address}, changed byte {fault.pc:,} of the arena"
    if fault.kind == 7:
        what += f" {fault.psr & 0x1FF}"
    reasons = [words for bit, words in _CFSR_BITS.items() if fault.cfsr >> bit & 1]
    if fault.hfsr & _VECTOR_TABLE:
        reasons.append("vector table could not be read")
    has_address = bool(fault.cfsr & (_MMFAR_VALID | _BFAR_VALID))
    if fault.kind == 7 and fault.psr in _XTENSA_WITH_ADDRESS:
        reasons.append(_XTENSA_WITH_ADDRESS[fault.psr])
        has_address = True
    why = f": {', '.join(reasons)}" if reasons else ""
    address = f" at address 0x{fault.address:08x}" if has_address else ""
    registers = [("pc", fault.pc), ("lr", fault.lr), ("sp", fault.sp)]
    known = ", ".join(f"{name} 0x{value:08x}" for name, value in registers if value or name == "pc")
    return f"{what}{_place(fault, sources)}{why}{address}; {known}"


def _place(fault: Fault, sources: Sources | None) -> str:
    """Source lines, as far as they are known.

    A return address follows the call. lr has one, and so has pc after abort() and assert() of bare metal, which know no
    lr. Once a function has called another, lr is in the function itself and says nothing about its caller. Bit 0 of an
    address marks Thumb code.
    """
    is_assertion = fault.kind == ASSERTION
    at, caller = Source(), Source()
    if sources is not None:
        at, caller = sources(((fault.pc & ~1) - 1 if is_assertion and not fault.lr else fault.pc, (fault.lr & ~1) - 1))
    line = at.line
    if is_assertion and fault.address:  # exact, where compilers merge the calls of several assertions
        line = f"{line.rpartition(':')[0]}:{fault.address}" if line else ""
    text = f" in {line}" if line else f" in line {fault.address}" if is_assertion and fault.address else ""
    if caller.line and caller.function != at.function and caller.is_thumb == bool(fault.lr & 1):
        text += f"{',' if text else ''} called from {caller.line}"
    return text


_SETUP_STATUS = {
    1: "the arena is too small: {} bytes are missing",
    2: "operator {} is not in the firmware's operator list",
    3: "the model does not match the runtime (detail {})",
    4: "operator {} failed",
}


def describe_status(status: int, detail: int) -> str:
    """model.h's Status in words."""
    return _SETUP_STATUS.get(status, "status " + str(status) + " (detail {})").format(detail)
