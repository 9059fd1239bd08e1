"""The table of contents: from a model's name or file to a measurement.

    train → compress → quantize     origin.py      which model and data the user means → Quantized
    → compile → render → build      firmware.py    → a PlatformIO project → firmware, on its board
    → run → record                  runs.py        the test set through it → Measurement, report

    choices.py says which runtime, target and line the names in a Request stand for, places.py where things lie, and
    keeps several kerfs from writing to the same place at the same time:

    build/<model>/                              trained model; build/<model>+<how>/ compressed
    build/<model>-<mode>/                       .tflite, vectors; …-per-tensor-dense/ for a TFLM that knows no better
    build/<file>-<digest>-<mode>/               the same of a user's file; the digest is that of its contents
    build/<…>@<folder>-<digest>/                the same, made with the user's own --data
    build/<model>-<mode>/<runtime>-<target>/    PlatformIO project
    build/.cache/                               compiled objects, libraries and arena sizes, for all of them
    build/measurements.jsonl, build/report.html

Each function does its stage and, before it, whatever earlier stage is not up to date. This package alone imports every
stage.
"""

from .budgets import check as check_budgets
from .budgets import require as require_budgets
from .choices import RUNTIMES, Choice, Interpreter, Line, choose
from .firmware import (
    Built,
    Compiled,
    Rendered,
    build,
    compile,
    flash,
    inspect,
    monitor,
    render_to_disk,
    view,
)
from .origin import compress, quantize, quantize_all, train
from .runs import INTERPRETER, Failure, Outcome, bench_all, classify, clean, compare, require_match, run, write_report

__all__ = [
    "INTERPRETER",
    "RUNTIMES",
    "Built",
    "Choice",
    "Compiled",
    "Failure",
    "Interpreter",
    "Line",
    "Outcome",
    "Rendered",
    "bench_all",
    "build",
    "check_budgets",
    "choose",
    "classify",
    "clean",
    "compare",
    "compile",
    "compress",
    "flash",
    "inspect",
    "monitor",
    "quantize",
    "quantize_all",
    "render_to_disk",
    "require_budgets",
    "require_match",
    "run",
    "train",
    "view",
    "write_report",
]
