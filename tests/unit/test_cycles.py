"""The estimate of cycles: which instructions were executed, and the timings in the Cortex-M4's manual."""

from collections import Counter

import pytest

from tools import cores, cycles
from tools.transports import Trace

M4, M7 = cores.find("cortex-m4"), cores.find("cortex-m7")


def code(*lines: str, at: int = 0x8000) -> cycles.Code:
    """The instructions one after the other; those whose name ends in .w, and ldrd and strd, have four bytes."""
    text = [f"{at:08x} <f>:"]
    for line in lines:
        name, _, operands = line.partition(" ")
        text.append(f" {at:x}:\t{name}\t{operands}")
        at += 4 if name.endswith(".w") or name in ("ldrd", "smlad", "sdiv") else 2
    return cycles.parse([*text, f" {at:x}:\tbx\tlr"])


def cost(*lines: str, core: cores.Core = M4) -> int:
    """The cycles of these instructions, executed once, one after the other."""
    made = code(*lines)
    return cycles.estimate(made, {(0x8000, max(made.instructions)): 1}, core)


@pytest.mark.parametrize(
    ("expected", "lines"),
    [
        (1, ["add.w r0, r1, r2"]),
        (2, ["ldr r0, [r1, #4]"]),
        (4, ["ldr r0, [r1, #4]", "ldr r2, [r1, #8]", "ldrb r3, [r1, #1]"]),  # pipelined: one each after the first
        (4, ["ldr r0, [r1, #4]", "ldr r2, [r0, #8]"]),  # the second needs the first
        (3, ["ldr r0, [r1, #4]", "add.w r0, r1, r2"]),
        (1, ["str r0, [r1, #4]"]),
        (2, ["str r0, [r1, r2]"]),
        (3, ["ldr r0, [r3, #0]", "str r0, [r1, r2]"]),
        (3, ["ldrd r0, r1, [r2]"]),
        (6, ["ldmia.w r0!, {r1, r2, r3, r4, r5}"]),
        (3, ["push {r4, lr}"]),
        (1, ["smlad r0, r1, r2, r0"]),
        (cycles.DIVIDE, ["sdiv r0, r1, r2"]),
        (3, ["vmla.f32 s0, s1, s2"]),
        (14, ["vdiv.f32 s0, s1, s2"]),
        (9, ["vldmia r0!, {s0-s7}"]),
        (1, ["movne r0, #1"]),
        (2, ["ldrne r0, [r1, #0]"]),
    ],
)
def test_timings_of_the_manual(expected: int, lines: list[str]) -> None:
    assert cost(*lines) == expected


@pytest.mark.parametrize(
    ("expected", "last", "after"),
    [
        (1, "bne.n 8010 <f+0x10>", 0x8002),  # not taken
        (2, "bne.n 8010 <f+0x10>", 0x8010),
        (3, "bne.n 8012 <f+0x12>", 0x8012),  # four bytes at an address that is not a multiple of four
        (3, "bx lr", 0x8010),  # to an address that is known late
        (6, "pop {r4, r5, pc}", 0x8010),
    ],
)
def test_a_taken_branch_refills_the_pipeline(expected: int, last: str, after: int) -> None:
    around = code(last, *["nop"] * 7, "nop", "add.w r0, r1, r2", "nop")
    assert cycles.estimate(around, {(0x8000, after): 1}, M4) == expected
    assert cycles.estimate(around, {(0x8000, after): 5}, M4) == 5 * expected


def test_a_run_ends_at_its_branch_or_where_the_emulator_cut_it() -> None:
    loop = code("movs r0, #4", "subs r0, #1", "nop", "bne.n 8002 <f+0x2>", "nop", "blx r8", "nop")
    executed = {(0x8000, 0x8002): 1, (0x8002, 0x8002): 2, (0x8002, 0x8008): 1, (0x8008, 0x800A): 1}
    # The first run ends at the branch, which leads into its middle. The last one is cut, because blx leads elsewhere.
    assert [len(cycles.run_of(loop, *run)[0]) for run in executed] == [4, 3, 3, 1]
    assert cycles.instructions(loop, executed) == 1 + 4 * 3 + 1
    assert [taken for run in executed for taken in [cycles.run_of(loop, *run)[1]]] == [True, True, False, False]


def test_the_m7_issues_two_instructions_that_do_not_need_each_other() -> None:
    assert cost("adds r0, r1, #1", "adds r2, r3, #1", core=M7) == 1
    assert cost("adds r0, r1, #1", "adds r2, r0, #1", core=M7) == 2
    assert cost("smlad r0, r1, r2, r0", "smlad r3, r4, r5, r3", core=M7) == 2, "it has one multiplier"
    assert cost("ldr r0, [r1, #0]", "adds r2, r0, #1", core=M7) == 3, "what is loaded is there a cycle later"


def test_only_these_cores_have_a_model() -> None:
    assert cycles.has_model(M4) and cycles.has_model(cores.find("cortex-m7+nofp"))
    assert not cycles.has_model(cores.find("cortex-m3")) and not cycles.has_model(cores.find("cortex-m55"))


def logged(*addresses: int) -> list[bytes]:
    """QEMU's log for runs at these addresses; a negative one stands for a run that was not executed after all."""
    kinds = (b"Stopped execution of TB chain before", b"Trace 0:")
    return [b"%s 0x7f00 [00000000/%08x/00000110/ff000000] f\n" % (kinds[a > 0], abs(a)) for a in addresses]


def test_a_trace_counts_from_each_call_of_the_inference_to_its_return() -> None:
    trace = Trace([(0x10, 0x20), (0x20, 0x30), (0x80, 0x90)], entry=0x10, leaves=(0x80, 0x90))
    assert trace.watched == [(0x10, 0x30), (0x80, 0x90)]
    trace.count(iter([b"other\n", *logged(0x80, 0x20, 0x10, 0x24, 0x24, 0x28, 0x84, 0x20, 0x10, 0x88)]))
    assert trace.calls == [
        Counter({(0x10, 0x24): 1, (0x24, 0x24): 1, (0x24, 0x28): 1, (0x28, 0x84): 1}),
        Counter({(0x10, 0x88): 1}),
    ]


def test_what_qemu_takes_back_is_not_counted() -> None:
    trace = Trace([(0x10, 0x90)], entry=0x10, leaves=(0x80, 0x90))
    trace.count(iter(logged(0x10, 0x24, 0x28, -0x28, 0x28, 0x80)))
    assert trace.calls == [Counter({(0x10, 0x24): 1, (0x24, 0x28): 1, (0x28, 0x80): 1})]
