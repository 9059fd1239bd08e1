"""Damaged .tflite files, read and compiled for every kind of core: each compiles, or an error says what is wrong."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools import inspect
from tools.cores import HOST, find
from tools.errors import ModelError
from tools.graph import check, read
from tools.graph.schedule import GOALS
from tools.oracle import signature
from tools.runtimes import aot
from tools.strip import strip

from ._faults import Attack
from ._mutations import mutated
from ._networks import networks

TITLE = "damaged .tflite files"
SHORT = 500
CASE_SECONDS = 5.0
MEMORY_BYTES = 1 << 30

CORES = (HOST, *map(find, ("cortex-m0", "cortex-m4", "cortex-m55", "rv32imac")))


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    networks()
    yield attack


def damaged(seed: int) -> bytes:
    """The file of an attack."""
    rng = random.Random(seed)
    return mutated(rng.choice(networks())(), rng)


def attack(seed: int, kept: Path) -> int:
    data = damaged(seed)
    (kept / "model.tflite").write_bytes(data)
    compile_or_refuse(data, random.Random(seed))
    return 1


def compile_or_refuse(data: bytes, rng: random.Random) -> None:
    """Everything that kerf does with a file before running it; KerfError if kerf refuses the file."""
    with suppress(ModelError):
        signature.read(data, "damaged")
        signature.last_operator(data, "damaged")
        strip(data, "damaged")
    graph = read.read(data, "damaged")
    inspect.inspect(graph, None, refusals={"aot": check.why_not(graph)})
    signature.read(data, "damaged")
    program = aot.lower(data, "damaged", rng.choice(CORES), rng.choice(GOALS))
    inspect.inspect(program.graph, program.plan)
    aot.files(program, mode="file")
