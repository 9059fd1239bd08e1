"""The Pareto front: what no other measurement from the same place beats."""

from dataclasses import replace
from typing import Any

from test_report import BOARD, RECORD

from tools.report import front
from tools.values import Measurement, Timing


def costing(accuracy: float, flash: int, ram: int, time: int, **others: Any) -> Measurement:
    return replace(
        RECORD,
        accuracy={"device": accuracy, "host": accuracy},
        flash_bytes={"total": flash, "code": flash, "model": 0},
        ram_bytes={"total": ram, "static": ram, "arena": 0, "stack": 0},
        invoke=Timing(time, time, time, 1),
        **others,
    )


def test_only_what_is_beaten_in_everything_is_left_out() -> None:
    best = [costing(0.9, 10, 10, 10), costing(0.8, 9, 10, 10), costing(0.8, 10, 9, 10), costing(0.8, 10, 10, 9)]
    beaten = [costing(0.9, 11, 10, 10), costing(0.8, 10, 10, 10), costing(0.1, 99, 99, 99)]
    assert front.front([*beaten, *best]) == [3, 4, 5, 6]
    assert front.front([best[0], best[0]]) == [0, 1], "equal ones do not beat each other"


def test_places_do_not_compete() -> None:
    slow = costing(0.5, 99, 99, 99)
    elsewhere = [replace(slow, target="mps3-an547"), replace(slow, model="other"), replace(slow, samples=7)]
    assert front.front([costing(0.9, 1, 1, 1), slow, *elsewhere]) == [0, 2, 3, 4]
    assert front.front([costing(0.9, 1, 1, 1), BOARD]) == [0, 1]


def test_sizes_that_are_unknown_and_this_machine_do_not_count() -> None:
    assert front.front([replace(RECORD, flash_bytes=None), replace(RECORD, target="host", emulator=None)]) == []
