"""Measurement records: the agreed fields in the agreed order, and a file that survives crashes."""

import json
import re
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tools import quantities
from tools.errors import KerfError
from tools.report import records
from tools.values import Clock, Measurement, SecondOpinion, Timing

ROOT = Path(__file__).resolve().parents[2]

RECORD = Measurement(
    model='my "model"\n</script>',
    mode="int8",
    model_sha256="ab" * 32,
    model_bytes=10_808,
    runtime="aot",
    target="stm32f4",
    emulator="qemu",
    kernels="portable",
    flash_bytes={"total": 24_000, "code": 16_000, "model": 8_000},
    ram_bytes={"total": 5_000, "static": 800, "arena": 3_600, "stack": 600},
    clock=Clock("instructions", None),
    invoke=Timing(3_000_000, 3_000_001, 3_000_100, 360),
    setup=1_200,
    per_op=({"name": "conv1", "op": "CONV_2D", "median": 2_900_000}, {"name": "<b>", "op": "SOFTMAX", "median": 9}),
    samples=360,
    mismatches=0,
    tolerance=0.0,
    accuracy={"device": 0.9944, "host": 0.9944},
    kerf="0.1.0",
    commit="c" * 40,
)
DEVICE = {"target": "stm32f4", "core": "cortex-m4", "build": "0123456789abcdef"}
DOUBTED = replace(RECORD, second_opinion=SecondOpinion("ai-edge-litert 2.3.0", 116.0, "relu6\n<b>"))
BOARD = replace(RECORD, emulator=None, clock=Clock("cycles", 168_000_000), per_op=None, accuracy=None, commit=None)
FOUND = replace(BOARD, flash_bytes=None, ram_bytes=None, device=DEVICE)  # a firmware that was not built here

IN_SEQUENCE = {"sequence_length": 360}
SEQUENCE = replace(RECORD, quantities=IN_SEQUENCE)

FIELDS = [
    "model",
    "mode",
    "model_sha256",
    "model_bytes",
    "runtime",
    "target",
    "emulator",
    "kernels",
    "flash_bytes",
    "ram_bytes",
    "clock",
    "invoke",
    "setup",
    "per_op",
    "samples",
    "mismatches",
    "tolerance",
    "accuracy",
    "kerf",
    "commit",
]
NESTED = {
    "flash_bytes": ["total", "code", "model"],
    "ram_bytes": ["total", "static", "arena", "stack"],
    "clock": ["unit", "hz"],
    "invoke": ["min", "median", "p99", "n"],
    "accuracy": ["device", "host"],
    "device": ["target", "core", "build"],
}
OPTIONAL = ["data_sha256", "device", "sequence_length"]


def test_a_quantity_is_a_field_where_it_applies() -> None:
    assert records.to_json(SEQUENCE) == records.to_json(RECORD) | IN_SEQUENCE
    with pytest.raises(ValueError, match=r"sequence_length is -1, not a whole number of at least 0"):
        records.from_json(records.to_json(RECORD) | {"sequence_length": -1})


def test_energy_may_be_below_zero_but_is_a_number() -> None:
    found = {"uj": -0.5, "ma": 5.0, "idle_ma": 5.1, "volts": 3.3, "inferences": 360, "instrument": "ppk2"}
    record = records.to_json(replace(BOARD, quantities={"energy": found}))
    assert record["energy"] == found
    assert records.from_json(record).quantities == {"energy": found}
    assert quantities.shown({"energy": found}) == [
        ("energy", "-0.5 µJ above idle; 5 mA, idle 5.1 mA at 3.3 V (ppk2, mean of 360 inferences)")
    ]
    with pytest.raises(ValueError, match=r"energy\.uj is NaN, not a finite number"):
        records.from_json(record | {"energy": found | {"uj": float("nan")}})


def complain(text: str) -> None:
    raise AssertionError(text)


def test_fields_and_their_order() -> None:
    record = records.to_json(RECORD)
    assert list(record) == FIELDS
    full = records.to_json(
        replace(RECORD, device=dict(reversed(DEVICE.items())), data_sha256="cd" * 32, quantities=IN_SEQUENCE)
    )
    assert list(full) == FIELDS + OPTIONAL
    assert {name: list(full[name]) for name in NESTED} == NESTED
    assert list(record["per_op"][0]) == ["name", "op", "median"]


