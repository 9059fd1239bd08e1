"""The MLPerf-Tiny-compatible dialect of the firmware, as the MLCommons runner speaks it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bench_firmware import build_fake, say

from tools.transports import Transport, host

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
]


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake(tmp_path_factory.mktemp("fake"))


@pytest.fixture
def device(firmware: Path) -> Iterator[host.ChildTransport]:
    with host.open(firmware) as transport:
        yield transport


def load(device: Transport, data: bytes) -> list[str]:
    """Fills the buffer as the MLCommons runner does, 31 bytes at a time."""
    assert say(device, f"db load {len(data)}%") == [f"m-[Expecting {len(data)} bytes]"]
    replies = [say(device, f"db {data[at : at + 31].hex()}%") for at in range(0, len(data), 31)]
    assert all(reply == [] for reply in replies[:-1])
    return replies[-1]


def settle(device: Transport) -> None:
    """Skips the boot lines, which only arrive if the client connected in time."""
    device.write(b"name%")
    seen = b""
    while b"m-name-dut-[kerf]\r\nm-ready\r\n" not in seen:
        part = device.read(5.0)
        assert part, seen
        seen += part


@pytest.fixture
def ascii_device(device: Transport) -> Transport:
    settle(device)
    return device


def test_mlperf_commands(ascii_device: Transport) -> None:
    device = ascii_device
    assert say(device, "name%") == ["m-name-dut-[kerf]"]
    assert say(device, "profile%") == ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[fake01]"]
    assert re.fullmatch(r"m-lap-us-\d+", *say(device, "timestamp%"))
    assert "db load BYTES%" in " ".join(say(device, "help%"))
    assert say(device, "nonsense 1 2%") == ["e-[Unknown command: nonsense]"]
    assert say(device, "db load 0%") == ["e-[Command 'db load' must be >0 bytes]"]
    assert say(device, "db load 65537%") == ["e-[The buffer takes at most 65536 bytes]"]
    assert say(device, "infer 1 0%") == ["e-[The model takes 130 bytes, the buffer holds 0]"]
    assert say(device, "infer 0%") == ["e-[Command 'infer' needs a number of inferences above 0]"]
    assert say(device, "db load 2%") == ["m-[Expecting 2 bytes]"]
    assert say(device, "db 012%") == ["e-[Insufficent number of hex digits]"]
    assert say(device, "db 0g%") == ["e-[Invalid hex digit '0g']"]
    assert say(device, "db aAfF00%") == ["m-load-done"]
    assert say(device, "db 00%") == []
    assert say(device, "db print%") == ["m-buffer-aa-ff"]
    assert say(device, "\xff\n% \r\nname%") == ["m-name-dut-[kerf]"]
    assert say(device, "x" * 200 + "%") == ["e-[Unknown command: " + "x" * 80 + "]"]


def test_mlperf_inference(ascii_device: Transport) -> None:
    image = np.arange(-60, 70, dtype=np.int8)
    assert load(ascii_device, image.tobytes()) == ["m-load-done"]
    printed = say(ascii_device, "db print%")
    assert printed[0] == "m-buffer-c4-c5-c6-c7-c8-c9-ca-cb"
    assert (
        bytes.fromhex("".join(line.removeprefix("m-buffer-").replace("-", "") for line in printed)) == image.tobytes()
    )
    lines = say(ascii_device, "infer 3 2%")
    pattern = [
        *("m-warmup-start-2", "m-warmup-done", "m-infer-start-3", r"m-lap-us-\d+", r"m-lap-us-\d+", "m-infer-done"),
        r"m-results-\[.*\]",
    ]
    assert len(lines) == len(pattern)
    assert all(map(re.fullmatch, pattern, lines))
    # Input 1 holds what the previous inference left in it.
    expected = [
        (int(np.int8(value + 0x55 - 256 if value + 0x55 > 127 else value + 0x55)) + 128) / 256
        for value in image[::-1].astype(int)
    ]
    assert lines[-1] == "m-results-[" + ",".join(f"{value:.3f}" for value in expected) + "]"
    assert say(ascii_device, "results%") == [lines[-1]]
    assert say(ascii_device, "infer%")[0] == "m-warmup-start-10"


# What fake_model.cpp makes of an input image (scale 0.5, zero point -3) when input 1 is still 0.
def dequantized_output(image: np.ndarray) -> np.ndarray:
    return (image[::-1].astype(np.float64) + 128) / 256


def results(*values: float) -> str:
    return "m-results-[" + ",".join(f"{value:.3f}" for value in values) + "]"


def test_mlperf_pixels_become_int8(tmp_path: Path) -> None:
    pixels = np.arange(126, 256, dtype=np.uint8)
    with host.open(build_fake(tmp_path, encoding="kUint8ToInt8")) as device:
        settle(device)
        load(device, pixels.tobytes())
        image = (pixels.astype(int) - 128).astype(np.int8)
        assert say(device, "infer 1 0%")[-1] == results(*dequantized_output(image))


@pytest.mark.parametrize("mlperf_id", ["ad01", "fake01"])
def test_mlperf_float32_is_quantized(tmp_path: Path, mlperf_id: str) -> None:
    reals = np.linspace(-70, 70, 130, dtype=np.float32)  # beyond int8 at both ends
    with host.open(build_fake(tmp_path, mlperf_id=mlperf_id, encoding="kFloat32")) as device:
        settle(device)
        load(device, reals.tobytes())
        halves_away = np.sign(reals) * np.floor(np.abs(reals / np.float32(0.5)) + 0.5)
        image = np.clip(halves_away - 3, -128, 127).astype(np.int8)
        output = dequantized_output(image)
        (said,) = say(device, "infer 1 0%")[-1:]
        if mlperf_id == "fake01":
            assert said == results(*output)
        else:
            # One float32 sum of 130 squares: its last digit may differ from the exact one.
            mean_square_error = float(np.mean((reals.astype(np.float64) - output) ** 2))
            assert float(said.removeprefix("m-results-[").removesuffix("]")) == pytest.approx(
                mean_square_error, rel=1e-5
            )


@pytest.mark.parametrize(("dtype", "type_"), [("kInt8", np.int8), ("kUint8", np.uint8), ("kInt16", np.int16)])
def test_mlperf_float32_is_clamped_to_the_input(tmp_path: Path, dtype: str, type_: type) -> None:
    """Values beyond both ends of the type; NaN becomes the lowest value."""
    limits = np.iinfo(type_)
    ends = np.array([np.nan, -np.inf, np.inf, -1e9, 1e9, 0, 1, -1, 60, 100], np.float32)
    reals = np.resize(ends, 130 // np.dtype(type_).itemsize)
    steps = np.where(np.isnan(reals), -np.inf, reals) * 2 - 3
    image = np.clip(steps, limits.min, limits.max).astype(type_).view(np.int8)
    with host.open(build_fake(tmp_path, encoding="kFloat32", dtype=dtype)) as device:
        settle(device)
        load(device, reals.tobytes())
        assert say(device, "infer 1 0%")[-1] == results(*dequantized_output(image))
