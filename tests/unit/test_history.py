"""The report's tables and trade-offs: what is compared with what, and what is replaced."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from test_page import Page, kept_details
from test_records import BOARD, FOUND, RECORD

from tools import pipeline
from tools.pipeline import places
from tools.progress import Progress
from tools.report import charts, history, kept, page, records
from tools.report.baseline import Origin
from tools.values import Clock, Measurement


def test_emulated_and_real_never_share_a_table_or_a_chart() -> None:
    scored = replace(BOARD, accuracy={"device": 0.9, "host": 0.9})
    others = [replace(m, mode="float32", invoke=replace(m.invoke, median=5)) for m in (RECORD, scored)]
    found = history.trade_offs([RECORD, scored, *others], {})
    assert len(found) == 1
    assert [re.search(r'aria-label="Accuracy against ([^;]*)', chart["svg"])[1] for chart in found[0]["charts"]] == [
        "flash, bytes",
        "instructions per inference, emulated",
        "cycles per inference",
    ]
    tables = history.tables([RECORD, scored, *others], {})
    assert [(table["title"], len(table["rows"])) for table in tables] == [
        ("Emulated", 2),
        ("On boards", 2),
    ]


def test_this_machine_is_no_microcontroller() -> None:
    host = replace(BOARD, target="host", clock=Clock("us", 1_000_000), accuracy={"device": 0.9, "host": 0.9})
    rivals = [replace(RECORD, accuracy={"device": a, "host": a}, mode=str(a)) for a in (0.5, 0.7)]
    assert "on host" not in str(history.trade_offs([*rivals, host], {})[0]["charts"])
    text = Page(page.html([RECORD, host], kept_details())).text
    assert "on this machine; model" in re.sub(r"\s+", " ", text) and "On this machine, us" in text
    assert "real board" not in text and "clock, Hz" not in text and "Sections" not in text
    (_, here) = history.tables([RECORD, host], {})
    assert (here["rows"][0]["flash"], here["rows"][0]["ram"]) == ("", "")


def test_a_firmware_that_was_not_built_here_replaces_nothing_and_has_no_place_on_the_flash_axis() -> None:
    (table,) = history.tables([BOARD, FOUND], {})
    assert [(row["flash"], row["ram"], row["sort"]["flash"]) for row in table["rows"]] == [
        ("", "", ""),
        ("24,000", "5,000", 24_000),
    ]
    scored = [replace(m, accuracy={"device": a, "host": a}) for m, a in ((BOARD, 0.9), (FOUND, 0.8))]
    timed = replace(scored[1], mode="float32", invoke=replace(FOUND.invoke, median=5))
    (found,) = history.trade_offs([*scored, timed], {})
    assert [chart["title"] for chart in found["charts"]] == ["Accuracy against cycles"]


def test_calibration_is_a_column() -> None:
    (table,) = history.tables(
        [RECORD, replace(RECORD, model_sha256="cd" * 32)], {RECORD.model_sha256: Origin("one sample")}
    )
    assert [row["calibration"] for row in table["rows"]] == ["", "one sample"]
    assert "one sample" in Page(page.html([RECORD], origins={RECORD.model_sha256: Origin("one sample")})).text


def test_one_runs_details_tell_how_its_model_was_calibrated_in_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "BUILD", tmp_path)
    for m in (RECORD, replace(RECORD, target="mps2-an500")):
        records.append(m, places.records())
    kept.write(places.details(), kept.DETAILS, RECORD, kept_details())
    pipeline.write_report(Progress())
    assert places.report().read_text().count('<td class="small">500</td>') == 2


def test_earlier_measurements_of_a_configuration_are_folded_away() -> None:
    newer = replace(RECORD, invoke=replace(RECORD.invoke, median=7))
    fewer = replace(RECORD, samples=RECORD.samples - 1)
    tuned = replace(RECORD, model_sha256="cd" * 32)
    balanced = Origin("500 of 7,185 samples, balanced over the classes")
    origins = {RECORD.model_sha256: balanced, "cd" * 32: Origin("one")}
    (table,) = history.tables([RECORD, fewer, tuned, newer], origins)
    assert table["rows"][0]["median"] == "7"
    assert [row["calibration"] for row in table["rows"]] == ["500 of 7,185, balanced", "one", "500 of 7,185, balanced"]
    assert [row["median"] for row in table["earlier"]] == [f"{RECORD.invoke.median:,}"]
    assert "Earlier measurements of these: 1" in Page(page.html([RECORD, newer])).text
    assert "Earlier" not in Page(page.html([RECORD])).text


def test_accuracies_over_different_samples_are_not_compared() -> None:
    def scored(mode: str, samples: int) -> Measurement:
        flash = {"total": len(mode) * 1000, "code": 1, "model": 1}
        return replace(RECORD, mode=mode, samples=samples, flash_bytes=flash, accuracy={"device": 0.5, "host": 0.5})

    (table,) = history.tables([scored("float32", 40), scored("int8", 1000), scored("int16x8", 40)], {})
    assert [row["drop"] for row in table["rows"]] == ["+0.00", "", "+0.00"]
    found = history.trade_offs([scored("float32", 40), scored("int8", 1000), scored("int16", 40)], {})
    assert [(family["title"], len(family["series"])) for family in found] == [(f"{RECORD.model}, 40 test samples", 2)]


def test_accuracies_over_other_data_are_not_compared() -> None:
    def scored(mode: str, sha256: str) -> Measurement:
        return replace(RECORD, mode=mode, model_sha256=sha256, accuracy={"device": 0.5, "host": 0.5})

    measured = [scored("float32", "a"), scored("int8", "b"), scored("float32", "c"), scored("int8", "d")]
    origins = {
        sha: Origin(data=data) for sha, data in (("a", "here"), ("b", "there"), ("c", "elsewhere"), ("d", "here"))
    }
    (table,) = history.tables(measured, origins)
    assert [row["drop"] for row in table["rows"]] == ["+0.00", "+0.00", "", "+0.00"]
    assert len(table["earlier"]) == 0


def test_data_that_a_record_names_are_told_apart() -> None:
    def scored(mode: str, data: str) -> Measurement:
        return replace(RECORD, mode=mode, data_sha256=data, accuracy={"device": 0.5, "host": 0.5})

    (table,) = history.tables([scored("float32", "here"), scored("int8", "there"), scored("int16x8", "here")], {})
    assert [row["drop"] for row in table["rows"]] == ["+0.00", "", "+0.00"]


def test_accuracy_on_the_host_is_a_column() -> None:
    (table,) = history.tables([replace(RECORD, accuracy={"device": 0.5, "host": 0.75})], {})
    assert (table["rows"][0]["device"], table["rows"][0]["host"]) == ("50.00", "75.00")
    assert "75.00" in Page(page.html([RECORD, replace(RECORD, accuracy={"device": 0.5, "host": 0.75})])).text


def test_no_two_series_of_a_chart_look_the_same() -> None:
    scored = [replace(RECORD, mode=f"mode{i}", accuracy={"device": i / 20, "host": 0.5}) for i in range(20)]
    (family,) = history.trade_offs(scored, {})
    assert len({item["key"] for item in family["series"]}) == 20
    style = page.frame()["style"]
    for i in range(len(charts.SERIES)):
        assert len(re.findall(rf"--c{i}: ", style)) == 2 and f".c{i} {{" in style, "in light and in dark"


def test_drop_is_against_float32_of_the_same_model_in_points() -> None:
    def scored(model: str, mode: str, accuracy: float) -> Measurement:
        return replace(RECORD, model=model, mode=mode, accuracy={"device": accuracy, "host": accuracy})

    measured = [
        *(scored("a", "float32", 0.70), scored("a", "int8", 0.6965), scored("a+sparsity-0.5", "int8", 0.71)),
        scored("b", "int8", 0.5),
    ]
    (table,) = history.tables(measured, {})
    assert [row["drop"] for row in table["rows"]] == ["", "-1.00", "+0.35", "+0.00"]
