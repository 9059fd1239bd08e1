"""The firmware's codec and text writer against the vector table, Python's printf and random streams."""

import random
import shutil
import struct
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from bench_firmware import FIRMWARE, HERE, TABLE, compile_cpp

from tools.protocol import Decoder

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
]


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
