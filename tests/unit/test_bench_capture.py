"""Intermediate tensors, read from a firmware in Python that pauses after each operator."""

import numpy as np
import pytest
from fake_firmware import SHA256, FakeFirmware
from test_bench import INPUTS, LAYERS

from tools import bench, protocol
from tools.errors import DeviceError
from tools.transports.fake import FakeTarget, Faults, Unreliable


def capture(target: FakeTarget | Unreliable, samples: int = 3) -> tuple[tuple[np.ndarray, ...], ...]:
    return bench.capture(target, (INPUTS[:samples],), LAYERS, SHA256.hex())[0]


def check_captured(rows: tuple[tuple[np.ndarray, ...], ...]) -> None:
    assert len(rows) == 3
    for sample, (first, second) in enumerate(rows):
        assert np.array_equal(first, INPUTS[sample] + np.uint8(1))
        assert np.array_equal(second.ravel(), first.ravel()[:35])


def test_capture_brings_every_operators_output() -> None:
    firmware = FakeFirmware()
    check_captured(capture(FakeTarget(firmware)))
    assert firmware.requests.count("Capture") == 3
    assert firmware.requests.count("Resume") == 6  # to the second operator, and to the end


def test_capture_over_a_spoiled_line() -> None:
    line = Unreliable(FakeTarget(FakeFirmware()), Faults(drop=0.1, garble=0.1, duplicate=0.1, banner=0.1), seed=4)
    check_captured(capture(line))
    assert line.injected > 5


def test_capture_begins_its_sample_again_after_a_restart() -> None:
    firmware = FakeFirmware()
    target = FakeTarget(firmware)
    check_captured(capture(Unreliable(target, Faults(before={11: lambda: target.say(firmware.reset())}))))
    assert firmware.requests.count("Capture") == 4


def test_a_tensor_that_changes_while_it_is_read_is_named() -> None:
    with pytest.raises(DeviceError, match="output of operator 0 changed while it was read"):
        capture(FakeTarget(FakeFirmware(corrupt_captures=1)))


def test_a_firmware_that_cannot_capture_is_named() -> None:
    with pytest.raises(DeviceError, match="cannot expose its intermediate tensors"):
        capture(FakeTarget(FakeFirmware(capabilities=protocol.CAN_PROFILE)))


def test_operators_of_another_size_are_named() -> None:
    with pytest.raises(
        DeviceError, match="operator 1 has an output of 36 bytes, but the device reports operator 1 with 35"
    ):
        bench.capture(FakeTarget(FakeFirmware()), (INPUTS[:1],), (LAYERS[0], np.zeros(36, np.uint8)), SHA256.hex())
