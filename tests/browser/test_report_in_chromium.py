"""The report in a browser: no errors, tables sort, headings work by keyboard, a phone needs no sideways scrolling."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.compare import Comparison
from tools.compare.causes import LOW_SQNR_DB
from tools.compare.layers import Difference, Layer
from tools.report import details, page
from tools.report.baseline import Origin
from tools.values import Clock, Measurement, Timing

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed; get it with: sudo apt-get install chromium"),
]
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars"),
    *("--enable-logging=stderr", "--log-level=0", "--virtual-time-budget=5000"),
)
LONG = "a_layer_of_a_name_without_any_blank_" * 4
EVIL = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"


def measurement(mode: str, flash: int, median: int, accuracy: float, board: bool = False) -> Measurement:
    return Measurement(
        model=f"digits {EVIL}",
        mode=mode,
        model_sha256="ab" * 32,
        model_bytes=flash // 2,
        runtime="aot",
        target="stm32f4",
        emulator=None if board else "qemu",
        kernels="portable",
        flash_bytes={"total": flash, "code": flash // 2, "model": flash - flash // 2},
        ram_bytes={"total": 5_000, "static": 800, "arena": 3_600, "stack": 600},
        clock=Clock("cycles", 168_000_000) if board else Clock("instructions", None),
        invoke=Timing(median - 1, median, median + 1, 360),
        setup=1_200,
        per_op=tuple({"name": f"{LONG}{i}", "op": "CONV_2D", "median": 10**i} for i in range(4)),
        samples=360,
        mismatches=0,
        tolerance=0.0,
        accuracy={"device": accuracy, "host": accuracy},
        kerf="0.1.0",
        commit="c" * 40,
    )


MEASUREMENTS = [
    measurement("float32", 900_000, 3_000_000, 0.7041),
    measurement("dynamic", 250_000, 20_000_000, 0.7039),
    measurement("int8", 100_000, 1_000_000, 0.7012, board=True),
    measurement("int8", 99_000, 1_000_000, 0.7012),
]


def report() -> str:
    steps = ["input", *(f"{LONG}{i}" for i in range(20)), "output"]
    buffers = [{"name": EVIL, "offset": 100 * i, "bytes": 100, "first": i, "last": i + 1} for i in range(21)]
    names = [EVIL, *(f"class {i}" for i in range(19))]
    picture = {
        "sample": 1,
        "png": details.png(np.zeros((8, 8, 3)), 0, 1),
        "label": EVIL,
        "predicted": LONG,
        "score": 0.5,
        "right": False,
    }
    kept = {
        "oracle": "tflite-micro",
        "calibration": None,
        "flash_limit_bytes": 1 << 20,
        "ram_limit_bytes": 1 << 17,
        "sections": [{"name": EVIL, "address": 1 << 27, "flash_bytes": 5, "ram_bytes": 6}],
        "plan": {"arena_bytes": 2_200, "steps": steps, "buffers": buffers},
        "classes": {"names": names, "matrix": [[10] * 20] * 20},
        "pictures": [picture] * 20,
    }
    layers = tuple(
        Layer(f"{LONG}{i}", "CONV_2D", "int8", 0.1, 0, 30.0 - i, 0.0, 0.0, 0.5, None, Difference(0.0, 0.0))
        for i in range(20)
    )
    identity = ("digits", "int8", "ab" * 32, "aot", "stm32f4", "qemu", "tflite-micro", 64, 1)
    comparison = Comparison(*identity, layers, layers[11].name, f"{EVIL} {LOW_SQNR_DB}").to_json()
    origins = {"ab" * 32: Origin("500 of 50,000 samples, balanced over the classes")}
    return page.html(MEASUREMENTS, kept, json.loads(json.dumps(comparison)), origins)


def chromium(path: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """What --dump-dom and the like print, and the messages on the console."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", *options, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, re.findall(r"^\[.*CONSOLE.*$", done.stderr, re.MULTILINE)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Any]:
    """The value of a JavaScript expression in the report, whose policy is removed so that this script may run, too."""

    def evaluate(script: str, width: int = 1200) -> Any:
        text = report()
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        told = "document.body.dataset.told = JSON.stringify((() => {" + script + "})());"
        file = tmp_path / "asked.html"
        file.write_text(text.replace("</body>", f"<script>{told}</script></body>"), encoding="utf-8")
        dom, console = chromium(file, tmp_path / "profile", "--dump-dom", f"--window-size={width},900")
        assert console == []
        found = re.search(r'<body[^>]* data-told="([^"]*)"', dom)
        assert found, dom[:500]
        return json.loads(found[1].replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">"))

    return evaluate


def test_the_page_as_it_is_runs_its_script_alone_and_without_errors(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(), encoding="utf-8")
    dom, console = chromium(file, tmp_path / "profile", "--dump-dom")
    assert console == []
    assert '<th aria-sort="none"><button type="button">model</button></th>' in dom
    assert "<title>hacked" not in dom and "<title>kerf report: digits" in dom


def test_a_script_that_is_not_the_pages_own_does_not_run(tmp_path: Path) -> None:
    """The policy that the other tests remove is really there, and works."""
    file = tmp_path / "report.html"
    file.write_text(report().replace("</body>", "<script>document.title = 'hacked'</script></body>"), encoding="utf-8")
    dom, console = chromium(file, tmp_path / "profile", "--dump-dom")
    assert "<title>hacked" not in dom
    assert any("Content Security Policy" in line for line in console)


COLUMN = """
const table = document.querySelector("table.sortable");
const heading = [...table.tHead.rows[0].cells].find((cell) => cell.textContent === "NAME");
const column = () => [...table.tBodies[0].rows].map((row) => row.cells[heading.cellIndex].textContent);
const button = heading.querySelector("button");
const order = () => heading.getAttribute("aria-sort");
"""


