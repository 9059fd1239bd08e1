"""Bytes for the firmware's decoder, guided by which code they reach: an attack is a run of libFuzzer, with sanitizers.

Frames in between must arrive whole, whatever comes before them.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench_firmware import FIRMWARE, HERE

from ._faults import Attack

TITLE = "streams of bytes for the firmware's decoder, guided by coverage"
NEEDS = "" if shutil.which("clang++") else "clang is not installed: sudo apt-get install clang"
SHORT = 1
CASE_SECONDS = 600.0
MEMORY_BYTES = 1 << 30

RUNS = 100_000  # in one attack
FLAGS = ("-std=gnu++17", "-O1", "-g", "-fno-sanitize-recover=all", "-fsanitize=fuzzer,address,undefined")
OPTIONS = ("-max_len=600", "-timeout=10", "-rss_limit_mb=1024")


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    corpus = folder / "corpus"  # grows from run to run
    corpus.mkdir(exist_ok=True)
    program = folder / "wire_fuzzer"
    sources = [FIRMWARE / "bench" / "wire.cpp", HERE / "wire_fuzzer.cpp"]
    subprocess.run(["clang++", *FLAGS, f"-I{FIRMWARE}", *sources, "-o", program], check=True)
    yield partial(attack, program, corpus)


def attack(program: Path, corpus: Path, seed: int, kept: Path) -> int:
    done = subprocess.run(
        [program, *OPTIONS, f"-seed={seed}", f"-runs={RUNS}", f"-artifact_prefix={kept}/", corpus],
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    return RUNS
