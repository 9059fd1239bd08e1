"""Builds firmware/bench for this machine with sanitizers: parts with wire_test.cpp, or all with fake_model.cpp."""

import json
import subprocess
from pathlib import Path

import numpy as np

from tools.transports import Transport
from tools.values import Vectors

HERE = Path(__file__).parent
FIRMWARE = HERE.parent.parent / "firmware"
TABLE = json.loads((HERE.parent / "vectors" / "protocol.json").read_text())
FLAGS = (
    *("-std=gnu++17", "-Og", "-g1", "-Wall", "-Wextra", "-Werror", "-Wundef", "-Wdouble-promotion"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{FIRMWARE}"),
)
SHA256 = "deadbeef00010203" + "00" * 24


def compile_cpp(out: Path, *arguments: str | Path) -> Path:
    command = ["g++", *FLAGS, *map(str, arguments), "-o", str(out)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return out


def build_fake(
    folder: Path,
    status: str = "kOk",
    mlperf_id: str = "fake01",
    encoding: str = "kAsIs",
    dtype: str = "kInt8",
    keeps_state: bool = False,
    reset: str = "kOk",
    instead: Path | None = None,
) -> Path:
    """The whole firmware for this machine, with fake_model.cpp; ``dtype`` is that of input 0. Headers in the folder
    ``instead`` are included instead of firmware/'s."""
    defines = (
        *([f"-iquote{instead}"] if instead else []),
        f"-DFAKE_SETUP_STATUS=Status::{status}",
        f'-DFAKE_MLPERF_ID="{mlperf_id}"',
        f"-DFAKE_DB_ENCODING=DbEncoding::{encoding}",
        f"-DFAKE_DTYPE=DType::{dtype}",
        f"-DFAKE_KEEPS_STATE={str(keeps_state).lower()}",
        f"-DFAKE_RESET_STATUS=Status::{reset}",
    )
    sources = sorted((FIRMWARE / "bench").glob("*.cpp"))
    return compile_cpp(
        folder / "fake.elf", *defines, *sources, FIRMWARE / "ports/host/main.cpp", HERE / "fake_model.cpp"
    )


def make_vectors(samples: int, seed: int = 0, in_sequence: bool = False) -> Vectors:
    """Inputs for fake_model.cpp and the outputs that it must give; ``in_sequence`` if it keeps state."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-90, 90, (samples, 130), dtype=np.int8)
    offset = rng.integers(-30, 30, (samples, 3), dtype=np.int8)
    sums = image.sum(axis=1, dtype=np.int32) + (np.arange(samples, dtype=np.int32) if in_sequence else 0)
    outputs = (image[:, ::-1] + offset[:, :1], sums.astype(np.int32).reshape(samples, 1))
    return Vectors((image, offset), outputs, None, (), "by hand", True, in_sequence)


def say(device: Transport, command: str) -> list[str]:
    """The lines of a reply, without m-ready."""
    device.write(command.encode("latin-1"))
    reply = b""
    while not reply.endswith(b"m-ready\r\n"):
        part = device.read(5.0)
        assert part, reply
        reply += part
    return reply.decode().split("\r\n")[:-2]
