"""A bad day of the bench: builds fail, a board vanishes, another has the wrong firmware; all the rest is measured."""

from itertools import product
from pathlib import Path

import bad_bench
import pytest
from bad_bench import MODELS, TARGETS

TROUBLES = {
    ("bell", "mps2-an385"): "compiler",
    ("step", "stm32f4"): "full disk",
    ("door", "nano33ble"): "gone",
    ("step", "nano33ble"): "other firmware",
}


def test_failures_are_objects_among_the_records(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with bad_bench.bench(tmp_path, TROUBLES) as bench:
        ended = bench(True)
        bad_bench.check(capsys.readouterr().out, TROUBLES, ended)


def test_failures_are_rows_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with bad_bench.bench(tmp_path, TROUBLES) as bench:
        ended = bench(False)
    assert ended is not None
    assert (ended.code, ended.message) == (1, "kerf: 4 of 9 runs failed (see the table); the others are recorded")
    results, _, failures = capsys.readouterr().out.partition("\nfailed ")
    results = results.partition("\ncost")[0]
    for run in product(MODELS, TARGETS):
        model, target = run
        measured = [row for row in results.splitlines() if {model, target} <= set(row.split())]
        failed = [row for row in failures.splitlines() if f"{model}.tflite" in row and row.split()[2] == target]
        assert (len(measured), len(failed)) == ((0, 1) if run in TROUBLES else (1, 0))
        assert all(bad_bench.TROUBLES[TROUBLES[run]].partition("{")[0][:60] in row for row in failed)
