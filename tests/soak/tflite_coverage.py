"""Damaged .tflite files, guided by which code of kerf they reach: each attack is a run of libFuzzer."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.files import sha256

from . import ROOT
from ._faults import Attack
from ._networks import networks

TITLE = "damaged .tflite files, guided by coverage"
NEEDS = "" if importlib.util.find_spec("atheris") else "atheris is not installed: .venv/bin/pip install atheris"
SHORT = 1
CASE_SECONDS = 1200.0
MEMORY_BYTES = 1 << 30

RUNS = 2000  # in one attack
OPTIONS = ("-max_len=200000", "-timeout=30", "-rss_limit_mb=2048", "-print_final_stats=1", "-close_fd_mask=1")


@contextmanager
def attacks(folder: Path) -> Iterator[Attack]:
    corpus = folder / "corpus"  # grows from run to run
    corpus.mkdir(exist_ok=True)
    for network in networks()[::8]:
        data = network()
        (corpus / sha256(data)[:16]).write_bytes(data)
    yield partial(attack, corpus)


def attack(corpus: Path, seed: int, kept: Path) -> int:
    command = [sys.executable, "-m", "soak._guided", *OPTIONS, f"-seed={seed}", f"-runs={RUNS}"]
    search = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    with (kept / "said.txt").open("wb") as said:
        done = subprocess.run(
            [*command, f"-artifact_prefix={kept}/", str(corpus)],
            env={**os.environ, "PYTHONPATH": search},
            cwd=ROOT,
            stdout=said,
            stderr=said,
        )
    output = (kept / "said.txt").read_text(errors="replace")
    assert done.returncode == 0, output[-4000:]
    return RUNS
