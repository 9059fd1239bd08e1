"""Firmware that crashes, writes outside its tensors or holds another model, in QEMU: each is named with file and line.

The faults are in the generated model.cpp. A sample selects the fault and the operator in which it happens.
"""

import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import port_project

from tools import bench, files, pipeline, targets
from tools.errors import KerfError
from tools.graph import guards
from tools.pipeline import places
from tools.pipeline.ready import Ready, ready
from tools.runtimes import Program, aot
from tools.values import Request, Target

from . import ROOT, _checkout
from ._faults import Attack

TITLE = "faults in the firmware, in QEMU"
SHORT = 14
CASE_SECONDS = 300.0
MEMORY_BYTES = 2 << 30

MODEL = ROOT / "tests" / "unit" / "flatten.tflite"
SAMPLES = 4
ORDER = b"\xc0\xde"  # how a sample begins that selects a fault; then come the fault's and the operator's number
MISSING_BYTES = 1234
TOOLS = (*_checkout.TOOLS, "riscv64-unknown-elf-g++", "qemu-system-riscv32")
NEEDS = ", ".join(f"{tool} is not installed" for tool in TOOLS if shutil.which(tool) is None)
# Patterns of sentences: {line} is the line of the fault, {caller} that of the operator's call, {op} the operator.
IN_LINE = r"the firmware crashed: {} in src/model\.cpp:{{line}}, called from src/model\.cpp:{{caller}}{}; pc 0x.*"
OUTSIDE = r"{{op}} \(.*\) wrote outside its tensors, to byte 1 {} .*; it is called in line {{caller}} of .*"


def crashed(kind: str, reason: str = "") -> str:
    return IN_LINE.format(kind, f": {reason}" if reason else "")


@dataclass(frozen=True)
class Provoked:
    """A fault: what model.cpp does, and a pattern of the sentence that the user gets; some cores and ports have another
    one (``others``). ``targets`` are those that notice."""

    code: str
    sentence: str
    others: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = tuple(port_project.IN_QEMU)
    build: str = "plain"


# A Cortex-M0 has one exception for all faults.
ON_M0 = {"cortex-m0": crashed("HardFault")}
ASSERTED = r"the firmware crashed: assertion failed in src/model\.cpp:{line}; pc 0x.*"
FAULTS: Mapping[str, Provoked] = {
    "none": Provoked("", ""),
    "undefined instruction": Provoked("__builtin_trap();", crashed("UsageFault", "undefined instruction"), ON_M0),
    "division by zero": Provoked(
        "number = 1000 / number;",
        crashed("UsageFault", "divide by zero"),
        targets=("stm32f4", "mps2-an385", "mps2-an500", "mps3-an547"),
    ),
    "bad address": Provoked(
        "number = *reinterpret_cast<volatile uint32_t*>(0xE8000000);",
        crashed("BusFault", "bus fault at address 0xe8000000"),
        ON_M0,
    ),
    "bad address after a call": Provoked(  # then lr does not tell the caller
        "number = other(step); number = *reinterpret_cast<volatile uint32_t*>(0xE8000004);",
        r"the firmware crashed: BusFault in src/model\.cpp:{line}: bus fault at address 0xe8000004; pc 0x.*",
        {"cortex-m0": r"the firmware crashed: HardFault in src/model\.cpp:{line}; pc 0x.*"},
    ),
    "jump to a bad address": Provoked(  # a tail call keeps lr
        "reinterpret_cast<void (*)()>(0xE8000001)();",
        r"the firmware crashed: (BusFault|MemManage fault) called from src/model\.cpp:({line}|{caller}): .*; pc 0x.*",
        {"cortex-m0": r"the firmware crashed: HardFault called from src/model\.cpp:({line}|{caller}); pc 0x.*"},
    ),
    "abort": Provoked("__builtin_abort();", ASSERTED),
    "assertion": Provoked("assert(number == 1);", ASSERTED),
    "another assertion": Provoked("assert(number == 2);", ASSERTED),
    "stack overflow": Provoked(
        "number = overflow(0);",
        r"the firmware crashed: stack overflow(: [^;]*)?; pc 0x00000000, sp 0x.*",
        {"riscv": r"the firmware crashed: stack overflow in src/model\.cpp:{overflow}; pc 0x.*"},
    ),
    "write before a tensor": Provoked("kerf_arena[kBefore[step]] ^= 1;", OUTSIDE.format("before"), build="guarded"),
    "write behind a tensor": Provoked("kerf_arena[kBehind[step]] ^= 1;", OUTSIDE.format("after"), build="guarded"),
    "arena too small": Provoked(
        "",
        rf"the model could not be set up on the device: the arena is too small: {MISSING_BYTES} bytes are missing.*",
        build="small",
    ),
    "another model": Provoked("", r"the board runs another model \(SHA-256 .*"),
}
PLANTED = """
#undef NDEBUG
#include <assert.h>

static volatile uint32_t number = 0;
static volatile uint32_t endless = 0xFFFFFFFF;

[[gnu::noinline]] static uint32_t overflow(uint32_t depth) {{
    volatile uint32_t block[16];
    block[depth % 16] = depth;
    if (depth == endless) return 0;
    return overflow(depth + 1) + block[3];
}}

[[gnu::noinline]] static uint32_t other(uint32_t n) {{
    return number + n;
}}

[[gnu::noinline]] static void provoke(uint32_t step) {{
    [[maybe_unused]] static const uint32_t kBefore[] = {{ {before} }};
    [[maybe_unused]] static const uint32_t kBehind[] = {{ {behind} }};
    static uint32_t fault, at;
    if (step == 0) {{
        const uint8_t* sample = kerf_arena + {sample};
        const bool is_order = sample[0] == {order[0]} && sample[1] == {order[1]};
        fault = is_order ? sample[2] : 0;
        at = sample[3];
    }}
    if (step != at) return;
    switch (fault) {{
{cases}    }}
}}
"""