def test_order_does_not_depend_on_who_made_the_dictionaries() -> None:
    shuffled = replace(RECORD, flash_bytes=dict(reversed(RECORD.flash_bytes.items())))
    assert json.dumps(records.to_json(shuffled)) == json.dumps(records.to_json(RECORD))


def test_a_second_opinion_is_there_where_somebody_gave_one() -> None:
    record = records.to_json(DOUBTED)
    assert list(record) == [*FIELDS, "second_opinion"]
    assert record["second_opinion"] == {"reference": "ai-edge-litert 2.3.0", "max_steps": 116.0, "layer": "relu6\n<b>"}


@pytest.mark.parametrize("value", [None, [], {}, {"reference": "x", "max_steps": 1}, "x"])
def test_a_second_opinion_that_is_none(value: Any) -> None:
    with pytest.raises(ValueError, match="second_opinion"):
        records.from_json({**records.to_json(RECORD), "second_opinion": value})


@pytest.mark.parametrize("change", [{"max_steps": -1}, {"max_steps": "1"}, {"layer": 3}, {"reference": None}])
def test_a_second_opinion_of_wrong_types(change: dict[str, Any]) -> None:
    record = records.to_json(DOUBTED)
    with pytest.raises(ValueError, match=f"second_opinion.{next(iter(change))}"):
        records.from_json({**record, "second_opinion": {**record["second_opinion"], **change}})


@pytest.mark.parametrize(
    "measurement",
    [RECORD, BOARD, FOUND, DOUBTED, SEQUENCE],
    ids=["emulated", "board", "as found", "doubted", "in sequence"],
)
def test_append_and_load(tmp_path: Path, measurement: Measurement) -> None:
    path = tmp_path / "build" / "m.jsonl"
    records.append(measurement, path)
    records.append(measurement, path)
    assert len(path.read_bytes().splitlines()) == 2
    assert records.load(path, complain) == [measurement, measurement]


def test_no_file_is_no_records(tmp_path: Path) -> None:
    assert records.load(tmp_path / "m.jsonl", complain) == []


@pytest.mark.parametrize(
    "line",
    [b'{"model": "dig', b"[]", b"null", b"{}", b"\xff\xfe", b'{"model": "x", "clock": 3}'],
    ids=["cut", "list", "null", "empty", "binary", "other"],
)
def test_broken_last_line_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "m.jsonl"
    records.append(RECORD, path)
    with path.open("ab") as file:
        file.write(line)  # and no newline: the writer died here
    heard: list[str] = []
    assert records.load(path, heard.append) == [RECORD]
    assert len(heard) == 1 and re.search(r"skipped .*m\.jsonl line 2, which is not a measurement", heard[0])
    records.append(BOARD, path)
    assert records.load(path, heard.append) == [RECORD, BOARD]


@pytest.mark.parametrize("field", FIELDS)
def test_record_without_a_field_is_none(field: str) -> None:
    record = records.to_json(RECORD)
    del record[field]
    with pytest.raises(ValueError, match=field):
        records.from_json(record)


@pytest.mark.parametrize(
    "change",
    [
        {"invoke": {"min": 1}},
        {"flash_bytes": {}},
        {"samples": "360"},
        {"per_op": [1]},
        {"emulator": []},
        {"device": {"target": "x"}},
    ],
)
def test_record_with_other_contents_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        records.from_json(records.to_json(RECORD) | change)


def test_not_a_number_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        records.append(replace(RECORD, accuracy={"device": float("nan"), "host": 1.0}), tmp_path / "m.jsonl")
    assert not (tmp_path / "m.jsonl").exists()


