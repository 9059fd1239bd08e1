"""Guards in the arena (--check-arena): where they are, what the user reads, and who cannot have them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from test_plan import schedules

from tools import cores, faults
from tools.errors import UsageError
from tools.graph import guards
from tools.graph.ir import Schedule
from tools.graph.plan import plan
from tools.pipeline import choose
from tools.protocol import Fault
from tools.runtimes import aot
from tools.values import Request

FLATTEN = Path(__file__).with_name("flatten.tflite").read_bytes()
CONV = "conv + flatten (CONV_2D + RESHAPE, firmware/kernels/conv_2d_lean_dsp.h) wrote outside its tensors, to byte "


@settings(max_examples=100, deadline=None)
@given(schedules())
def test_a_byte_is_in_a_guard_or_in_a_live_buffer(schedule: Schedule) -> None:
    found = plan(schedule, guard_bytes=16)
    for step in range(len(schedule.steps)):
        places = [p for p in (*found.tensors.values(), *found.scratch.values()) if p.first <= step <= p.last]
        live = {at for place in places for at in range(place.offset, place.offset + place.bytes)}
        free = [at for begin, end in guards.of(found, step) for at in range(begin, end)]
        assert free == sorted(set(range(found.arena_bytes)) - live)
        assert free[:16] == [*range(16)] and free[-16:] == [*range(found.arena_bytes - 16, found.arena_bytes)]


def test_a_write_is_described_by_the_nearest_buffer() -> None:
    program = aot.lower(FLATTEN, "flatten", cores.find("cortex-m4"), guard_bytes=guards.BYTES)
    assert program.is_guarded and program.plan is not None and program.schedule is not None
    tensors, scratch = program.plan.tensors, program.plan.scratch
    source, output, rows = (tensors[program.graph.inputs[0]], tensors[4], scratch[0, 0])
    names = [program.graph.tensors[i].name for i in (program.graph.inputs[0], 4)]
    for offset, where in {
        rows.offset - 1: "1 before its scratch buffer 0",
        rows.offset + rows.bytes: "1 after its scratch buffer 0",
        output.offset - 3: f"3 before the tensor {names[1]}",
        source.offset + source.bytes + 5: f"6 after the tensor {names[0]}",
        2: "2 after the beginning of the arena",
    }.items():
        assert guards.describe(program.schedule, program.plan, 0, offset) == CONV + where


def test_a_normal_build_has_none() -> None:
    """And the source does not mention them (tests/golden)."""
    program = aot.lower(FLATTEN, "flatten", cores.find("cortex-m4"))
    assert not program.is_guarded
    assert b"uard" not in aot.files(program, mode="int8")["src/model.cpp"]


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (Request(runtime="tflm"), "use --runtime aot, because the library of tflm places them on the device"),
        (Request(target="host", runtime="tflm"), "use --runtime aot, because the library of tflm"),
        (Request(port="socket://there:1", any_firmware=True), "--any-firmware builds nothing: give only one of them"),
    ],
)
def test_who_cannot_have_any(ask: Request, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(replace(ask, check_arena=True))
    assert str(caught.value).startswith("--check-arena ") and sentence in str(caught.value)


def test_the_record_alone_is_a_sentence_too() -> None:
    fault = Fault(faults.OUTSIDE, 1040, 0, 3, 0, 0, 120, 0)
    assert faults.describe_fault(fault) == (
        "write outside a tensor: operator 3, called in line 120, changed byte 1,040 of the arena"
    )
