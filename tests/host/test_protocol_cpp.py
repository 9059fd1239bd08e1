"""firmware/bench, compiled for this machine under sanitizers: its codec against the vector table and random streams,
its two dialects through a real process with a spoiled line in between."""

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tools import bench, protocol
from tools.errors import DeviceError, TransportError
from tools.link import Link
from tools.protocol import Decoder
from tools.transports import Transport, fake, host
from tools.values import Vectors

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
]

HERE = Path(__file__).parent
FIRMWARE = HERE.parent.parent / "firmware"
TABLE = json.loads((HERE.parent / "vectors" / "protocol.json").read_text())
FLAGS = (
    *("-std=gnu++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wundef", "-Wdouble-promotion"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{FIRMWARE}"),
)
SHA256 = "deadbeef00010203" + "00" * 24


def compile_cpp(out: Path, *arguments: str | Path) -> Path:
    command = ["g++", *FLAGS, *map(str, arguments), "-o", str(out)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def wire_test(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], list[str]]:
    program = compile_cpp(
        tmp_path_factory.mktemp("wire") / "wire_test",
        *(FIRMWARE / "bench" / "wire.cpp", FIRMWARE / "bench" / "text.cpp", HERE / "wire_test.cpp"),
    )

    def run(mode: str, given: bytes) -> list[str]:
        result = subprocess.run([program, mode], input=given, capture_output=True)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode().splitlines()

    return run


def expected_lines(stream: bytes) -> list[str]:
    """What wire_test prints for a stream, by the Python decoder."""
    decoder = Decoder()
    text = bytearray()
    frames = []
    for byte in stream:
        frames += decoder.feed(bytes((byte,)))
        text += decoder.text
        decoder.text.clear()
    lines = [f"F {frame.type} {frame.seq} {frame.payload.hex()}" for frame in frames]
    return [*lines, f"B {decoder.bad} {text.hex()}"]


def test_codec_decodes_the_table(wire_test: Callable[[str, bytes], list[str]]) -> None:
    cases = TABLE["streams"]
    lines = iter(wire_test("streams", "".join(case["bytes"] + "\n" for case in cases).encode()))
    for case in cases:
        for f in case["frames"]:
            assert next(lines) == f"F {f['type']} {f['seq']} {f['payload']}", case["name"]
        assert next(lines) == f"B {case['bad']} {case['text']}", case["name"]


def test_codec_encodes_the_table(wire_test: Callable[[str, bytes], list[str]]) -> None:
    frames = [(case["name"], Decoder().feed(bytes.fromhex(case["bytes"]))[0]) for case in TABLE["records"]]
    given = "".join(f"{f.type} {f.seq} {f.payload.hex()}\n" for _, f in frames)
    for case, line in zip(TABLE["records"], wire_test("encode", given.encode()), strict=True):
        assert line == case["bytes"], case["name"]


def test_codec_agrees_with_python_on_random_streams(wire_test: Callable[[str, bytes], list[str]]) -> None:
    rng = random.Random(20)
    wires = [bytes.fromhex(case["bytes"]) for case in TABLE["records"]]
    streams = []
    for _ in range(3000):
        stream = bytearray()
        for _ in range(rng.randrange(1, 8)):
            kind = rng.randrange(4)
            if kind == 0:
                stream += rng.randbytes(rng.randrange(100))
            elif kind == 1:
                stream += bytes(rng.choices((0, 0, 1, 2, 5, 61, 62, 63, 97, 255), k=rng.randrange(80)))
            else:
                wire = bytearray(rng.choice(wires))
                if kind == 3:
                    wire[rng.randrange(len(wire))] = rng.randrange(256)
                    del wire[rng.randrange(len(wire)) :]
                stream += wire
        streams.append(bytes(stream))
    expected = [line for stream in streams for line in expected_lines(stream)]
    assert sum(line.startswith("F") for line in expected) > 2000
    assert wire_test("streams", b"".join(stream.hex().encode() + b"\n" for stream in streams)) == expected


def test_milli_is_printf(wire_test: Callable[[str, bytes], list[str]]) -> None:
    rng = np.random.default_rng(3)
    words = np.concatenate(
        [
            rng.integers(0, 2**32, 50_000, dtype=np.uint64).astype(np.uint32),
            (rng.integers(-(2**20), 2**20, 20_000) / 2048).astype(np.float32).view(np.uint32),  # many ties
            np.array([0, 1, 0.9995, 0.99949, 1e-30, -0.0, -0.0001, 0.0005, 3.4e38, np.inf, -np.inf], np.float32).view(
                np.uint32
            ),
        ]
    )
    values = [float(value) for value in words.view(np.float32) if not np.isnan(value)]
    lines = wire_test("milli", np.array(values, np.float32).tobytes())
    assert lines == [f"{value:.3f}" for value in values]
    assert wire_test("milli", np.array([np.nan], np.float32).tobytes()) == ["nan"]


def test_integers_are_printed(wire_test: Callable[[str, bytes], list[str]]) -> None:
    values = [0, 9, 10, 2**32 - 1, 2**64 - 1]
    assert wire_test("numbers", struct.pack("<5Q", *values)) == [str(value) for value in values]


def build_fake(folder: Path, status: str = "kOk", mlperf_id: str = "fake01", encoding: str = "kAsIs") -> Path:
    """The whole firmware for this machine, with fake_model.cpp."""
    defines = (
        f"-DFAKE_SETUP_STATUS=Status::{status}",
        f'-DFAKE_MLPERF_ID="{mlperf_id}"',
        f"-DFAKE_DB_ENCODING=DbEncoding::{encoding}",
    )
    sources = sorted((FIRMWARE / "bench").glob("*.cpp"))
    return compile_cpp(
        folder / "fake.elf", *defines, *sources, FIRMWARE / "ports/host/main.cpp", HERE / "fake_model.cpp"
    )


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake(tmp_path_factory.mktemp("fake"))


@pytest.fixture
def device(firmware: Path) -> Iterator[host.ChildTransport]:
    with host.open(firmware) as transport:
        yield transport


def make_vectors(samples: int, seed: int = 0) -> Vectors:
    """Inputs for fake_model.cpp and what it must answer."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-90, 90, (samples, 130), dtype=np.int8)
    offset = rng.integers(-30, 30, (samples, 3), dtype=np.int8)
    outputs = (image[:, ::-1] + offset[:, :1], image.sum(axis=1, dtype=np.int32).reshape(samples, 1))
    return Vectors((image, offset), outputs, None, (), "by hand", True)


def test_run_over_a_clean_line(device: Transport) -> None:
    vectors = make_vectors(25)
    run = bench.run(device, vectors, SHA256, 2)
    assert bench.compare(vectors, run.outputs) == ()
    assert run.retries == 0
    assert (run.clock.unit, run.clock.hz) == ("us", 1_000_000)
    assert run.invoke.n == 25
    assert run.per_op is not None
    assert len(run.per_op) == 2
    assert run.arena_bytes == 263


@pytest.mark.parametrize("kind", ["drop", "garble", "duplicate", "delay", "banner"])
def test_run_over_a_spoiled_line(device: Transport, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.link.FIRST_WAIT_SECONDS", 0.03)
    vectors = make_vectors(12)
    line = fake.Unreliable(device, fake.Faults(**{kind: 0.08}), seed=5)
    run = bench.run(line, vectors, SHA256, 2)
    assert line.injected > 5
    assert bench.compare(vectors, run.outputs) == ()


@pytest.mark.parametrize("write", [3, 4, 5, 6, 7, 8])
def test_reset_in_the_middle_of_a_sample(device: Transport, write: int) -> None:
    """The reset comes before each of a sample's requests in turn; other hosts' bytes come along."""
    vectors = make_vectors(4)

    def reset() -> None:
        device.write(b"rubbish" + protocol.encode(protocol.Reset(), 200))

    line = fake.Unreliable(device, fake.Faults(before={write: reset}))
    run = bench.run(line, vectors, SHA256, 2)
    assert bench.compare(vectors, run.outputs) == ()
    assert run.retries >= 1


def test_garbage_to_the_device_costs_nothing_but_a_retry(device: Transport) -> None:
    rng = random.Random(1)
    vectors = make_vectors(2)
    for _ in range(20):
        device.write(rng.randbytes(rng.randrange(500)).replace(b"%", b"$"))
    run = bench.run(device, vectors, SHA256, 2)
    assert bench.compare(vectors, run.outputs) == ()


def test_a_repeated_request_is_not_carried_out_twice(device: Transport) -> None:
    Link(device).hello()
    wire = protocol.encode(protocol.Calibrate(1), 9)
    decoder = Decoder()
    device.write(wire + wire + wire)
    frames: list[protocol.Frame] = []
    while len(frames) < 3:
        frames += [frame for frame in decoder.feed(device.read(5.0)) if frame.seq == 9]
    assert frames[0] == frames[1] == frames[2]


def test_requests_need_a_session(device: Transport) -> None:
    with pytest.raises(DeviceError, match="say hello first"):
        Link(device).ask(protocol.AskStats(), protocol.Stats)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (protocol.Write(2, 0, b"x"), "no such input"),
        (protocol.Write(0, 130, b"x"), "beyond the end"),
        (protocol.Write(0, 0xFFFFFFFF, b"xy"), "beyond the end"),
        (protocol.Read(protocol.OUTPUT, 2, 0, 1), "no such object"),
        (protocol.Read(protocol.OUTPUT, 0, 131, 1), "no such object"),
        (protocol.Read(9, 0, 0, 1), "no such object"),
        (protocol.Calibrate(0), "turns must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(device: Transport, request_: protocol.Message, why: str) -> None:
    link = Link(device)
    link.hello()
    with pytest.raises(DeviceError, match=why):
        link.ask(request_, protocol.Done)


def test_texts_and_tensors_can_be_read(device: Transport) -> None:
    link = Link(device)
    link.hello()

    def read(kind: int, index: int) -> bytes:
        return link.ask(protocol.Read(kind, index, 0, 55), protocol.Data).data

    assert [read(protocol.TEXT, i) for i in range(4)] == [b"fake", b"fake01", b"aot", b"portable"]
    assert struct.unpack("<IBfi", read(protocol.INPUT_INFO, 0)) == (130, protocol.DTYPES.index("int8"), 0.5, -3)
    assert struct.unpack("<IBfi", read(protocol.OUTPUT_INFO, 1)) == (4, protocol.DTYPES.index("int32"), 0.0, 0)


def test_another_model_is_named(device: Transport) -> None:
    with pytest.raises(DeviceError, match=r"runs another model .*: flash it again"):
        bench.run(device, make_vectors(1), "00" * 32, 2)


def test_a_fault_ends_the_run_in_words(device: Transport) -> None:
    vectors = make_vectors(3)
    vectors.inputs[0][1, 0] = 99
    with pytest.raises(DeviceError, match=r"crashed: BusFault at pc 0x08000123 .*bus fault at address 0x60000000"):
        bench.run(device, vectors, SHA256, 2)


def test_a_failed_inference_is_named(device: Transport) -> None:
    vectors = make_vectors(1)
    vectors.inputs[0][0, 0] = 98
    with pytest.raises(DeviceError, match="the inference failed: operator 42 failed"):
        bench.run(device, vectors, SHA256, 2)


def test_a_failed_setup_is_named(tmp_path: Path) -> None:
    with (
        host.open(build_fake(tmp_path, "kArenaTooSmall")) as device,
        pytest.raises(DeviceError, match="could not be set up on the device: the arena is too small: 42 bytes"),
    ):
        bench.run(device, make_vectors(1), SHA256, 2)


def test_a_killed_device_is_named_soon(device: host.ChildTransport) -> None:
    line = fake.Unreliable(device, fake.Faults(before={9: lambda: os.kill(device.pid, signal.SIGKILL)}))
    begin = time.monotonic()
    with pytest.raises(TransportError, match=r"fake.elf was killed by SIGKILL"):
        bench.run(line, make_vectors(50), SHA256, 2)
    assert time.monotonic() - begin < 10


def say(device: Transport, command: str) -> list[str]:
    """The lines of a reply, without m-ready."""
    device.write(command.encode("latin-1"))
    reply = b""
    while not reply.endswith(b"m-ready\r\n"):
        part = device.read(5.0)
        assert part, reply
        reply += part
    return reply.decode().split("\r\n")[:-2]


def load(device: Transport, data: bytes) -> list[str]:
    """Fills the buffer as the MLCommons runner does, 31 bytes at a time."""
    assert say(device, f"db load {len(data)}%") == [f"m-[Expecting {len(data)} bytes]"]
    replies = [say(device, f"db {data[at : at + 31].hex()}%") for at in range(0, len(data), 31)]
    assert all(reply == [] for reply in replies[:-1])
    return replies[-1]


def settle(device: Transport) -> None:
    """Reads past the boot lines: they come or not, depending on when the client was there."""
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


def test_dialects_take_turns(device: Transport) -> None:
    vectors = make_vectors(3)
    for _ in range(3):
        run = bench.run(device, vectors, SHA256, 2)
        assert bench.compare(vectors, run.outputs) == ()
        assert run.retries == 0
        assert say(device, "name%") == ["m-name-dut-[kerf]"]
        device.write(b"\0\x05half a frame, then\0")  # a stray delimiter must not swallow the next command
        assert say(device, "profile%")[1] == "m-model-[fake01]"


def test_random_bytes_never_hurt_the_firmware(device: host.ChildTransport) -> None:
    """Sanitizers watch; the process would die with its report."""
    rng = random.Random(7)
    wires = [bytes.fromhex(case["bytes"]) for case in TABLE["records"] if case["record"] != "Reset"]
    for _ in range(300):
        stream = bytearray(rng.choice((*wires, b"db load 99%db ", b"infer 1%", b"infer 0 0%results%db print%")))
        for _ in range(rng.randrange(4)):
            stream.insert(rng.randrange(len(stream) + 1), rng.randrange(256))
        device.write(bytes(stream))
        device.read(0.0)
    assert device.alive() is None
    assert Link(device).hello().ops == 2
