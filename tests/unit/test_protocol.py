"""The protocol's records and decoder against the table that the firmware is tested with, too."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import faults, protocol
from tools.elf import Source
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
            "UsageFault: divide by zero; pc 0x00000010, lr 0x00000020, sp 0x00000030",
        ),
        (dict(kind=3, cfsr=0x8200, address=0x60000000), ": bus fault at address 0x60000000"),
        (dict(kind=3, cfsr=0x0200, address=0x60000000), ": bus fault"),
        (dict(kind=2, cfsr=0x82, address=4), ": data access violation at address 0x00000004"),
        (dict(kind=1, hfsr=2), "HardFault: vector table could not be read; pc 0x00000010"),
        (dict(kind=5), "stack overflow; pc 0x00000010"),
        (dict(kind=6, address=77), "assertion failed in line 77; pc 0x00000010"),
        (dict(kind=7, psr=0x21000016), "unexpected exception 22; pc 0x"),
        (dict(kind=7, psr=9, address=0x3FFB0001), ": unaligned access at address 0x3ffb0001"),
        (
            dict(kind=7, psr=28, address=0),
            "exception 28: load at address 0x00000000; pc 0x00000010",
        ),
        (dict(kind=7, psr=29, address=0x60000000), ": store at address 0x60000000"),
        (dict(kind=99), "fault 99; pc 0x00000010"),
    ],
)
def test_fault_in_words(fields_: dict, words: str) -> None:
    registers = dict(pc=0x10, lr=0x20, sp=0x30, psr=0, cfsr=0, hfsr=0, address=0) | fields_
    assert words in faults.describe_fault(protocol.Fault(**registers))


CODE = {  # address → its source
    0x10: Source("add", "add.h:16", True),
    0x0F: Source("add", "add.h:15", True),
    0x1F: Source("add", "add.h:31", True),
    0x1FF: Source("step", "model.cpp:511", True),
    0x2FF: Source("asm", "", True),
    0x3FF: Source("arm", "arm.s:3", False),
}


@pytest.mark.parametrize(
    ("registers", "words"),
    [
        (dict(kind=3, lr=0x201), "BusFault in add.h:16, called from model.cpp:511; pc 0x00000010, lr 0x00000201, sp"),
        (dict(kind=3, lr=0x21), "BusFault in add.h:16; pc"),  # the function has called another one
        (dict(kind=3, lr=0x200), "BusFault in add.h:16; pc"),  # lr is no return address: it has no Thumb bit
        (dict(kind=3, lr=0x301), "BusFault in add.h:16; pc"),
        (dict(kind=3, lr=0x400), "BusFault in add.h:16, called from arm.s:3; pc"),
        (dict(kind=3, pc=0, lr=0x201), "BusFault called from model.cpp:511; pc 0x00000000, lr"),  # a jump to 0
        (dict(kind=3, pc=4, lr=0), "BusFault; pc 0x00000004, sp 0x00000030"),
        (dict(kind=6, lr=0), "assertion failed in add.h:15; pc 0x00000010, sp"),  # abort() on bare metal
        (dict(kind=6, lr=0, address=77), "assertion failed in add.h:77; pc"),
        (dict(kind=6, pc=4, lr=0, address=77), "assertion failed in line 77; pc"),
        (dict(kind=6, lr=0x201), "assertion failed in add.h:16, called from model.cpp:511; pc"),
        (dict(kind=5, pc=0, lr=0), "stack overflow; pc 0x00000000, sp"),
    ],
)
def test_fault_with_its_source(registers: dict, words: str) -> None:
    fault = protocol.Fault(**(dict(pc=0x10, lr=0, psr=0, cfsr=0, hfsr=0, address=0, sp=0x30) | registers))
    said = faults.crashed(fault, lambda addresses: [CODE.get(address, Source()) for address in addresses])
    assert said.startswith(f"the firmware crashed: {words}")


def test_status_in_words() -> None:
    assert faults.describe_status(1, 512) == "the arena is too small: 512 bytes are missing"
    assert faults.describe_status(77, 5) == "status 77 (detail 5)"