def part(seed: int) -> str:
    return list(FAULTS)[seed % len(FAULTS)]


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    cached = places.cache()
    with (
        patch.object(places, "BUILD", folder / "build"),
        patch.object(places, "cache", lambda: cached),
        ExitStack() as stack,
    ):

        @cache
        def built(target: str, build: str) -> Ready:
            """The firmware with all faults; built once, each kind of build in a folder of its own."""
            goal = "ram" if build == "small" else "speed"
            ask = Request(str(MODEL), target=target, samples=SAMPLES, check_arena=build == "guarded", optimize=goal)
            with patch.object(aot, "files", partial(planted, aot.files, build)):
                return stack.enter_context(ready(pipeline.choose(ask), port_project.Silent()))

        yield partial(attack, built)


def planted(usual: Any, build: str, program: Program, **options: Any) -> Mapping[str, bytes]:
    """The model's sources with every fault."""
    plan, schedule = program.plan, program.schedule
    assert plan is not None and schedule is not None
    made = dict(usual(program, **options))
    before, behind = [], []
    for number, step in enumerate(schedule.steps):
        at, free = plan.tensors[step.output].offset, guards.of(plan, number)
        before.append(max((end - 1 for _, end in free if end <= at), default=0))
        behind.append(min((begin for begin, _ in free if begin > at), default=0))
    faults = PLANTED.format(
        before=", ".join(map(str, before)),
        behind=", ".join(map(str, behind)),
        sample=plan.tensors[program.graph.inputs[0]].offset,
        order=ORDER,
        cases="".join(f"        {case(fault)}\n" for fault in FAULTS.values() if fault.code),
    )
    head, mark, tail = made["src/model.cpp"].decode().partition("\n// 0 ")
    text = head + faults + mark + tail
    text = re.sub(r"^static void step(\d+)_\w*\(\) \{$", r"\g<0>\n    provoke(\1);", text, flags=re.MULTILINE)
    if build == "small":
        text = text.replace("setup() { return Status::kOk; }", "setup() { return Status::kArenaTooSmall; }")
        text = text.replace("detail() { return 0; }", f"detail() {{ return {MISSING_BYTES}; }}")
    return made | {"src/model.cpp": text.encode()}


def case(fault: Provoked) -> str:
    return f"case {list(FAULTS.values()).index(fault)}: {fault.code} break;"


def attack(built: Callable[[str, str], Ready], seed: int, kept: Path) -> int:
    rng, fault = random.Random(seed), FAULTS[part(seed)]
    target = targets.find(rng.choice(fault.targets))
    try:
        device = built(target.name, fault.build)
    except KerfError as error:
        raise AssertionError(f"the firmware could not be built: {error}") from error
    program, quantized = device.compiled.program, device.compiled.quantized
    assert program.schedule is not None
    step = rng.randrange(len(program.schedule.steps))
    (kept / "attack.txt").write_text(f"{part(seed)} in operator {step} on {target.name}\n")
    vectors, sha256 = quantized.vectors, quantized.sha256
    if part(seed) == "another model":
        sha256 = files.sha256(b"another")
    if fault.code:
        samples = vectors.inputs[0].copy()
        order = (*ORDER, seed % len(FAULTS), step)
        samples[rng.randrange(len(samples))].reshape(-1).view(np.uint8)[: len(order)] = order
        vectors = replace(vectors, inputs=(samples,))
    try:
        with device.open() as line:
            run = bench.run(line, vectors, sha256, len(program.labels), wanted=device.wanted)
    except KerfError as error:
        pattern = sentence(fault, target, device, step)
        assert pattern and re.fullmatch(pattern, str(error)), f"{error}\ndoes not match {pattern}"
        raise
    assert not fault.sentence, "no error"
    assert bench.compare(vectors, run.outputs) == ()
    return SAMPLES


def sentence(fault: Provoked, target: Target, device: Ready, step: int) -> str:
    """The pattern of the error, with the lines of the sources that were compiled."""
    assert device.built is not None and device.built.rendered.directory is not None
    schedule = device.compiled.program.schedule
    assert schedule is not None
    lines = (device.built.rendered.directory / "src" / "model.cpp").read_text().splitlines()

    def line(begin: str) -> int:
        return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(begin)), 0)

    others = [words for name, words in fault.others.items() if name in (target.core.name, target.port)]
    caller = line(f"if (!stays_inside(step{step}_" if fault.build == "guarded" else f"provoke({step});")
    places = {"line": line(case(fault)), "caller": caller, "overflow": r"\d+"}
    return (others or [fault.sentence])[0].format(**places, op=re.escape(schedule.steps[step].name))
