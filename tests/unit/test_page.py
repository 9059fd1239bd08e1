"""The HTML pages: what they show, that names from users cannot break out of it, and that they need no network."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_records import BOARD, FOUND, RECORD
from test_report import COMPARISON, EVIL

from tools import inspect
from tools.cores import find
from tools.graph.ir import (
    DType,
    Graph,
    KernelCall,
    Op,
    Placement,
    Plan,
    Quantization,
    Read,
    Schedule,
    Scratch,
    Step,
    Tensor,
    Write,
)
from tools.report import charts, details, inspect_page, kept, page, wording
from tools.report.sections import Section
from tools.values import Quantized, Target, Vectors
from tools.visible import visible

SCORES = Quantization((1 / 256,), (-128,))
SECTIONS = (Section(".text", 0x08000000, 24_000, 0), Section(".data", 0x20000000, 100, 100))
TARGET = Target("t", "", "b", None, "cortexm", find("cortex-m4"), 1, 1 << 17, 1 << 20, ("aot",), {}, {})


def graph() -> Graph:
    weights = np.arange(-32, 32, dtype=np.int8).reshape(4, 16)
    tensors = (
        *(Tensor(i, f"{EVIL}{i}", (1, 16), DType.INT8, SCORES) for i in range(3)),
        Tensor(3, EVIL, (4, 16), DType.INT8, Quantization((0.5, 1.0, 2.0, 4.0), (0, 0, 0, 0)), weights),
    )
    ops = (Op(0, "RELU", "first", (0,), (1,)), Op(1, "FULLY_CONNECTED", EVIL, (1, 3), (2,)))
    return Graph("g", "ab" * 32, 1000, tensors, ops, (0,), (2,))


PLACES = {0: Placement(0, 16, -1, 0), 1: Placement(16, 16, 0, 1), 2: Placement(0, 16, 1, 2)}
PLAN = Plan(48, PLACES, {(1, 0): Placement(32, 16, 1, 1)})


def schedule() -> Schedule:
    calls = (
        KernelCall("", "", (), (Read(0), Write(1))),
        KernelCall("", "", (), (Read(1), Read(3), Scratch(16), Write(2))),
    )
    steps = tuple(Step((op,), call, "portable") for op, call in zip(graph().ops, calls, strict=True))
    return Schedule(graph(), steps)


def kept_details(plan: Plan | None = PLAN) -> dict[str, Any]:
    """Of three samples, the second and third of class 1; the third is taken for class 0."""
    images = np.zeros((3, 8, 8, 1), np.int8)
    images[1] = 127
    outputs = (np.array([[127, -128], [-128, 127], [102, -103]], np.int8),)
    vectors = Vectors((images,), outputs, np.array([0, 1, 1]), (EVIL,), "tflite-micro 1", True)
    quantized = Quantized("m", "int8", b"", "ab" * 32, Path("m.tflite"), vectors, "500 samples")
    found = details.of(quantized, graph(), schedule(), plan, outputs, TARGET, SECTIONS)
    return json.loads(json.dumps(found, allow_nan=False))  # as it comes back from the disk


def comparison() -> dict[str, Any]:
    return json.loads(json.dumps(COMPARISON.to_json(), allow_nan=False))


class Page(HTMLParser):
    """Checks that elements are closed in order; gathers tags, attributes and visible text."""

    VOID = ("meta", "img", "br", "wbr")

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


# --- the report -------------------------------------------------------------------------------------------------------


def test_page_shows_run_and_history() -> None:
    text = Page(page.html([BOARD, RECORD], kept_details(), comparison())).text
    for part in (
        "All 360 samples equal the oracle (tflite-micro 1) bit for bit.",
        "calibrated with 500 samples",
        "24,000 bytes, 2.3 % of 1,048,576",
        "5,000 bytes, 3.8 % of 131,072",
        "0x08000000",
        "Emulated, instructions",
        "On boards, cycles",
        "The arena of 48 bytes",
        "first: 16 bytes at 16, first … ",
        "scratch 0 of ",
        "12.50 %, by 3",
        "99.44 %",
    ):
        assert part in text
    assert "Not compared yet" not in text


def test_page_says_where_litert_stood_in_for_tflm() -> None:
    found = {**kept_details(), "oracle": "ai-edge-litert 2.3.0", wording.STEPS: 2.0}
    text = page.html([replace(RECORD, mismatches=3)], found)
    assert "3 of 360 samples differ from LiteRT&#39;s, by at most 2 steps" in text and "bit for bit" not in text


def test_page_of_a_firmware_that_was_not_built_here() -> None:
    found = {**kept_details(), "plan": None, "sections": [], "flash_limit_bytes": None, "ram_limit_bytes": None}
    text = re.sub(r"\s+", " ", Page(page.html([BOARD, FOUND], found)).text)
    assert "on a real board, firmware as found (build 0123456789abcdef); model of" in text
    assert "flash, bytes" not in text and 'id="memory"' not in page.html([FOUND], found)


def test_what_users_name_stays_text() -> None:
    measurement = replace(RECORD, model=EVIL, per_op=({"name": EVIL, "op": "RELU", "median": 1},))
    other = replace(measurement, mode=EVIL, flash_bytes={"total": 1, "code": 1, "model": 0})
    html = page.html([measurement, other], kept_details(), comparison())
    found = Page(html)
    assert html == visible(html, keep="\n"), "nothing that a reader does not see"
    assert found.tags.count("script") == 1
    assert found.text.count("</script><script>alert(1)</script>") >= 8  # title, heading, layers, buffers, classes, rows
    names = {name for name, _ in found.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert {value for name, value in found.attributes if name in ("href", "src") and value[0] != "#"} <= {
        value for name, value in found.attributes if value.startswith("data:image/png;base64,")
    }


def test_page_needs_nothing_from_elsewhere() -> None:
    text = page.html([RECORD, replace(RECORD, mode="float32", model_bytes=1, flash_bytes=BOARD.flash_bytes)])
    text += page.html([RECORD], kept_details(), comparison()) + inspect_page.html(inspect.inspect(graph(), PLAN))
    assert not re.search(r"https?:|@import|url\((?!#)|src=(?!\"data:)|<link", text, re.IGNORECASE)
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text


def test_only_the_pages_own_script_may_run() -> None:
    """The hash in the policy is that of the script's text as the page holds it."""
    import hashlib

    text = page.html([RECORD])
    script = text[text.index("<script>") + len("<script>") : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in text
    assert "default-src &#39;none&#39;" in text


def test_page_is_the_same_every_time() -> None:
    first = page.html([RECORD], kept_details(), comparison())
    assert page.html([RECORD], kept_details(), comparison()) == first


def test_page_without_details_and_without_records() -> None:
    text = Page(page.html([BOARD])).text
    assert "on a real board" in text and "Memory plan" not in text and "Where the time goes" not in text
    assert "Not compared yet: inv compare" in text
    assert "There are no measurements yet." in Page(page.html([])).text


# --- details ----------------------------------------------------------------------------------------------------------


def test_confusion_matrix_counts_what_the_device_said() -> None:
    classes = kept_details()["classes"]
    assert classes == {"names": [EVIL, "1"], "matrix": [[1, 0], [1, 1]]}
    rows = page._classes(classes)["rows"]
    assert [(row["recall"], row["precision"]) for row in rows] == [("100.0 %", "50.0 %"), ("50.0 %", "100.0 %")]


def test_pictures_are_the_inputs_wrong_ones_first() -> None:
    pictures = kept_details()["pictures"]
    assert [(p["sample"], p["right"], p["label"], p["predicted"]) for p in pictures] == [
        (2, False, "1", EVIL),
        (0, True, EVIL, EVIL),
        (1, True, "1", "1"),
    ]
    assert [p["score"] for p in pictures] == [230 / 256, 255 / 256, 255 / 256]
    decoded = [np.asarray(Image.open(io.BytesIO(base64.b64decode(p["png"])))) for p in pictures]
    assert [(a.shape, int(a.min()), int(a.max())) for a in decoded] == [
        ((8, 8), 0, 0),
        ((8, 8), 0, 0),
        ((8, 8), 255, 255),
    ]


def test_wrong_pictures_are_of_every_class() -> None:
    """With twenty wrong answers for the first class alone."""
    labels = np.array([0] * 20 + [1])
    outputs = (np.array([[-128, 127]] * 20 + [[127, -128]], np.int8),)
    vectors = Vectors((np.zeros((21, 8, 8, 1), np.int8),), outputs, labels, ("a", "b"), "tflite-micro 1", True)
    quantized = Quantized("m", "int8", b"", "ab" * 32, Path("m.tflite"), vectors)
    pictures = details.of(quantized, graph(), None, None, outputs, TARGET, ())["pictures"]
    assert len(pictures) == details.MOST_PICTURES
    assert [p["label"] for p in pictures[:2]] == ["a", "b"]


def test_every_class_has_its_turn_among_the_pictures() -> None:
    labels = np.array([0] * 40 + [1, 2, 1])
    picked = details._spread(np.arange(43), labels)
    assert picked[:5] == [0, 40, 41, 1, 42]
    assert len(picked) == details.MOST_PICTURES


def test_inputs_that_are_no_pictures_have_none() -> None:
    vectors = Vectors((np.zeros((3, 9), np.int8),), (np.zeros((3, 2), np.int8),), np.array([0, 1, 1]), (), "", True)
    quantized = Quantized("m", "int8", b"", "", Path("m"), vectors)
    found = details.of(quantized, graph(), None, None, vectors.expected, TARGET, ())
    assert found["pictures"] == [] and found["plan"] is None and found["classes"] is not None
    unlabelled = replace(quantized, vectors=replace(vectors, labels=None))
    assert details.of(unlabelled, graph(), None, None, vectors.expected, TARGET, ())["classes"] is None


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    kept.write(tmp_path, kept.DETAILS, RECORD, kept_details())
    assert kept.read(tmp_path, kept.DETAILS, RECORD) == kept_details()
    assert kept.read(tmp_path, kept.COMPARISON, RECORD) is None
    assert kept.read(tmp_path, kept.DETAILS, BOARD) is None
    file = kept.path(tmp_path, kept.DETAILS, RECORD)
    for text in ("{", "[]", file.read_text().replace(f'"version": {kept.VERSION}', '"version": 0')):
        file.write_text(text)
        assert kept.read(tmp_path, kept.DETAILS, RECORD) is None


@pytest.mark.parametrize("target", ["../../../etc/passwd", "arduino:nano", "a\\b", "x" * 300, ".."])
def test_a_device_does_not_choose_where_its_run_is_kept(tmp_path: Path, target: str) -> None:
    kept.write(tmp_path, kept.DETAILS, replace(FOUND, target=target, runtime="../x"), kept_details())
    (file,) = tmp_path.rglob("*.json")
    assert file.parent == tmp_path and len(file.name) < 200


# --- charts -----------------------------------------------------------------------------------------------------------


def test_pareto_front_is_what_no_other_beats() -> None:
    points = [charts.Point(x, y, "", "", "") for x, y in ((1, 5), (2, 4), (2, 7), (3, 7), (4, 9), (4, 8))]
    assert [(p.x, p.y) for p in charts.pareto(points)] == [(1, 5), (2, 7), (4, 9)]


def test_the_front_is_named_in_the_chart() -> None:
    """Where names would lie on each other, one of them is left to the legend."""
    at = [(20_000.0, 70.0, "cheap"), (40_000.0, 90.0, "dear"), (40_100.0, 90.01, "dearer"), (60_000.0, 80.0, "beaten")]
    points = [charts.Point(x, y, series, "aot", "") for x, y, series in at]
    drawn = Page(charts.scatter("s", "", points, "x", "y", [series for _, _, series in at], ["aot"]))
    names = [name for name in ("cheap", "dear", "dearer", "beaten") if re.search(rf"\b{name}\b", drawn.text)]
    assert names == ["cheap", "dear"]


def test_names_of_columns_are_level_where_there_is_room() -> None:
    def upright(names: list[str]) -> bool:
        return "rotate(-90)" in charts.sqnr("s", "", [(name, 30.0) for name in names]).partition("SQNR, dB")[0]

    assert not upright(["conv1"] * 9) and upright(["conv1"] * 40)


def test_charts_follow_the_pages_colours_and_say_what_they_show() -> None:
    box = charts.Buffer(EVIL, 0, 16, 0, 1, EVIL)
    drawn = Page(charts.memory_plan("plan", EVIL, [box], ["input", "$a_1$", "日本"], 16))
    assert ("aria-label", EVIL) in drawn.attributes and ("role", "img") in drawn.attributes
    assert EVIL in drawn.text and "$a_1$" in drawn.text and "日本" in drawn.text
    colours = {c for _, value in drawn.attributes for c in re.findall(r"#[0-9a-f]{6}", value)}
    assert colours == set(), "every colour is one of the page's variables"
    assert any("var(--c0)" in value for _, value in drawn.attributes)


def test_memory_plan_is_drawn_to_scale() -> None:
    svg = charts.memory_plan(
        "plan",
        "",
        [charts.Buffer("a", 0, 16, 0, 1, "a"), charts.Buffer("b", 16, 32, 1, 1, "b")],
        ["input", "first", "output"],
        48,
    )
    boxes = []
    for path in re.findall(r"<title>[ab]</title>\s*<path d=\"([^\"]*)\"", svg):
        corners = np.array([[float(v) for v in pair] for pair in re.findall(r"([\d.]+) ([\d.]+)", path)])
        boxes.append([*corners.min(axis=0), *np.ptp(corners, axis=0)])
    (ax, ay, aw, ah), (bx, by, bw, bh) = boxes
    assert aw == pytest.approx(2 * bw, rel=1e-4) and bh == pytest.approx(2 * ah, rel=1e-4)
    assert bx == pytest.approx(ax + bw, rel=1e-4), "b begins a step later"
    assert ay == pytest.approx(by + bh, rel=1e-4), "a lies below b"


# --- inspect ----------------------------------------------------------------------------------------------------------


def test_inspection_shows_weights_as_real_numbers_and_as_stored() -> None:
    found = inspect.inspect(graph(), PLAN)
    reals = found["tensors"][3]["reals"]
    assert reals["source"] == "dequantized"
    assert (reals["histogram"]["min"], reals["histogram"]["max"]) == (-16 * 1.0, 31 * 4.0)
    html = inspect_page.html(found)
    text = Page(html)
    assert html == visible(html, keep="\n")
    assert text.tags.count("svg") == 2
    assert "4 channels, 0.5 … 4" in text.text and "recovered from the integers" in text.text
    assert visible(EVIL, keep="\n") in text.text and text.tags.count("script") == 1


def test_inspection_takes_the_original_weights_where_there_are_any() -> None:
    mine = graph()
    real = np.linspace(-3, 5, 64, dtype=np.float32).reshape(4, 16)
    tensors = tuple(replace(t, dtype=DType.FLOAT32, quantization=None) for t in mine.tensors[:3])
    original = replace(mine, tensors=(*tensors, Tensor(3, "w", (4, 16), DType.FLOAT32, None, real)))
    reals = inspect.inspect(mine, PLAN, original)["tensors"][3]["reals"]
    assert reals["source"] == "original"
    assert (reals["histogram"]["min"], reals["histogram"]["max"]) == (-3.0, 5.0)
    assert "of the Keras model" in inspect_page.html(inspect.inspect(mine, PLAN, original))
