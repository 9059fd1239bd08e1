"""The table of contents: from a model's name or file to a measurement.

    train → compress → quantize     origin.py      which model and data the user means → Quantized
    → compile → render → build      firmware.py    → a PlatformIO project → firmware, on its board
    → run → record                  runs.py        the test set through it → Measurement, report
                                    matrix.py      many runs: models x modes x runtimes x targets x goals
                                    sweep.py       as many, on a cluster: what each costs (grid.py, jobs.py)
                                    survey.py      all of it for each file of a folder → what runs, what stops the rest
                                    emulate.py     the firmware in its emulator, for other programs
                                    export.py      the same sources as a library for a user's own program

    choices.py resolves the names in a Request to a runtime, a target and a serial line. places.py defines the layout of
    build/ and keeps concurrent kerf processes from writing to the same folder:

    build/<model>/                              trained model; build/<model>+<how>/ compressed
    build/<model>-<mode>/                       .tflite, vectors; …-per-tensor-dense/ for a TFLM that needs it
    build/<file>-<digest>-<mode>/               the same for a user's file; the digest covers its contents
    build/<…>@<folder>-<digest>/                the same, made with the user's own --data
    build/<model>-<mode>/<runtime>-<target>/    PlatformIO project
    build/.cache/                               compiled objects, libraries and arena sizes, shared by all projects
    build/measurements.jsonl, build/report.html

Each function first brings the earlier stages up to date, then runs its own. No other package imports every stage.
"""

from ..oracle.operators import of_tflm as tflm_operators
from .budgets import check as check_budgets
from .budgets import require as require_budgets
from .choices import RUNTIMES, Choice, Interpreter, Line, choose
from .contents import inspect, view
from .emulate import Emulated, emulate
from .export import Exported, export
from .firmware import (
    Built,
    Compiled,
    Rendered,
    build,
    compile,
    flash,
    monitor,
    render_to_disk,
)
from .grid import Axes
from .jobs import Failure, LeftOut, Limits
from .matrix import bench_all, require_match
from .origin import compress, quantize, quantize_all, train
from .runs import INTERPRETER, Outcome, classify, clean, compare, run, write_report
from .survey import require as require_surveyed
from .survey import survey
from .sweep import Swept, sweep
from .sweep import require as require_swept
from .sweep import work as work_for

__all__ = [
    "INTERPRETER",
    "RUNTIMES",
    "Axes",
    "Built",
    "Choice",
    "Compiled",
    "Emulated",
    "Exported",
    "Failure",
    "Interpreter",
    "LeftOut",
    "Limits",
    "Line",
    "Outcome",
    "Rendered",
    "Swept",
    "bench_all",
    "build",
    "check_budgets",
    "choose",
    "classify",
    "clean",
    "compare",
    "compile",
    "compress",
    "emulate",
    "export",
    "flash",
    "inspect",
    "monitor",
    "quantize",
    "quantize_all",
    "render_to_disk",
    "require_budgets",
    "require_match",
    "require_surveyed",
    "require_swept",
    "run",
    "survey",
    "sweep",
    "tflm_operators",
    "train",
    "view",
    "work_for",
    "write_report",
]
