"""The firmware's bench as a real process, driven by the host's bench over a line with every kind of fault."""

import os
import random
import shutil
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench_firmware import SHA256, TABLE, build_fake, make_vectors, say

from tools import bench, protocol
from tools.errors import DeviceError, TransportError
from tools.link import InputsLost, Link
from tools.protocol import Decoder, Done
from tools.transports import Transport, fake, host
from tools.values import Identity

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


def test_an_instrument_sees_each_inference_once(tmp_path: Path) -> None:
    """Not those of the profile, which take longer; and the pin is low before the first one."""
    log, header = tmp_path / "pin", tmp_path / "port" / "busy.h"
    header.parent.mkdir()
    header.write_text(
        "#pragma once\n#include <stdio.h>\nnamespace kerf::port {\ninline void set_busy(bool busy) {\n"
        f"    FILE* file = fopen(\"{log}\", \"a\");\n    fputc(busy ? '1' : '0', file);\n    fclose(file);\n}}\n}}\n"
    )
    with host.open(build_fake(tmp_path, instead=tmp_path)) as device:
        bench.run(device, make_vectors(4), SHA256, 2, profile_runs=2)
    assert log.read_text() == "0" + "10" * 4 + "00" * 2


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
    """The device is reset before each of a sample's requests in turn; bytes of other hosts arrive in between."""
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


INT8, INT32 = 1, 4  # of model.h's DType


def test_texts_and_tensors_can_be_read(device: Transport) -> None:
    link = Link(device)
    link.hello()

    def read(kind: int, index: int) -> bytes:
        return link.ask(protocol.Read(kind, index, 0, 55), protocol.Data).data

    texts = [b"fake", b"fake01", b"aot", b"portable", b"fake board", b"fake-core", b"0123456789abcdef"]
    assert [read(protocol.TEXT, i) for i in range(7)] == texts
    with pytest.raises(DeviceError, match="no such object"):
        read(protocol.TEXT, 7)
    assert struct.unpack("<IBfi", read(protocol.INPUT_INFO, 0)) == (130, INT8, 0.5, -3)
    assert struct.unpack("<IBfi", read(protocol.OUTPUT_INFO, 1)) == (4, INT32, 0.0, 0)


@pytest.fixture(scope="module")
def stateful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake(tmp_path_factory.mktemp("stateful"), keeps_state=True)


def test_state_begins_anew_with_every_run(stateful: Path) -> None:
    vectors = make_vectors(9, in_sequence=True)
    with host.open(stateful) as device:
        for _ in range(2):
            run = bench.run(device, vectors, SHA256, 2)
            assert bench.compare(vectors, run.outputs) == ()
            assert run.retries == 0


