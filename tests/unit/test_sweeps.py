"""The report's sweeps: the front, and what each choice does alone."""

import time
from dataclasses import replace

from test_front import costing
from test_page import Page

from tools.report import page, sweeps
from tools.report.baseline import Origin
from tools.values import Measurement


def named(m: Measurement, model: str, mode: str = "int8") -> Measurement:
    return replace(m, model=model, mode=mode, model_sha256=f"{model}{mode}".encode().hex().ljust(64, "0")[:64])


SWEEP = [
    named(costing(0.98, 2000, 500, 1000), "digits"),
    named(costing(0.96, 1000, 400, 500), "digits+filters=8"),
    named(costing(0.97, 1800, 500, 800), "digits+sparse0.8"),
    named(costing(0.93, 900, 400, 400), "digits+filters=8+sparse0.8"),
    named(costing(0.90, 3000, 900, 4000), "digits", "int16x8"),
]


def test_a_choice_is_compared_where_nothing_else_differs() -> None:
    effects = sweeps.effects(SWEEP, [sweeps.choices(m, {}) for m in SWEEP])
    assert [tuple(row.values()) for row in effects] == [
        ("mode", "int8 → int16x8", "1", "-8.00", "+50.0 %", "+80.0 %", "+300.0 %"),
        ("sparse", "0 → 0.8", "2", "-2.00", "-10.0 %", "+0.0 %", "-20.0 %"),
        ("filters", "8 → 16", "2", "+3.00", "+100.0 %", "+25.0 %", "+100.0 %"),
    ]


def test_a_choice_that_only_some_have_stands_against_none() -> None:
    """Such as a hyperparameter that the model no longer declares."""
    old = named(costing(0.99, 2200, 500, 1000), "digits+width=3")
    for members in ([*SWEEP, old], [old, *SWEEP]):
        effects = sweeps.effects(members, [sweeps.choices(m, {}) for m in members])
        changed = [tuple(row.values()) for row in effects if row["choice"] == "width"]
        assert changed == [("width", "3 → none", "1", "-1.00", "-9.1 %", "+0.0 %", "+0.0 %")]


def test_a_large_sweep_is_shown_soon() -> None:
    """Comparing each of 600 configurations with each, for each pair of values, would take hours."""
    members = [
        named(costing(0.9 - sparse, 1000 + i, 5000 - i, 10 + i % 7), f"digits+filters={8 + i}+sparse{sparse}")
        for i in range(300)
        for sparse in (0.1, 0.2)
    ]
    begin = time.process_time()
    (found,) = sweeps.sections(members, {})
    assert time.process_time() - begin < 60
    assert found["count"] == 600 and len(found["effects"]) == 1 + 299


def test_what_was_chosen_is_in_name_record_and_details() -> None:
    m = named(SWEEP[0], "digits+kernel=5+channels0.25+qat")
    found = sweeps.choices(replace(m, optimize="ram"), {m.model_sha256: Origin("100 samples")})
    assert found == {
        "mode": "int8",
        "runtime": m.runtime,
        "optimize": "ram",
        "calibration": "100 samples",
        "channels": "0.25",
        "sparse": "0",
        "qat": "yes",
        "filters": "16",
        "kernel": "5",
    }
    assert sorted(["0.5", "int16x8", "0.25", "int8", "10"], key=sweeps._order) == [
        "0.25",
        "0.5",
        "10",
        "int8",
        "int16x8",
    ]


def test_the_page_shows_front_and_choices() -> None:
    (found,) = sweeps.sections(SWEEP, {})
    assert (found["title"].partition(" on ")[0], found["count"]) == ("digits", 5)
    assert [row["model"] for row in found["front"]] == [SWEEP[i].model for i in (0, 2, 1, 3)]
    assert [chart["title"].split()[2] for chart in found["charts"]] == ["flash", "RAM", SWEEP[0].clock.unit]
    hover = f"digits+filters=8 int8, {SWEEP[1].runtime}: accuracy 0.9600, flash 1,000, RAM 400, 500 "
    assert all(f"<title>{hover}" in chart["svg"] for chart in found["charts"])
    text = Page(page.html(SWEEP)).text
    assert "4 of 5 on the front" in text and "8 → 16" in text


def test_a_few_measurements_are_no_sweep() -> None:
    assert sweeps.sections(SWEEP[:3], {}) == []
    assert sweeps.sections([SWEEP[0]] * 9, {}) == [], "the newest of one configuration"
    unscored = [replace(m, accuracy=None) for m in SWEEP]
    (found,) = sweeps.sections(unscored, {})
    assert found["charts"] == [] and {row["accuracy"] for row in found["effects"]} == {""}
