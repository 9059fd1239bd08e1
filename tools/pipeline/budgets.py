"""Committed figures: instructions, flash and RAM of known firmware, held by equality.

They are emulated and deterministic, but belong to one compiler and one .tflite: with others they are only reported.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from .. import files
from ..errors import KerfError
from ..progress import Progress
from ..values import Request
from . import places
from .runs import require_match, run

FILE = places.ROOT / "tests" / "budgets" / "budgets.csv"
SAMPLES = 4
DIGITS = 12  # of a .tflite's SHA-256

EQUAL, NEW, DIFFERS, OTHER_MODEL, OTHER_COMPILER = "equal", "new", "DIFFERS", "another .tflite", "another compiler"


@dataclass(frozen=True)
class Budget:
    """One line of the file: a firmware (runtime aot), what it was made of and what it took.

    ``optimize`` is empty where kerf chooses. ``compiler`` is as the ELF has it, ``model_sha256`` its first digits; they
    and the figures are empty in a line that is not measured yet. ``instructions`` is the median of SAMPLES inferences.
    """

    model: str
    mode: str
    target: str
    optimize: str = ""
    compiler: str = ""
    model_sha256: str = ""
    instructions: int | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None

    @property
    def name(self) -> str:
        goal = f" for {self.optimize}" if self.optimize else ""
        return f"{self.model} {self.mode} on {self.target}{goal}"

    @property
    def figures(self) -> tuple[int | None, ...]:
        return self.instructions, self.flash_bytes, self.ram_bytes


COLUMNS = tuple(field.name for field in fields(Budget))
FIGURES = 3  # how many of them, the last, are numbers


@dataclass(frozen=True)
class Checked:
    """A budget and what was measured now; ``now`` is None where the run failed, as ``verdict`` says."""

    budget: Budget
    now: Budget | None
    verdict: str

    @property
    def is_broken(self) -> bool:
        return self.now is None or self.verdict in (DIFFERS, NEW)


def load(path: Path = FILE) -> tuple[Budget, ...]:
    """The budgets in their order. Raises KerfError, with the line, for a file that is not of this form."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        if tuple(next(rows, ())) != COLUMNS:
            raise KerfError(f"{path}: the first line must be {','.join(COLUMNS)}")
        return tuple(_parse(row, f"{path} line {rows.line_num}") for row in rows)


def _parse(row: list[str], where: str) -> Budget:
    texts, numbers = row[:-FIGURES], row[-FIGURES:]
    if len(row) != len(COLUMNS) or not all(not text or text.isdecimal() for text in numbers):
        raise KerfError(f"{where}: give {len(COLUMNS)} values, the last {FIGURES} of them whole numbers or empty")
    return Budget(*texts, *(int(text) if text else None for text in numbers))  # type: ignore[arg-type]


def save(budgets: Sequence[Budget], path: Path = FILE) -> None:
    """Writes the file, in the order given."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in astuple(budget)] for budget in budgets)
    files.write(path, text.getvalue().encode())


def measure(budget: Budget, progress: Progress) -> Budget:
    """What the firmware takes now. Raises KerfError where it does not build or run, or where its outputs are wrong."""
    named = Request(model=budget.model, mode=budget.mode, target=budget.target, optimize=budget.optimize or None)
    ask = replace(named, samples=SAMPLES)
    outcome = run(ask, progress, keep=False)
    require_match([outcome])
    m = outcome.measurement
    assert outcome.built is not None and m.flash_bytes is not None and m.ram_bytes is not None
    return replace(
        budget,
        compiler=outcome.built.image.compiler,
        model_sha256=m.model_sha256[:DIGITS],
        instructions=m.invoke.median,
        flash_bytes=m.flash_bytes["total"],
        ram_bytes=m.ram_bytes["total"],
    )


def judge(budget: Budget, now: Budget) -> str:
    """Whether a budget is kept. Another .tflite or another compiler has other figures, which say nothing."""
    if None in budget.figures:
        return NEW
    if budget.model_sha256 != now.model_sha256:
        return OTHER_MODEL
    if budget.compiler != now.compiler:
        return OTHER_COMPILER
    return EQUAL if budget.figures == now.figures else DIFFERS


def check(
    progress: Progress,
    update: bool = False,
    path: Path = FILE,
    measure: Callable[[Budget, Progress], Budget] = measure,
) -> tuple[Checked, ...]:
    """Measures every firmware of the file; with ``update`` the file then holds what was measured.

    A run that fails does not keep the others from being measured, and its line stays as it is.
    """
    checked = []
    budgets = load(path)
    with progress.bar("budgets", len(budgets)) as step:
        for done, budget in enumerate(budgets):
            step(done, budget.name)
            try:
                now = measure(budget, progress)
                checked.append(Checked(budget, now, judge(budget, now)))
            except KerfError as error:
                checked.append(Checked(budget, None, str(error)))
        step(len(budgets), "")
    if update:
        save([each.now or each.budget for each in checked], path)
    return tuple(checked)


def require(checked: Sequence[Checked], updated: bool) -> None:
    """Raises KerfError where a run failed or, unless the file was ``updated``, a figure is not the committed one."""
    failed = sum(each.now is None for each in checked)
    if failed:
        raise KerfError(f"{failed} of {len(checked)} runs failed, as the table says; their budgets stay as they were")
    broken = sum(each.is_broken for each in checked)
    if broken and not updated:
        raise KerfError(
            f"{broken} of {len(checked)} budgets are not what was measured; if that is intended, "
            "`inv budgets --update` rewrites them"
        )
