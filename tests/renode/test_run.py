"""Whole runs in Renode: every number is right, the instructions are the same in every run, failures are records."""

import numpy as np
import pytest

from tools import bench, pipeline, protocol
from tools.link import Link
from tools.protocol import Calibrate, Calibrated, Decoder, Refusal
from tools.transports import renode
from tools.values import DeviceRun, Vectors

pytestmark = [pytest.mark.renode, pytest.mark.tf]


def run(built: pipeline.Built, samples: int) -> tuple[DeviceRun, Vectors]:
    """The first samples of the test set through Renode."""
    compiled = built.rendered.compiled
    whole = compiled.quantized.vectors
    vectors = Vectors(
        inputs=tuple(array[:samples] for array in whole.inputs),
        expected=tuple(array[:samples] for array in whole.expected),
        labels=whole.labels[:samples] if whole.labels is not None else None,
        classes=whole.classes,
        oracle=whole.oracle,
        exact=whole.exact,
    )
    with renode.open(built.image.elf, built.rendered.target.emulators["renode"]) as transport:
        return bench.run(transport, vectors, compiled.graph.sha256, len(built.image.project.op_labels)), vectors


def test_every_output_is_right_and_every_run_counts_the_same(built: pipeline.Built) -> None:
    first, vectors = run(built, 40)
    assert all(np.array_equal(got, want) for got, want in zip(first.outputs, vectors.expected, strict=True))
    assert first.clock.unit == "instructions"
    assert first.notes == ()  # the clock tells single instructions apart
    assert first.invoke.n == 40 and first.setup > 0
    assert first.per_op is not None and min(first.per_op) > 0
    second, _ = run(built, 40)
    assert (second.invoke, second.setup, second.per_op) == (first.invoke, first.setup, first.per_op)


def test_a_tick_is_an_instruction(built: pipeline.Built) -> None:
    """The port's loop takes exactly its known length, apart from the call that both measurements include."""
    with renode.open(built.image.elf, built.rendered.target.emulators["renode"]) as transport:
        link = Link(transport)
        link.hello()
        answers = [link.ask(Calibrate(turns), Calibrated, bench.INVOKE_SECONDS) for turns in (1, 1_000, 1_000_000)]
    overheads = {answer.ticks - answer.instructions for answer in answers}
    assert len(overheads) == 1 and 0 < overheads.pop() < 50


def test_a_bad_frame_is_answered_with_a_refusal(built: pipeline.Built) -> None:
    with renode.open(built.image.elf, built.rendered.target.emulators["renode"]) as transport:
        link = Link(transport)
        link.hello()
        transport.write(protocol.encode_frame(protocol.Frame(0x7F, 200, b"")))
        decoder, answers = Decoder(), []
        while not answers:
            data = transport.read(10.0)
            assert data, "no answer within 10 s"
            answers += [protocol.parse(frame) for frame in decoder.feed(data) if frame.seq == 200]
    assert answers == [Refusal(protocol.UNKNOWN_REQUEST, 0x7F, b"unknown request")]
