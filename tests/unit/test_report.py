"""Reports: the terminal's tables and JSON on stdout, with whatever names users give."""

import json
import re
from dataclasses import dataclass, replace
from io import StringIO

import pytest
from rich.console import Console
from test_records import BOARD, FOUND, RECORD

from tools import pipeline, report
from tools.compare import Comparison
from tools.compare.layers import Difference, Layer
from tools.errors import KerfError
from tools.report import page, records, wording
from tools.values import Clock, Measurement, Request

EVIL = "\"'</script><script>alert(1)</script>&\\ */\n\x1b[2J ünï \x9b1m\u202e\u200b"


@dataclass(frozen=True)
class Outcome:
    measurement: Measurement
    retries: int = 0


def shown(function, *values, width: int = 200) -> str:  # type: ignore[no-untyped-def]
    text = StringIO()
    function(*values, False, Console(file=text, width=width))
    return text.getvalue()


# --- terminal ---------------------------------------------------------------------------------------------------------


def test_run_shows_what_matters() -> None:
    text = shown(report.show_run, Outcome(RECORD, retries=2))
    for part in (
        "24,000 bytes = 16,000 code + 8,000 model",
        "5,000 bytes = 800 static + 3,600 arena + 600 stack",
        "3,000,001 instructions (median of 360; min 3,000,000, p99 3,000,100)",
        "0.9944 on the device, 0.9944 on the host",
        "2 frames were resent",
        "All 360 samples equal the oracle bit for bit.",
    ):
        assert part in text
    assert re.search(r"conv1 +CONV_2D +2,900,000 +100\.0%", text)
    assert " ms" not in text, "an emulator's instructions are no time"


def test_run_on_a_board_gives_time() -> None:
    text = shown(report.show_run, Outcome(BOARD))
    assert "3,000,001 cycles (median of 360; min 3,000,000, p99 3,000,100) = 17.857 ms" in text
    assert "accuracy" not in text and "CONV_2D" not in text


def test_a_firmware_that_was_not_built_here_has_no_sizes() -> None:
    text = shown(report.show_run, Outcome(FOUND))
    assert re.search(r"where +stm32f4, a real board, firmware as found \(build 0123456789abcdef\), runtime", text)
    assert re.search(r"flash, RAM +unknown", text) and "arena" not in text
    results, cost = shown(report.show_bench, [Outcome(FOUND), Outcome(BOARD)]).split("cost, boards")
    for text, sizes in ((results, 2), (cost, 3)):
        found, built = (line.split() for line in text.rstrip().splitlines()[-2:])
        assert "24,000" in built and "5,000" in built and len(found) == len(built) - sizes


@pytest.mark.parametrize("measure", ["accuracy", "R²"])
def test_compressed_models_are_measured_by_what_suits_them(measure: str) -> None:
    pairs = {key: [2, 1] for key in ("accuracy", "parameters", "bytes", "zip_bytes")}
    row = {"model": "mine", "path": "m.keras", "measure": measure, "sparsity": 0.5, "layers": [], **pairs}
    (heading,) = [line for line in shown(report.show_compressed, [row]).splitlines() if "parameters" in line]
    assert heading.split() == ["model", measure, "parameters", "bytes", "zip_bytes", "sparsity"]


def test_mismatches_are_said() -> None:
    text = shown(report.show_run, Outcome(replace(RECORD, mismatches=7, tolerance=1e-4)))
    assert "7 of 360 samples do not equal the oracle (integers exactly, floats within 0.0001 relative)." in text


def test_litert_in_tflms_place_proves_nothing() -> None:
    steps = {wording.STEPS: 1.0}
    text = shown(report.show_run, Outcome(replace(RECORD, mismatches=7, extra=steps)))
    assert "7 of 360 samples differ from LiteRT's, by at most 1 step; TFLM defines the result" in text
    text = shown(report.show_run, Outcome(replace(RECORD, extra={wording.STEPS: 0.0})))
    assert "All 360 samples equal LiteRT's; TFLM defines" in text and "bit for bit" not in text


def test_floats_between_integers_may_round_a_step() -> None:
    extra = {wording.STEPS: 1.0, wording.ORACLE: "tflite-micro 1, ai-edge-litert 2 for ELU"}
    text = shown(report.show_run, Outcome(replace(RECORD, mismatches=7, extra=extra)))
    assert "7 of 360 samples differ from the oracle, by at most 1 step: the model's float operators may round" in text
    text = shown(report.show_run, Outcome(replace(RECORD, extra=extra | {wording.STEPS: 0.0})))
    assert "All 360 samples equal the oracle bit for bit." in text


def test_names_cannot_move_the_terminals_cursor() -> None:
    text = shown(report.show_run, Outcome(replace(RECORD, model=EVIL)))
    assert "\x1b" not in text and r"\n\x1b[2J ünï" in text


