"""The operators' case tables on every core, compiled as firmware is: the kernels a core gets equal the oracle there,
and write nowhere but to their own tensors.

The suite runs one in Board.stride cases on each core, fewer of large tables, and different ones on each core;
`inv soak --only cores` runs them all, at -O2 and at -Os.
"""

from collections.abc import Sequence
from pathlib import Path

import against_tflm
import numpy as np
import on_core
import pytest
import test_int4
from single_op import OpSpec
from tables import tables

from tools.graph import guards
from tools.values import FLOAT_TOLERANCE

pytestmark = [pytest.mark.emulator, pytest.mark.sampled, pytest.mark.timeout(14400)]

MOST = 3  # of each table, the suite runs at most MOST cases on each core

ORACLES = {"tflm": against_tflm.run_tflm, "litert": against_tflm.run_litert}
# Their float32 kernels call the C library, and the device's rounds differently from this machine's.
NOT_EXACT = {
    *("COS", "ELU", "EXP", "LOG", "SIN", "TANH", "LOGISTIC", "SOFTMAX", "LOG_SOFTMAX", "UNIDIRECTIONAL_SEQUENCE_LSTM")
}


def chosen(oracle: str, core: str, every: bool) -> dict[str, Sequence[OpSpec]]:
    """The cases of a core, each named after its table."""
    first = list(on_core.BOARDS).index(core)
    some: dict[str, Sequence[OpSpec]] = {}
    for table, named in tables(oracle).items():
        cases = [(f"{table}: {name}", case) for name, case in named.items()]
        some |= cases if every else cases[first :: max(on_core.BOARDS[core].stride, len(cases) // MOST)]
    return some


@pytest.mark.parametrize("optimization", ["-O2", pytest.param("-Os", marks=pytest.mark.soak)])
@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("core", on_core.BOARDS)
def test_equals_the_oracle(
    core: str,
    oracle: str,
    optimization: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
) -> None:
    on_core.require(core)
    on_core.take_over(monkeypatch, core, optimization, guards.BYTES)
    cases = chosen(oracle, core, pytestconfig.getoption("--every-case"))
    results = against_tflm.run_cases(cases, tmp_path, oracle=ORACLES[oracle], goal="speed")
    assert len(results) == len(cases) > 10
    wrong = [name for name, result in results.items() if not equal(cases[name], result)]
    assert wrong == []


def equal(case: Sequence[OpSpec], result: against_tflm.Result) -> bool:
    """Bit for bit, except floats that depend on the C library."""
    is_exact = NOT_EXACT.isdisjoint(op.kind for op in case)
    for ours, theirs in zip(result.kerf, result.oracle, strict=True):
        if ours.dtype.kind == "f" and not is_exact:
            limit = FLOAT_TOLERANCE * float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
            if not np.allclose(ours, theirs, rtol=0, atol=limit, equal_nan=True):
                return False
        elif ours.tobytes() != theirs.tobytes() and not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
            return False
    return True


def test_int4_at_os_on_an_m55(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GCC 12 then drops a comparison, unless it is written as in kernels/weights.h."""
    on_core.require("M55")
    on_core.take_over(monkeypatch, "M55", "-Os", guards.BYTES)
    name = "dense, even depth"
    against_tflm.run_cases({name: test_int4.CASES[name]}, tmp_path)[name].check()
