"""Runs firmware.robot under renode-test with the demo's firmware; its python3 is the one that runs this test."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools import pipeline
from tools.transports import renode

pytestmark = [pytest.mark.renode, pytest.mark.tf]

SUITE = Path(__file__).with_name("firmware.robot")
DB_BYTES = 31  # per `db` command, as the MLPerf Tiny runner sends them


def test_the_firmware_in_renode_test(program: Path, built: pipeline.Built, tmp_path: Path) -> None:
    runner = shutil.which("renode-test", path=str(program.parent)) or shutil.which("renode-test")
    if runner is None:
        pytest.skip("renode-test is not beside renode and not on PATH")
    for package in ("robot", "psutil", "yaml"):
        pytest.importorskip(package, reason=f"renode-test needs the package {package}: pip install -e .[dev]")
    # renode-test runs `python3`; that of a virtual environment is only first on PATH where it has been activated.
    own_python = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
    settings = built.rendered.target.emulators["renode"].settings
    for name, data in renode.machine(built.image.elf, settings, port=1).items():
        (tmp_path / name).write_bytes(data)
    results = tmp_path / "results"
    results.mkdir()
    vectors = tmp_path / "vectors.json"
    vectors.write_text(json.dumps(ten_digits(built)))
    variables = {
        "ELF": tmp_path / "firmware.elf",
        "REPL": tmp_path / "platform.repl",
        "UART": settings["uart"],
        "VECTORS": vectors,
    }
    assert not any(" " in str(value) for value in variables.values())  # Renode's monitor splits there
    command = [runner, str(SUITE), "-r", str(results)]
    for name, value in variables.items():
        command += ["--variable", f"{name}:{value}"]
    environment = os.environ | own_python
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ten_digits(built: pipeline.Built) -> dict[str, Any]:
    """One sample of each class that the oracle gets right, as commands."""
    vectors = built.rendered.compiled.quantized.vectors
    assert vectors.labels is not None
    right = np.argmax(vectors.expected[0].reshape(vectors.samples, -1), axis=1) == vectors.labels
    digits = []
    for label in range(10):
        sample = int(np.flatnonzero(right & (vectors.labels == label))[0])
        data = vectors.inputs[0][sample].tobytes()
        chunks = [data[at : at + DB_BYTES].hex() for at in range(0, len(data), DB_BYTES)]
        digits.append({"class": label, "commands": [f"db load {len(data)}", *(f"db {chunk}" for chunk in chunks)]})
    return {"model": built.image.project.model, "digits": digits}
