"""The operators' case tables on every core, compiled as firmware is: the kernels a core gets equal the oracle there.

The suite runs one in Board.stride cases on each core, fewer of large tables, and different ones on each core;
`inv soak --only cores` runs them all.
"""

from importlib import import_module
from pathlib import Path

import against_tflm
import numpy as np
import on_core
import pytest
import test_against_litert
import test_binary
import test_chain
import test_float16
import test_gather
import test_int4
import test_int16
import test_move
import test_mul
import test_pool_2d
import test_reductions
import test_signal
import test_sparse
import test_uint8
import test_unary
from cases import with_float16_widened
from single_op import OpSpec

from tools.graph import ops
from tools.values import FLOAT_TOLERANCE

pytestmark = [pytest.mark.emulator, pytest.mark.sampled, pytest.mark.timeout(3600)]

MOST = 4  # of each table, the suite runs at most MOST cases on each core

HOST = Path(__file__).parents[1] / "host"
# Every operator's own table, found by its file name, and those that several operators share.
NAMES = [kind.lower() for kind in ops.known()]
MODULES = {name: import_module(f"test_{name}") for name in NAMES if (HOST / f"test_{name}.py").exists()}
INTEGER_TABLES = {
    **{name: module.CASES for name, module in MODULES.items() if hasattr(module, "CASES")},
    "binary": test_binary.CASES,
    "chain": test_chain.CASES,
    "functions": test_unary.FUNCTIONS,
    "int16": test_int16.CASES,
    "move": test_move.CASES,
    "int4": test_int4.CASES,
    "mul": test_mul.INTEGERS,
    "pool_2d": test_pool_2d.CASES,
    "reductions": test_reductions.CASES,
    "signal": test_signal.CASES,
    "sparse": test_sparse.CASES,
    "unary": test_unary.CASES,
}
LITERT_TABLES = {
    **{name: module.LITERT_CASES for name, module in MODULES.items() if hasattr(module, "LITERT_CASES")},
    "litert": test_against_litert.CASES,
    "float16": {name: with_float16_widened(case[0]) for name, (case, _) in test_float16.CONVOLUTIONS.items()},
    "gather": test_gather.LITERT_CASES,
    "hybrid": test_int4.HYBRID,
    "move": test_move.LITERT_CASES,
    "mul": test_mul.FLOATS,
    "uint8": test_uint8.LITERT_CASES,
    "unary": test_unary.LITERT_CASES,
}
ORACLES = {"tflm": (INTEGER_TABLES, against_tflm.run_tflm), "litert": (LITERT_TABLES, against_tflm.run_litert)}
# The device's C library rounds differently from this machine's.
NOT_EXACT = ("softmax", "log_softmax", "logistic", "functions", "unidirectional_sequence_lstm")


def chosen(oracle: str, core: str, every: bool) -> dict[str, list[OpSpec]]:
    """The cases of a core, each named after its table."""
    tables, _ = ORACLES[oracle]
    first = list(on_core.BOARDS).index(core)
    some: dict[str, list[OpSpec]] = {}
    for table, named in tables.items():
        cases = [(f"{table}: {name}", case) for name, case in named.items()]
        some |= cases if every else cases[first :: max(on_core.BOARDS[core].stride, len(cases) // MOST)]
    return some


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("core", on_core.BOARDS)
def test_equals_the_oracle(
    core: str, oracle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    on_core.require(core)
    monkeypatch.setattr(
        against_tflm, "run_kerf", lambda data, samples, folder, goal, _: on_core.run(core, data, samples, folder, goal)
    )
    monkeypatch.setattr(against_tflm, "CASES_PER_MODEL", 40)
    cases = chosen(oracle, core, pytestconfig.getoption("--every-case"))
    results = against_tflm.run_cases(cases, tmp_path, oracle=ORACLES[oracle][1], goal="speed")
    assert len(results) == len(cases) > 10
    wrong = [name for name, result in results.items() if not equal(name, result)]
    assert wrong == []


def equal(name: str, result: against_tflm.Result) -> bool:
    """Bit for bit, except floats that depend on an exponential."""
    for ours, theirs in zip(result.kerf, result.oracle, strict=True):
        if ours.dtype.kind == "f" and name.partition(":")[0] in NOT_EXACT:
            limit = FLOAT_TOLERANCE * float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0))
            if not np.allclose(ours, theirs, rtol=0, atol=limit, equal_nan=True):
                return False
        elif ours.tobytes() != theirs.tobytes() and not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
            return False
    return True
