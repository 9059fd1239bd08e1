"""Damaged .tflite files that kerf accepts: compiled with sanitizers, their outputs equal the oracle's.

Several models become one program, since compiling costs more than running.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import interpreters
import numpy as np

from tools.cores import HOST
from tools.errors import KerfError
from tools.graph.ir import DType
from tools.graph.schedule import GOALS
from tools.inspect import macs
from tools.oracle.signature import read as read_signature
from tools.runtimes import Program, aot

from ._faults import Attack
from ._mutations import mutated
from ._networks import networks
from ._programs import NAME, compiled, equals

TITLE = "damaged .tflite files that are accepted, on the host"
SHORT = 4
CASE_SECONDS = 600.0
MEMORY_BYTES = 2 << 30

MODELS = 10  # in one program
SMALLEST_SCALE = 2.0**-20  # by which all numbers up to 2,048 can be divided
MAX_CONSTANT_BYTES, MAX_ARENA_BYTES, MAX_MACS = 20_000, 1 << 20, 10_000_000  # so that an attack takes seconds


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    networks()
    with interpreters.forked():
        yield attack


def attack(seed: int, kept: Path) -> int:
    rng = random.Random(seed)
    accepted: list[tuple[bytes, Program]] = []
    while len(accepted) < MODELS:
        data = mutated(rng.choice(networks())(), rng)
        try:
            program = aot.lower(data, NAME, HOST, rng.choice(GOALS))
            read_signature(data, NAME)
        except KerfError:
            continue
        if is_small(program) and not has_nan(program) and not overflows(program):
            (kept / f"{len(accepted)}.tflite").write_bytes(data)
            accepted.append((data, program))
    executable = compiled([program for _, program in accepted], kept)
    return sum(
        equals(number, data, program, executable, np.random.default_rng(seed + number))
        for number, (data, program) in enumerate(accepted)
    )


def has_nan(program: Program) -> bool:
    """Whether a constant has a NaN, for which no interpreter defines the integer that it may become."""
    constants = [tensor.data for tensor in program.graph.tensors if tensor.data is not None]
    constants += [tensor.initial for tensor in program.graph.states if tensor.initial is not None]
    return any(array.dtype.kind == "f" and np.isnan(array).any() for array in constants)


def overflows(program: Program) -> bool:
    """Whether a QUANTIZE divides a float by so small a scale that interpreters may convert more than 32 bits to an
    integer: on x86 they get the smallest one, on a Cortex-M, as in kerf, the nearest."""
    graph = program.graph
    made = [graph.output(op) for op in graph.ops if op.kind == "QUANTIZE" and graph.input(op, 0).dtype is DType.FLOAT32]
    return any(output.scale < SMALLEST_SCALE for output in made)


def is_small(program: Program) -> bool:
    graph, plan = program.graph, program.plan
    constants = sum(tensor.bytes for tensor in graph.tensors if tensor.data is not None)
    work = sum(macs(graph, op) for op in graph.ops)
    return (
        constants <= MAX_CONSTANT_BYTES
        and plan is not None
        and plan.arena_bytes <= MAX_ARENA_BYTES
        and work <= MAX_MACS
        and sum(graph.tensors[i].bytes for i in graph.outputs) > 0
    )