def test_a_quantity_is_shown_where_it_applies() -> None:
    in_sequence = replace(RECORD, quantities={"sequence_length": 1200})
    assert re.search(r"sequence +1,200 samples", shown(report.show_run, Outcome(in_sequence)))
    assert "1,200 samples" in page.html([in_sequence])
    assert "sequence" not in shown(report.show_run, Outcome(RECORD))


def test_json_is_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    report.show_run(Outcome(RECORD), True)
    assert json.loads(capsys.readouterr().out) == records.to_json(RECORD)
    report.show_bench([Outcome(RECORD), Outcome(BOARD)], True)
    assert [json.loads(line)["emulator"] for line in capsys.readouterr().out.splitlines()] == ["qemu", None]


def test_emulated_and_real_never_share_a_table() -> None:
    text = shown(report.show_bench, [Outcome(m) for m in (RECORD, BOARD, RECORD)])
    board, emulated = text.split("emulated, instructions")
    assert "boards, cycles" in board
    assert (board.count("3,000,100"), emulated.count("3,000,100")) == (1, 2)


def test_this_machine_is_no_board() -> None:
    host = replace(BOARD, target="host", clock=Clock("us", 1_000_000))
    text = shown(report.show_run, Outcome(host))
    assert "host, this machine" in text and "real board" not in text and "3,600 bytes" in text
    assert " ms" not in text and "flash" not in text and "RAM" not in text
    board, here = shown(report.show_bench, [Outcome(BOARD), Outcome(host)]).split("this machine, us")
    here, cost = here.split("cost, boards")
    assert "boards, cycles" in board and "24,000" in board and "24,000" not in here and "host" not in cost


def test_bench_shows_where_and_with_what_and_why_not() -> None:
    failed = pipeline.Failure(Request(model="big", mode="int8"), KerfError("It does not fit."))
    text = shown(report.show_bench, [Outcome(RECORD), failed], width=250)
    assert re.search(r"kernels +target +emulator +bytes +flash", text) and re.search(r"stm32f4 +qemu", text)
    assert re.search(r"(?s)failed.*big +int8 +aot +stm32f4 +It does not fit\.", text)


def test_bench_shows_what_was_lost_against_float32_over_as_many_samples() -> None:
    def scored(mode: str, device: float, samples: int) -> Outcome:
        return Outcome(replace(RECORD, mode=mode, samples=samples, accuracy={"device": device, "host": 0.5}))

    runs = [scored("float32", 0.75, 40), scored("int8", 0.7465, 40), scored("int8", 0.7, 41)]
    text = shown(report.show_bench, runs, width=250)
    ends = [line.split()[-4:] for line in text.splitlines() if "qemu" in line]
    assert ends == [["0", "0.7500", "0.5000", "+0.00"], ["0", "0.7465", "0.5000", "+0.35"], ends[2]]
    assert ends[2][-2:] == ["0.7000", "0.5000"]


def test_several_modes_stand_side_by_side() -> None:
    def row(mode: str, accuracy: "dict[str, float] | None") -> "dict[str, object]":
        sizes = {"model_bytes": 10_808, "samples": 360}
        return {"model": "m", "mode": mode, "accuracy": accuracy, "oracle": "TFLM", "path": "here", **sizes}

    rows = [row("int8", {"host": 0.75, "float32": 0.7535, "drop": 0.0035}), row("int4", {"host": 0.5}), row("x", None)]
    lines = shown(report.show_quantized, rows, width=250).splitlines()[2:]
    assert [line.split() for line in lines] == [
        ["m", "int8", "10,808", "360", "0.7500", "+0.35", "TFLM", "here"],
        ["m", "int4", "10,808", "360", "0.5000", "TFLM", "here"],
        ["m", "x", "10,808", "360", "TFLM", "here"],
    ]


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
    assert "none" in shown(report.show_rows, [])


LAYERS = (
    Layer("conv1", "CONV_2D", "int8", 0.5, -128, 41.26, 0.0, 0.001, 0.25, Difference(0.0, 0.0), Difference(0.0, 0.0)),
    Layer(EVIL, "RELU", "int8", 0.5, -128, 150.0, None, None, None, None, Difference(0.125, 3.0)),
)
COMPARISON = Comparison(
    *("digits", "int8", "ab" * 32, "aot", "stm32f4", "qemu", "tflite-micro", 64, 1, LAYERS, EVIL),
    f"Layer {EVIL} is the first.",
)


def test_comparison_layer_by_layer(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(report.show_comparison, COMPARISON, width=300)
    assert re.search(r"0 +CONV_2D +conv1 +int8 +41\.3 +0\.0% +0\.1% +25\.0% +equal +equal", text)
    assert re.search(r"1 +RELU .* int8 +exact +12\.50% by 3", text)
    assert "64 samples on this machine, 1 on the device" in text and "is the first." in text
    assert "\x1b" not in text
    report.show_comparison(COMPARISON, True)
    told = json.loads(capsys.readouterr().out)
    assert told["layers"][1]["device"] == {"share": 0.125, "largest": 3.0}
