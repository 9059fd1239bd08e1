"""What `inv bench` shows of cost: per multiplication, the ratio to tflm, measured or from the baseline, and layers."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from test_records import BOARD, RECORD
from test_report import Outcome

from tools import footprint, report
from tools.errors import BuildError
from tools.report import cost
from tools.values import Clock, Image, Measurement, Project, Timing

ROOT = Path(__file__).resolve().parents[2]


def ran(instructions: int, steps: dict[str, int] | None = None, **changes: Any) -> Measurement:
    """A run with steps of these names; the operators have the same names in capitals."""
    per_op = None if steps is None else tuple({"name": n, "op": n.upper(), "median": t} for n, t in steps.items())
    timing = Timing(instructions, instructions, instructions, 1)
    return replace(RECORD, model="net", invoke=timing, per_op=per_op, accuracy=None, **changes)


def shown(*measurements: Measurement) -> str:
    text = StringIO()
    report.show_bench([Outcome(m) for m in measurements], False, Console(file=text, width=250))
    return text.getvalue()


def rows(title: str, *measurements: Measurement) -> list[list[str]]:
    """The words of each row of the table with this title."""
    lines = shown(*measurements).split(title)[1].splitlines()[3:]
    return [line.split() for line in lines[: [*map(str.strip, lines), ""].index("")]]


FAST = ran(1_000, optimize="speed", quantities={"macs": 800, "model_code_bytes": 5_000})
SMALL = ran(3_000, optimize="size", quantities={"macs": 800})
TFLM = ran(4_000, runtime="tflm", quantities={"macs": 1_000})


def test_tflm_of_the_same_run_is_what_aot_is_compared_with() -> None:
    fast, small, tflm = rows("cost, emulated", FAST, SMALL, TFLM)
    assert fast[:7] == ["net", "int8", "stm32f4", "aot", "speed", "1,000", "1.25"]
    assert fast[7:] == ["16,000", "5,000", "24,000", "5,000", "0.25"]
    assert small[4:7] == ["size", "3,000", "3.75"] and small[-1] == "0.75"
    assert tflm[3:6] == ["tflm", "4,000", "4.00"] and tflm[-1] == "5,000"


def test_tflm_on_another_target_or_of_another_file_is_no_reference() -> None:
    for other in (replace(TFLM, target="mps2-an385"), replace(TFLM, model_sha256="cd" * 32), replace(TFLM, mode="x")):
        assert cost.ratio(FAST, [FAST, other]) is None


def test_the_baseline_stands_in_and_is_marked() -> None:
    known = cost.baselines()[0]
    fast = replace(FAST, model_sha256=known.model_sha256.ljust(64, "0"), target=known.target)
    own, baseline = rows("cost, emulated", fast)
    assert own[-2:] == [f"{1_000 / known.instructions:.2f}", "(baseline)"]
    assert baseline[:6] == [known.model, "int8", known.target, "tflm", "(baseline)", f"{known.instructions:,}"]
    assert baseline[6] == f"{known.instructions / known.macs:.2f}"
    assert cost.ratio(fast, [fast, replace(TFLM, model_sha256=fast.model_sha256)]) == (0.25, False)


def test_a_board_is_not_compared_with_an_emulator() -> None:
    known = cost.baselines()[0]
    board = replace(BOARD, optimize="speed", model_sha256=known.model_sha256.ljust(64, "0"), target=known.target)
    assert cost.reference(board, [board]) is None
    assert rows("cost, boards", board)[0][:5] == ["my", '"model"\\n</script>', "int8", "stm32f4", "aot"]


def test_this_machine_has_no_cost() -> None:
    assert cost.tables([replace(BOARD, target="host", clock=Clock("us", 1_000_000))]) == []


def test_the_estimate_of_cycles_is_a_column_where_there_is_one() -> None:
    estimated = replace(FAST, quantities=FAST.quantities | {"cycles_estimate": 1_700})
    assert "cycles (estimate)" in shown(estimated) and "cycles (estimate)" not in shown(FAST)
    assert rows("cost, emulated", estimated, SMALL)[0][5:8] == ["1,000", "1,700", "1.25"]


def test_layers_are_those_that_every_run_has_apart() -> None:
    aot = ran(60, {"a": 10, "b + c": 20, "d": 30}, optimize="speed")
    ram = ran(60, {"a + b + c": 40, "d": 30}, optimize="ram")
    tflm = ran(99, {"a": 1, "b": 2, "c": 3, "d": 4, "gone": 5}, runtime="tflm")
    assert cost.by_layer([aot, tflm]) == [
        ("a", "A", [10, 1]),
        ("b + c", "B + C", [20, 5]),
        ("d", "D", [30, 4]),
        ("gone", "GONE", [None, 5]),
    ]
    assert cost.by_layer([aot, ram, tflm])[:2] == [("a + b + c", "A + B + C", [30, 40, 6]), ("d", "D", [30, 30, 4])]


def test_layers_are_shown_where_several_firmwares_ran_the_model() -> None:
    long = "a" * 40  # a title is wrapped to the width of its table
    aot, tflm = ran(9, {long: 9}, optimize="speed"), ran(8, {long: 8}, runtime="tflm")
    assert rows("net int8 on stm32f4, layer by layer, instructions", aot, tflm) == [[long, long.upper(), "9", "8"]]
    assert "layer by layer" not in shown(aot, replace(tflm, target="mps2-an385"))
    assert "layer by layer" not in shown(aot, replace(tflm, per_op=None))


def test_the_documentation_has_the_baseline() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    missing = [b for b in cost.baselines() if f"{b.instructions:,}" not in page]
    assert missing == []


def test_sizes_of_what_is_no_firmware_are_an_error(tmp_path: Path) -> None:
    elf = tmp_path / "firmware.elf"
    elf.write_bytes(b"no ELF")
    project = Project({}, "empty", "int8", "", 0, "aot", "stm32f4", "portable", 0, ())
    with pytest.raises(BuildError, match="cannot be read as an ELF file"):
        footprint.bench_code_bytes(Image(elf, project, {"code": 1}, 0, 0, True))
