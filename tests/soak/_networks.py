"""The networks that attacks damage: every operator's cases, the suite's .tflite files, MLPerf Tiny's where present."""

from collections.abc import Callable
from functools import cache, partial
from importlib import import_module

from tools.graph import ops

from . import ROOT

EXTRA_TABLES = ("binary", "chain", "int16", "int4", "mul", "pool_2d", "reductions", "signal", "sparse", "unary")
EACH_TABLE = 60  # the most cases of one table, evenly spaced


@cache
def networks() -> list[Callable[[], bytes]]:
    """Functions that give a .tflite each, in a fixed order."""
    import single_op

    found: list[Callable[[], bytes]] = []
    host = ROOT / "tests" / "host"
    for name in sorted({*(kind.lower() for kind in ops.known()), *EXTRA_TABLES}):
        if not (host / f"test_{name}.py").exists():
            continue
        module = import_module(f"test_{name}")
        for table in ("CASES", "LITERT_CASES"):
            cases = list(getattr(module, table, {}).values())
            cases = [case for case in cases if isinstance(case, list)]
            for case in cases[:: max(1, len(cases) // EACH_TABLE)]:
                found.append(cache(partial(single_op.build, case)))
    files = sorted((ROOT / "tests" / "unit").glob("*.tflite")) * 10
    files += sorted((ROOT.parents[1] / "shared" / "models").glob("*.tflite"))
    return found + [path.read_bytes for path in files]
