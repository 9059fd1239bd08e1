"""Reports: the terminal's tables, JSON on stdout, and the HTML page with whatever names users give."""

import json
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from test_records import BOARD, RECORD

from tools import page, records, report
from tools.graph.ir import DType, Graph, Op, Placement, Plan, Tensor
from tools.values import Measurement, Vectors

EVIL = "\"'</script><script>alert(1)</script>&\\ */\n\x1b[2J ünï"


@dataclass(frozen=True)
class Outcome:
    measurement: Measurement
    retries: int = 0


def details(measurement: Measurement = RECORD) -> page.Details:
    tensors = tuple(Tensor(i, f"{EVIL}{i}", (1, 16), DType.INT8) for i in range(3))
    ops = (Op(0, "RELU", "first", (0,), (1,)), Op(1, "RELU", EVIL, (1,), (2,)))
    places = {0: Placement(0, 16, -1, 0), 1: Placement(16, 16, 0, 1), 2: Placement(0, 16, 1, 2)}
    plan = Plan(48, places, {(1, 0): Placement(32, 16, 1, 1)})
    outputs = (np.array([[9, 1], [1, 9], [9, 1]], np.int8),)
    vectors = Vectors(outputs, outputs, np.array([0, 1, 1]), (EVIL,), "tflite-micro 1", True)
    return page.Details(
        measurement, Graph("g", "", 0, tensors, ops, (0,), (2,)), plan, vectors, outputs, 1 << 20, 1 << 17
    )


def shown(function, *values, width: int = 200) -> str:  # type: ignore[no-untyped-def]
    text = StringIO()
    function(*values, False, Console(file=text, width=width))
    return text.getvalue()


class Page(HTMLParser):
    """Checks that elements are closed in order; gathers tags, attributes and visible text."""

    VOID = ("meta", "line", "rect")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


# --- terminal ---------------------------------------------------------------------------------------------------------


def test_run_shows_what_matters() -> None:
    text = shown(report.show_run, Outcome(RECORD, retries=2))
    for part in (
        "24,000 bytes = 16,000 code + 8,000 model",
        "5,000 bytes = 800 static + 3,600 arena + 600 stack",
        "3,000,001 instructions (median of 360; min 3,000,000, p99 3,000,100)",
        "0.9944 on the device, 0.9944 on the host",
        "2 frames were sent again",
        "All 360 samples equal the oracle bit for bit.",
    ):
        assert part in text
    assert re.search(r"conv1 +CONV_2D +2,900,000 +100\.0%", text)
    assert " ms" not in text, "an emulator's instructions are no time"


def test_run_on_a_board_gives_time() -> None:
    text = shown(report.show_run, Outcome(BOARD))
    assert "3,000,001 cycles (median of 360; min 3,000,000, p99 3,000,100) = 17.857 ms" in text
    assert "accuracy" not in text and "CONV_2D" not in text


def test_mismatches_are_said() -> None:
    text = shown(report.show_run, Outcome(replace(RECORD, mismatches=7, tolerance=1e-4)))
    assert "7 of 360 samples do not equal the oracle (integers exactly, floats within 0.0001 relative)." in text


def test_names_cannot_move_the_terminals_cursor() -> None:
    text = shown(report.show_run, Outcome(replace(RECORD, model=EVIL)))
    assert "\x1b" not in text and r"\n\x1b[2J ünï" in text
    assert report.plain("[bold]x[/bold]\t") == r"[bold]x[/bold]\t"


def test_json_is_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    report.show_run(Outcome(RECORD), True)
    assert json.loads(capsys.readouterr().out) == records.to_json(RECORD)
    report.show_measurements([RECORD, BOARD], True)
    assert [json.loads(line)["emulator"] for line in capsys.readouterr().out.splitlines()] == ["qemu", None]


def test_emulated_and_real_never_share_a_table() -> None:
    text = shown(report.show_measurements, [RECORD, BOARD, RECORD])
    board, emulated = text.split("emulated, instructions")
    assert "boards, cycles" in board
    assert (board.count("3,000,100"), emulated.count("3,000,100")) == (1, 2)


def test_rows() -> None:
    rows = [
        {"name": "a", "bytes": 12_345, "runtimes": ("aot", "tflm"), "ok": True},
        {"n": "b", "b": 1, "r": (), "o": None},
    ]
    text = shown(report.show_rows, rows)
    assert re.search(r"name +bytes +runtimes +ok", text)
    assert re.search(r"a +12,345 +aot, tflm +yes", text)
    assert re.search(r"b +1 +-", text)
    assert re.search(r"name +a\b", shown(report.show_rows, rows[:1]))
    assert "nothing" in shown(report.show_rows, [])


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_page_shows_run_and_history() -> None:
    text = Page(page.html([BOARD, RECORD], details())).text
    for part in (
        "All 360 samples equal the oracle (tflite-micro 1) bit for bit.",
        "Flash: 24,000 bytes, 2.3 % of 1,048,576",
        "RAM: 5,000 bytes, 3.8 % of 131,072",
        "Emulated: instructions",
        "Real boards: cycles",
        "The arena of 48 bytes",
        "first: 16 bytes at 16, first … ",
        "scratch 0 of ",
    ):
        assert part in text


def test_what_users_name_stays_text() -> None:
    measurement = replace(RECORD, model=EVIL, per_op=({"name": EVIL, "op": "RELU", "median": 1},))
    found = Page(page.html([measurement], details(measurement)))
    assert "script" not in found.tags
    assert found.text.count("</script><script>alert(1)</script>") >= 5  # title, heading, layer, buffers, class, table
    assert {name for name, _ in found.attributes} <= {
        *("lang", "charset", "name", "content", "class", "style", "title", "role", "aria-label"),
        *("viewbox", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "width", "height"),
    }


def test_page_needs_nothing_from_elsewhere() -> None:
    text = page.html([RECORD], details())
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(|src=|<link|<script", text.replace("</script>", ""), re.IGNORECASE
    )
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text


def test_page_is_the_same_every_time() -> None:
    assert page.html([RECORD], details()) == page.html([RECORD], details())


def test_page_without_details_and_without_records() -> None:
    text = Page(page.html([BOARD])).text
    assert "a real board" in text and "Memory plan" not in text and "Where the time goes" not in text
    assert "There are no measurements yet." in Page(page.html([])).text


def test_memory_plan_is_drawn_to_scale() -> None:
    drawn = page._plan(details().graph, details().plan)
    column, row = page.PLAN_WIDTH / 4, page.PLAN_HEIGHT / 3
    boxes = [tuple(float(b[key]) for key in ("x", "y", "width", "height")) for b in drawn["buffers"]]
    assert boxes == [
        pytest.approx(expected, abs=0.01)
        for expected in (
            (0, 2 * row, 2 * column, row),  # the input, at offset 0, until the first operator is done
            (column, row, 2 * column, row),
            (2 * column, 2 * row, 2 * column, row),  # the output takes its place
            (2 * column, 0, column, row),  # scratch of the second operator alone
        )
    ]


def test_classes_count_what_the_device_said() -> None:
    rows = page._classes(details())
    assert [(row["name"], row["samples"], row["right"]) for row in rows] == [(EVIL, "1", "1"), ("1", "2", "1")]