def test_a_heading_sorts_by_numbers_and_again_the_other_way(ask: Callable[..., Any]) -> None:
    script = COLUMN.replace("NAME", "flash bytes")
    told = ask(script + "const a = order(); button.click(); const b = [order(), column()];"
                        "button.click(); return [a, b, order(), column()];")  # fmt: skip
    ascending = ["99,000", "250,000", "900,000"]
    assert told == ["none", ["ascending", ascending], "descending", ascending[::-1]]


def test_a_heading_sorts_by_text_and_only_one_heading_at_a_time(ask: Callable[..., Any]) -> None:
    script = COLUMN.replace("NAME", "mode")
    told = ask(script + "table.tHead.rows[0].cells[0].querySelector('button').click(); button.click();"
                        "return [column(), table.querySelectorAll('[aria-sort=ascending]').length];")  # fmt: skip
    assert told == [["dynamic", "float32", "int8"], 1]


def test_headings_are_reached_by_keyboard_and_say_so(ask: Callable[..., Any]) -> None:
    script = COLUMN.replace("NAME", "drop")
    # Whether a page that no window shows has the focus, and so a ring, depends on the machine's load: the rule is read.
    told = ask(script + "button.focus(); const sheets = [...document.styleSheets];"
                        "const rules = sheets.flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText);"
                        "const ring = rules.filter((rule) => rule.startsWith('th button:focus-visible'));"
                        "return [document.activeElement === button, button.tabIndex, ring.join().match(/solid/)?.[0],"
                        "[...document.querySelectorAll('.scroll')].every((area) => area.tabIndex === 0)];")  # fmt: skip
    assert told == [True, 0, "solid", True]


def test_measurements_need_no_sideways_scrolling_on_a_screen(ask: Callable[..., Any], monkeypatch: Any) -> None:
    """With names and numbers as long as in practice."""
    large = replace(MEASUREMENTS[3], model="mobilenet_v1+channels0.5+sparse0.7+qat", mode="int16x8", kernels="CMSIS-NN")
    large = replace(large, invoke=Timing(1, 116_039_225, 2, 1_000), samples=1_000, target="mps3-an547")
    monkeypatch.setattr(
        f"{__name__}.MEASUREMENTS", [replace(large, flash_bytes=dict.fromkeys(large.flash_bytes, 270_092))]
    )
    told = ask(
        "const table = document.querySelector('#table1 + .scroll');"
        "return [table.scrollWidth, table.clientWidth, table.querySelector('tbody tr').clientHeight];"
    )
    assert told[0] == told[1]
    assert told[2] < 100, "no column is so narrow that its text piles up"


def test_earlier_measurements_wait_behind_their_summary(ask: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(f"{__name__}.MEASUREMENTS", [MEASUREMENTS[3]] * 3)
    told = ask(
        "const all = document.querySelector('#table1 ~ details'); const closed = all.open;"
        "all.querySelector('summary').click(); const table = all.querySelector('table');"
        "const heading = table.tHead.rows[0].cells[0]; heading.querySelector('button').click();"
        "return [closed, all.open, table.tBodies[0].rows.length, heading.getAttribute('aria-sort')];"
    )
    assert told == [False, True, 2, "ascending"]


@pytest.mark.parametrize("width", [500, 800, 1200])
def test_only_the_parts_of_the_page_scroll_sideways(ask: Callable[..., Any], width: int) -> None:
    told = ask("return [document.documentElement.scrollWidth, innerWidth];", width)
    assert told == [width, width]


def test_a_phone_needs_no_sideways_scrolling(ask: Callable[..., Any]) -> None:
    """In a frame of a phone's width, since a window of Chromium's is at least 500 wide."""
    told = ask(
        "const frame = document.createElement('iframe'); frame.style.width = '360px'; frame.style.border = '0';"
        "document.body.append(frame); const inner = frame.contentDocument;"
        "inner.documentElement.innerHTML = document.documentElement.innerHTML;"
        "const root = inner.documentElement; return [root.clientWidth, root.scrollWidth];"
    )
    assert told == [360, 360]


def test_a_tables_first_column_stays_while_the_others_scroll(ask: Callable[..., Any]) -> None:
    """And leaves room for them on a phone, whatever the names."""
    told = ask(
        "const frame = document.createElement('iframe'); frame.style.width = '380px'; document.body.append(frame);"
        "const inner = frame.contentDocument;"
        "inner.documentElement.innerHTML = document.documentElement.innerHTML;"
        "const shown = [...inner.querySelectorAll('.scroll:has(> table)')].filter((area) => area.checkVisibility());"
        "return shown.map((area) => {"
        "area.scrollLeft = 90; const cell = area.querySelector('tbody tr').cells[0].getBoundingClientRect();"
        "return [area.scrollLeft, cell.left - area.getBoundingClientRect().left,"
        "cell.width > 90 && cell.width < 0.5 * area.clientWidth];"
        "});"
    )
    assert len(told) >= 6 and all(row[1:] == [0, True] for row in told), told
    assert any(row[0] == 90 for row in told)


def test_dark_is_dark(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report(), encoding="utf-8")
    corners = []
    for option in (
        "--blink-settings=preferredColorScheme=1",
        "--blink-settings=preferredColorScheme=0",
    ):
        picture = tmp_path / "shot.png"
        chromium(file, tmp_path / "profile", f"--screenshot={picture}", "--window-size=800,600", option)
        with Image.open(picture) as image:
            corners.append(image.convert("RGB").getpixel((2, 2)))
    assert corners == [(255, 255, 255), (15, 19, 24)]