def write_many(path: Path) -> None:
    for _ in range(50):
        records.append(RECORD, path)


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    context = get_context("spawn")
    writers = [context.Process(target=write_many, args=(path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert records.load(path, complain) == [RECORD] * 100


def test_every_field_is_documented() -> None:
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    for field in FIELDS + OPTIONAL:
        names = NESTED.get(field)
        assert re.search(rf"`{field}[`.\[]", page), field
        for name in names or []:
            assert re.search(rf"`{field}\.{name}`|`{field}\.[a-z]+`.*`\.{name}`", page), f"{field}.{name}"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model": None}, "model"),
        ({"model": "\ud800"}, "model"),
        ({"model_sha256": 5}, "model_sha256"),
        ({"target": []}, "target"),
        ({"commit": 2}, "commit"),
        ({"emulator": ["qemu"]}, "emulator"),
        ({"setup": "a"}, "setup"),
        ({"samples": True}, "samples"),
        ({"samples": 10}, "mismatches is 20, more than the 10 samples"),
        ({"mismatches": 0.5}, "mismatches is 0.5, not a whole number of at least 0"),
        ({"mismatches": -1}, "mismatches is -1"),
        ({"model_bytes": -5}, "model_bytes"),
        ({"model_sha256": "../../etc"}, "model_sha256"),
        ({"tolerance": -1e-9}, "tolerance"),
        ({"accuracy": {"device": 1.5, "host": 1.0}}, "accuracy.device is 1.5, not a number from 0 to 1"),
        ({"accuracy": {"device": 1.0}}, "accuracy.host is missing"),
        ({"invoke": {"min": 3, "median": 2, "p99": 4, "n": 1}}, "not in order"),
        ({"per_op": {}}, "per_op is an object, not a list"),
        ({"emulator": []}, "emulator is a list, not text"),
        ({"samples": -1}, "samples"),
        ({"samples": 10**400}, "samples"),
        ({"setup": float("nan")}, "setup"),
        ({"mismatches": None}, "mismatches"),
        ({"invoke": {"min": "x", "median": 1, "p99": 1, "n": 1}}, "invoke.min"),
        ({"invoke": {"min": float("inf"), "median": 1, "p99": 1, "n": 1}}, "invoke.min"),
        ({"clock": {"unit": "cycles", "hz": 0}}, "clock.hz"),
        ({"clock": {"unit": 5, "hz": None}}, "clock.unit"),
        ({"accuracy": {"device": "a", "host": 1.0}}, "accuracy.device"),
        ({"flash_bytes": {"total": "a", "code": 1, "model": 1}}, "flash_bytes.total"),
        ({"device": DEVICE | {"core": None}}, "device.core"),
        ({"per_op": [{"name": 1, "op": "ADD", "median": 1}]}, "per_op[0].name"),
        ({"per_op": [{"name": "a", "op": "ADD", "median": "x"}]}, "per_op[0].median"),
    ],
)
def test_a_line_with_values_of_other_types_is_left_out(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    """Otherwise every later report would fail on them."""
    path = tmp_path / "m.jsonl"
    records.append(RECORD, path)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(records.to_json(replace(RECORD, mismatches=20)) | changes) + "\n")
    warnings: list[str] = []
    assert records.load(path, warnings.append) == [RECORD]
    assert len(warnings) == 1
    assert "line 2" in warnings[0]
    assert named in warnings[0]


def test_what_another_version_adds_is_passed_over() -> None:
    added = {"weather": {"wind": 3, "rain": None, "station": "x"}, "temperature": 7}
    record = records.to_json(RECORD)
    record["clock"] = {**record["clock"], "source": "DWT"}
    assert records.from_json(record | added) == RECORD


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"a":' * 100_000, '{"model": ' + "[" * 900 + "]" * 900 + "}", "9" * 10_000],
    ids=["lists", "objects", "a field", "a number"],
)
def test_a_line_without_bottom_is_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    records.append(RECORD, path)
    deep = json.dumps(records.to_json(RECORD)).replace('"model": ', f'"model": {"[" * 900}{"]" * 900}, "x": ', 1)
    with path.open("a") as file:
        file.write(f"{line}\n{deep}\n")
    records.append(BOARD, path)
    warnings: list[str] = []
    assert records.load(path, warnings.append) == [RECORD, BOARD]
    assert [re.search(r"line \d", warning)[0] for warning in warnings] == ["line 2", "line 3"]  # type: ignore[index]


def test_a_folder_where_records_are_kept_is_refused(tmp_path: Path) -> None:
    for refused in (lambda: records.check(tmp_path), lambda: records.load(tmp_path, complain)):
        with pytest.raises(KerfError, match="is not a file, so nothing can be recorded there"):
            refused()
    records.check(tmp_path / "none")
