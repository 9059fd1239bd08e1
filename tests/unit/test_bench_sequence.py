"""The bench with a model that keeps state: samples go in sequence, from a state that was reset."""

from dataclasses import replace

import numpy as np
import pytest
from fake_firmware import SHA256, FakeFirmware
from test_bench import INPUTS, LAYERS, VECTORS

from tools import bench, protocol
from tools.errors import DeviceError
from tools.transports.fake import FakeTarget, Faults, Unreliable

STATEFUL = protocol.CAN_PROFILE | protocol.CAN_CAPTURE | protocol.KEEPS_STATE
COUNTED = INPUTS + np.arange(1, 21, dtype=np.uint8)[:, None, None]
SEQUENCE = replace(VECTORS, expected=(COUNTED,), in_sequence=True)


def test_state_is_reset_before_the_first_sample_only() -> None:
    firmware = FakeFirmware(capabilities=STATEFUL)
    for _ in range(2):  # the second time it is left over from the first
        run = bench.run(FakeTarget(firmware), SEQUENCE, SHA256.hex(), 2)
        assert np.array_equal(run.outputs[0], COUNTED)
    assert firmware.requests.count("ResetState") == 2
    assert firmware.requests.index("ResetState") < firmware.requests.index("Invoke")


def test_state_is_reset_before_each_sample_that_is_independent_of_the_others() -> None:
    firmware = FakeFirmware(capabilities=STATEFUL)
    independent = replace(SEQUENCE, expected=(INPUTS + np.uint8(1),), in_sequence=False)
    run = bench.run(FakeTarget(firmware), independent, SHA256.hex(), 2)
    assert np.array_equal(run.outputs[0], independent.expected[0])
    assert firmware.requests.count("ResetState") == len(INPUTS)


@pytest.mark.parametrize("write", range(5, 60, 3))
def test_a_sequence_begins_again_after_a_restart(write: int) -> None:
    firmware = FakeFirmware(capabilities=STATEFUL)
    target = FakeTarget(firmware)
    line = Unreliable(target, Faults(before={write: lambda: target.say(firmware.reset())}))
    run = bench.run(line, SEQUENCE, SHA256.hex(), 2)
    assert np.array_equal(run.outputs[0], COUNTED)
    assert run.retries >= 1


def test_a_sequence_begins_again_after_outputs_that_fail_their_crc() -> None:
    firmware = FakeFirmware(capabilities=STATEFUL, corrupt_outputs=1)
    run = bench.run(FakeTarget(firmware), SEQUENCE, SHA256.hex(), 2)
    assert np.array_equal(run.outputs[0], COUNTED)
    assert firmware.requests.count("ResetState") == 2


@pytest.mark.parametrize("kind", ["drop", "garble", "duplicate", "delay", "banner"])
def test_a_spoiled_line_does_not_disturb_a_sequence(kind: str) -> None:
    """A request that is sent again is carried out only once; otherwise the state would run ahead."""
    line = Unreliable(FakeTarget(FakeFirmware(capabilities=STATEFUL)), Faults(**{kind: 0.05}), seed=3)
    run = bench.run(line, SEQUENCE, SHA256.hex(), 2)
    assert line.injected > 0
    assert np.array_equal(run.outputs[0], COUNTED)


def test_state_that_cannot_be_reset_is_named() -> None:
    firmware = FakeFirmware(capabilities=STATEFUL, state_reset=(4, 7))
    with pytest.raises(DeviceError, match=r"the model's state could not be reset: .*operator 7"):
        bench.run(FakeTarget(firmware), SEQUENCE, SHA256.hex(), 2)


def test_a_sequence_that_never_ends_is_given_up() -> None:
    firmware = FakeFirmware(capabilities=STATEFUL, corrupt_outputs=1000)
    with pytest.raises(DeviceError, match="the sequence of samples failed 8 times in a row"):
        bench.run(FakeTarget(firmware), SEQUENCE, SHA256.hex(), 2)


def test_capture_of_a_sequence() -> None:
    target = FakeTarget(FakeFirmware(capabilities=STATEFUL))
    for _ in range(2):
        rows, _ = bench.capture(target, (INPUTS[:3],), LAYERS, SHA256.hex())
    assert [np.array_equal(row[0], COUNTED[i]) for i, row in enumerate(rows)] == [True] * 3