@pytest.mark.parametrize("seed", [5, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(100, 120))])
@pytest.mark.parametrize("kind", ["drop", "garble", "duplicate", "delay", "banner"])
def test_a_spoiled_line_does_not_disturb_a_sequence(
    stateful: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.link.FIRST_WAIT_SECONDS", 0.03)
    vectors = make_vectors(12, in_sequence=True)
    with host.open(stateful) as device:
        line = fake.Unreliable(device, fake.Faults(**{kind: 0.15}), seed=seed)
        run = bench.run(line, vectors, SHA256, 2)
    assert line.injected > 5
    assert bench.compare(vectors, run.outputs) == ()


@pytest.mark.parametrize("write", [5, 9, 14, 20])
def test_a_restart_begins_the_sequence_again(stateful: Path, write: int) -> None:
    vectors = make_vectors(4, in_sequence=True)
    with host.open(stateful) as device:
        reset = protocol.encode(protocol.Reset(), 200)
        line = fake.Unreliable(device, fake.Faults(before={write: lambda: device.write(reset)}))
        run = bench.run(line, vectors, SHA256, 2)
    assert bench.compare(vectors, run.outputs) == ()
    assert run.retries >= 1


def test_state_that_cannot_be_reset_is_named(tmp_path: Path) -> None:
    firmware = build_fake(tmp_path, keeps_state=True, reset="kBadModel")
    with host.open(firmware) as device, pytest.raises(DeviceError, match="the model's state could not be reset"):
        bench.run(device, make_vectors(2, in_sequence=True), SHA256, 2)


LAYERS = (np.zeros(130, np.int8), np.zeros(1, np.int32))


@pytest.mark.parametrize("kind", ["drop", "garble", "duplicate", "delay", "banner"])
def test_capture_over_a_spoiled_line(device: Transport, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outputs of the fake's two operators are those of the model."""
    monkeypatch.setattr("tools.link.FIRST_WAIT_SECONDS", 0.03)
    vectors = make_vectors(15)
    line = fake.Unreliable(device, fake.Faults(**{kind: 0.08}), seed=5)
    rows, _ = bench.capture(line, vectors.inputs, LAYERS, SHA256)
    assert line.injected > 3
    assert bench.compare(vectors, tuple(np.stack(column) for column in zip(*rows, strict=True))) == ()


def test_a_paused_firmware_starts_nothing_else(device: Transport) -> None:
    link = Link(device)
    link.hello()
    crc = zlib.crc32(bytes(133))
    paused = link.ask(protocol.Capture(0, crc), protocol.Paused)
    assert (paused.op, paused.bytes, paused.crc32) == (0, 130, zlib.crc32(bytes(130)))
    device.write(b"infer 1 0%name%")
    for request in (protocol.Write(0, 0, b"x"), protocol.Invoke(0, crc), protocol.Capture(0, crc)):
        with pytest.raises(DeviceError, match=r"an inference is paused \(code 8, detail 0\)"):
            link.ask(request, Done)
    with pytest.raises(DeviceError, match="no such operator"):
        link.ask(protocol.Resume(2), protocol.Paused)
    assert link.ask(protocol.AskStats(), protocol.Stats).arena_bytes == 263
    assert link.ask(protocol.Resume(1), protocol.Paused).bytes == 4
    assert link.ask(protocol.Read(protocol.PAUSED_OUTPUT, 0, 2, 55), protocol.Data).data == bytes(2)
    assert link.ask(protocol.Resume(protocol.NO_OP), Done).status == 0
    for request in (protocol.Resume(0), protocol.Read(protocol.PAUSED_OUTPUT, 0, 0, 1)):
        with pytest.raises(DeviceError, match=r"no inference is paused|no such object"):
            link.ask(request, protocol.Paused)
    assert say(device, "name%") == ["m-name-dut-[kerf]"], "what was said during the pause is gone"


def test_a_new_session_abandons_a_paused_inference(device: Transport) -> None:
    link = Link(device)
    link.hello()
    link.ask(protocol.Capture(0, zlib.crc32(bytes(133))), protocol.Paused)
    vectors = make_vectors(3)
    run = bench.run(device, vectors, SHA256, 2)
    assert bench.compare(vectors, run.outputs) == ()
    assert run.retries == 0


def test_capture_wants_the_right_inputs_and_an_operator_that_is(device: Transport) -> None:
    link = Link(device)
    link.hello()
    with pytest.raises(InputsLost):
        link.ask(protocol.Capture(0, 1), protocol.Paused)
    with pytest.raises(DeviceError, match="no such operator"):
        link.ask(protocol.Capture(2, zlib.crc32(bytes(133))), protocol.Paused)


def test_which_firmware_it_is(device: Transport) -> None:
    vectors, who = make_vectors(1), Identity("fake board", "fake-core", "aot", "0123456789abcdef", "portable")
    run = bench.run(device, vectors, SHA256, 2, wanted=who)
    assert run.identity == who and run.identity.kernels == "portable"
    with pytest.raises(DeviceError, match=r"as expected, but built from other sources"):
        bench.run(device, vectors, SHA256, 2, wanted=replace(who, build="0"))


def test_a_kerf_of_another_version_is_told_the_firmwares(device: Transport) -> None:
    for version in (protocol.VERSION - 1, protocol.VERSION + 1):
        device.write(protocol.encode(protocol.Hello(version, 7), 3))
        decoder, frames = Decoder(), []
        while not frames:
            frames = [protocol.parse(frame) for frame in decoder.feed(device.read(5.0)) if frame.seq == 3]
        assert frames == [protocol.Refusal(protocol.BAD_VERSION, protocol.VERSION, b"other protocol version")]


def test_another_model_is_named(device: Transport) -> None:
    with pytest.raises(DeviceError, match=r"runs another model .*: flash it again"):
        bench.run(device, make_vectors(1), "00" * 32, 2)


def test_a_fault_ends_the_run_in_words(device: Transport) -> None:
    vectors = make_vectors(3)
    vectors.inputs[0][1, 0] = 99
    with pytest.raises(DeviceError, match=r"crashed: BusFault: bus fault at address 0x60000000; pc 0x08000123"):
        bench.run(device, vectors, SHA256, 2)


def test_a_failed_inference_is_named(device: Transport) -> None:
    vectors = make_vectors(1)
    vectors.inputs[0][0, 0] = 98
    with pytest.raises(DeviceError, match="the inference failed: operator 42 failed"):
        bench.run(device, vectors, SHA256, 2)


def test_a_failed_setup_is_named_and_does_not_hide_which_firmware_it_is(tmp_path: Path) -> None:
    with host.open(build_fake(tmp_path, "kArenaTooSmall")) as device:
        with pytest.raises(DeviceError, match="could not be set up on the device: the arena is too small: 42 bytes"):
            bench.run(device, make_vectors(1), SHA256, 2)
        with pytest.raises(DeviceError, match=r"says it is fake board \(fake-core\), runtime aot, where"):
            bench.run(device, make_vectors(1), SHA256, 2, wanted=Identity("stm32f4", "cortex-m4", "aot", ""))
        link = Link(device)
        link.hello()
        for object_ in (protocol.OUTPUT, protocol.OP_TICKS, protocol.INPUT_INFO, protocol.OUTPUT_INFO):
            with pytest.raises(DeviceError, match=r"setup failed \(code 6, detail 42\)"):
                link.ask(protocol.Read(object_, 0, 0, 1), protocol.Data)


def test_a_killed_device_is_named_soon(device: host.ChildTransport) -> None:
    line = fake.Unreliable(device, fake.Faults(before={9: lambda: os.kill(device.pid, signal.SIGKILL)}))
    begin = time.monotonic()
    with pytest.raises(TransportError, match=r"fake.elf was killed by SIGKILL"):
        bench.run(line, make_vectors(50), SHA256, 2)
    assert time.monotonic() - begin < 60


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
    """A sanitizer would end the process with its report."""
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
