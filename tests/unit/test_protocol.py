"""The protocol's records and decoder against the table that the firmware is tested with, too."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import faults, protocol
from tools.errors import ProtocolError
from tools.protocol import Decoder, Frame, Message

TABLE = json.loads((Path(__file__).parent.parent / "vectors" / "protocol.json").read_text())
STREAMS = TABLE["streams"]
RECORDS = TABLE["records"]


def names(case: dict) -> str:
    return case["name"]


@pytest.mark.parametrize("size", [1, 2, 7, 100_000], ids="{} at a time".format)
@pytest.mark.parametrize("case", STREAMS, ids=names)
def test_stream(case: dict, size: int) -> None:
    stream = bytes.fromhex(case["bytes"])
    decoder = Decoder()
    frames = [frame for at in range(0, len(stream), size) for frame in decoder.feed(stream[at : at + size])]
    assert frames == [Frame(f["type"], f["seq"], bytes.fromhex(f["payload"])) for f in case["frames"]]
    assert decoder.bad == case["bad"]
    assert decoder.text.hex() == case["text"]


def record(case: dict) -> Message:
    kind = getattr(protocol, case["record"])
    types = {field.name: field.type for field in fields(kind)}
    values = {n: bytes.fromhex(v) if types[n] in (bytes, "bytes") else v for n, v in case["fields"].items()}
    return kind(**values)


@pytest.mark.parametrize("case", RECORDS, ids=names)
def test_record_to_bytes(case: dict) -> None:
    assert protocol.encode(record(case), case["seq"]).hex() == case["bytes"]


@pytest.mark.parametrize("case", RECORDS, ids=names)
def test_bytes_to_record(case: dict) -> None:
    (frame,) = Decoder().feed(bytes.fromhex(case["bytes"]))
    assert frame.seq == case["seq"]
    assert protocol.parse(frame) == record(case)


def test_every_record_is_in_the_table() -> None:
    assert {case["record"] for case in RECORDS} == {kind.__name__ for kind in protocol.MESSAGES.values()}


FRAMES = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=protocol.MAX_PAYLOAD_BYTES)
)  # zeros, runs and all


@given(FRAMES)
def test_any_frame_survives_the_wire(frame: Frame) -> None:
    wire = protocol.encode_frame(frame)
    assert len(wire) <= protocol.MAX_WIRE_BYTES
    assert wire[0] == wire[-1] == 0
    assert 0 not in wire[1:-1]
    assert Decoder().feed(wire) == [frame]


@given(st.binary(max_size=300), FRAMES)
def test_after_any_noise_the_second_frame_at_the_latest_arrives(noise: bytes, frame: Frame) -> None:
    wire = protocol.encode_frame(frame)
    assert frame in Decoder().feed(noise + wire + wire)


@given(FRAMES, st.data())
def test_one_changed_bit_never_gives_another_frame(frame: Frame, data: st.DataObject) -> None:
    wire = bytearray(protocol.encode_frame(frame))
    at = data.draw(st.integers(0, len(wire) - 1))
    wire[at] ^= 1 << data.draw(st.integers(0, 7))
    assert set(Decoder().feed(bytes(wire))) <= {frame}


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1), FRAMES)
def test_commands_pass_a_decoder_that_waits_for_a_frame(command: str, frame: Frame) -> None:
    decoder = Decoder()
    assert decoder.feed(b"\0" + command.encode() + protocol.encode_frame(frame)) == [frame]
    assert decoder.text == command.encode()


def test_text_kept_is_bounded() -> None:
    decoder = Decoder()
    decoder.feed(b"x" * 100_000 + b"end")
    assert len(decoder.text) == Decoder.TEXT_KEPT
    assert decoder.text.endswith(b"end")


def test_too_long_a_payload_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="56 bytes is longer than 55"):
        protocol.encode_frame(Frame(1, 1, bytes(56)))


def test_unknown_type_and_wrong_length_are_named() -> None:
    with pytest.raises(ProtocolError, match="unknown type 0x7e"):
        protocol.parse(Frame(0x7E, 0, b""))
    with pytest.raises(ProtocolError, match="Boot record of 3 bytes instead of 14"):
        protocol.parse(Frame(0xE0, 0, bytes(3)))
    with pytest.raises(ProtocolError, match="Written record of 5 bytes instead of 4"):
        protocol.parse(Frame(0x82, 0, bytes(5)))


@pytest.mark.parametrize(
    ("fields_", "words"),
    [
        (
            dict(kind=4, cfsr=1 << 25),
            "UsageFault at pc 0x00000010 (called from 0x00000020, sp 0x00000030): divide by zero",
        ),
        (dict(kind=3, cfsr=0x8200, address=0x60000000), ": bus fault at address 0x60000000"),
        (dict(kind=3, cfsr=0x0200, address=0x60000000), ": bus fault"),
        (dict(kind=2, cfsr=0x82, address=4), ": data access violation at address 0x00000004"),
        (dict(kind=1, hfsr=2), "HardFault at pc 0x00000010 (called from 0x00000020, sp 0x00000030): vector table"),
        (dict(kind=5), "stack overflow at pc"),
        (dict(kind=6, address=77), "assertion failed in line 77 at pc"),
        (dict(kind=7, psr=0x21000016), "unexpected exception 22 at pc"),
        (dict(kind=7, psr=9, address=0x3FFB0001), ": unaligned access at address 0x3ffb0001"),
        (
            dict(kind=7, psr=28, address=0),
            "exception 28 at pc 0x00000010 (called from 0x00000020, sp 0x00000030): load at",
        ),
        (dict(kind=7, psr=29, address=0x60000000), ": store at address 0x60000000"),
        (dict(kind=99), "fault 99 at pc"),
    ],
)
def test_fault_in_words(fields_: dict, words: str) -> None:
    registers = dict(pc=0x10, lr=0x20, sp=0x30, psr=0, cfsr=0, hfsr=0, address=0) | fields_
    assert words in faults.describe_fault(protocol.Fault(**registers))


@pytest.mark.parametrize(
    ("kind", "lr", "words"),
    [
        (3, 0x201, "BusFault in add.h:16, called from add.h:511, at pc 0x00000010 (called from 0x00000201,"),
        (3, 0x11, "BusFault in add.h:16, called from add.h:15, at pc 0x00000010"),
        (3, 0, "BusFault in add.h:16 at pc 0x00000010"),
        (6, 0, "assertion failed in add.h:15 at pc 0x00000010"),
    ],
)
def test_fault_with_its_source(kind: int, lr: int, words: str) -> None:
    fault = protocol.Fault(kind, pc=0x10, lr=lr, psr=0, cfsr=0, hfsr=0, address=77, sp=0x30)
    said = faults.crashed(fault, lambda address: f"add.h:{address}" if address > 0 else "")
    assert said.startswith(f"the firmware crashed: {words}")


def test_status_in_words() -> None:
    assert faults.describe_status(1, 512) == "the arena is too small: 512 bytes are missing"
    assert faults.describe_status(77, 5) == "status 77 (detail 5)"
