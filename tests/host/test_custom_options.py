"""Damaged options of custom operators, which are in a flexbuffer: an error says so, and takes no time."""

from contextlib import suppress

import pytest
import single_op
from flatbuffers import flexbuffers
from single_op import OpSpec, TensorSpec, build

from tools.errors import KerfError
from tools.graph import passes, read

OPTIONS = bytes(flexbuffers.Dumps({"delay_length": 3, "name": "x"}))


def model(options: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    tensors = [TensorSpec((2, 4), "int16"), TensorSpec((2, 4), "int16")]
    with monkeypatch.context() as patch:
        patch.setattr(single_op.flexbuffers, "Dumps", lambda _: options)
        return build([OpSpec("CUSTOM:SignalDelay", tensors[:1], tensors[1:])])


def nested(depth: int) -> bytes:
    """{"a": vector}: each of ``depth`` vectors points at the next one twice, so the first holds 2^depth numbers."""
    vector, integer, key_width, name = 10 << 2, 1 << 2, 1, b"a\0"
    data = bytearray([2])
    inner = len(data)
    data += bytes([1, 1, integer, integer])
    for _ in range(depth):
        outer = len(data) + 1
        data += bytes([2, outer - inner, outer + 1 - inner, vector, vector])
        inner = outer
    key = len(data)
    data += name + bytes([1])
    keys = len(data)
    data += bytes([keys - key])
    data += bytes([len(data) - keys, key_width, 1])
    values = len(data)
    data += bytes([values - inner, vector])
    return bytes(data + bytes([len(data) - values, 9 << 2, 1]))


def test_any_byte_may_be_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    passes.run(read.read(model(OPTIONS, monkeypatch), "net"))
    for position in range(len(OPTIONS)):
        for value in range(0, 256, 3):
            damaged = OPTIONS[:position] + bytes([value]) + OPTIONS[position + 1 :]
            with suppress(KerfError):
                passes.run(read.read(model(damaged, monkeypatch), "net"))


@pytest.mark.timeout(60)
def test_nested_vectors_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flexbuffers.Loads(nested(2)) == {"a": [[[1, 1], [1, 1]], [[1, 1], [1, 1]]]}
    with pytest.raises(KerfError, match="its option delay_length is missing"):
        passes.run(read.read(model(nested(40), monkeypatch), "net"))
