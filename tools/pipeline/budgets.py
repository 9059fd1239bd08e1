"""Committed figures: instructions, flash and RAM of known firmware, compared for equality.

They come from an emulator and are deterministic, but hold for one compiler and one .tflite only. With any other, the
difference is reported and does not fail.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from .. import files
from ..errors import KerfError
from ..progress import Progress
from ..values import SHA256_DIGITS, Request
from . import places
from .matrix import require_match
from .runs import run

FILE = places.ROOT / "tests" / "budgets" / "budgets.csv"
SAMPLES = 4

EQUAL, NEW, DIFFERS, OTHER_MODEL, OTHER_COMPILER = "equal", "new", "DIFFERS", "another .tflite", "another compiler"


@dataclass(frozen=True)
class Budget:
    """One line of the file: a firmware (runtime aot), what it was built from, and its figures.

    ``optimize`` is empty if kerf chooses the goal. ``compiler`` is the ELF's compiler string, ``model_sha256`` the
    first SHA256_DIGITS of the digest. These and the figures are empty until the line is measured. ``instructions`` is
    the median of SAMPLES inferences.
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
FIGURES = 3  # the last three columns are numbers


@dataclass(frozen=True)
class Checked:
    """A budget and the new measurement; ``now`` is None if the run failed, and ``verdict`` is then the error."""

    budget: Budget
    now: Budget | None
    verdict: str

    @property
    def is_broken(self) -> bool:
        return self.now is None or self.verdict in (DIFFERS, NEW)


def load(path: Path = FILE) -> tuple[Budget, ...]:
    """The budgets in file order. Raises KerfError with the line number for a malformed file."""
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
    """Writes the budgets to the file in the given order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in astuple(budget)] for budget in budgets)
    files.write(path, text.getvalue().encode())


def measure(budget: Budget, progress: Progress) -> Budget:
    """Builds and runs the firmware and returns its figures. Raises KerfError if that fails or an output is wrong."""
    named = Request(model=budget.model, mode=budget.mode, target=budget.target, optimize=budget.optimize or None)
    ask = replace(named, samples=SAMPLES)
    outcome = run(ask, progress, keep=False)
    require_match([outcome])
    m = outcome.measurement
    assert outcome.built is not None and m.flash_bytes is not None and m.ram_bytes is not None
    return replace(
        budget,
        compiler=outcome.built.image.compiler,
        model_sha256=m.model_sha256[:SHA256_DIGITS],
        instructions=m.invoke.median,
        flash_bytes=m.flash_bytes["total"],
        ram_bytes=m.ram_bytes["total"],
    )


def judge(budget: Budget, now: Budget) -> str:
    """Compares a budget with its measurement. Figures of another .tflite or compiler are not comparable."""
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
    """Measures every firmware listed in the file; with ``update``, writes the new figures back.

    A failed run does not stop the others, and its line is left unchanged.
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
    """Raises KerfError if a run failed or, unless the file was ``updated``, a figure differs from the committed one."""
    failed = sum(each.now is None for each in checked)
    if failed:
        raise KerfError(f"{failed} of {len(checked)} runs failed (see the table); their budgets are unchanged")
    broken = sum(each.is_broken for each in checked)
    if broken and not updated:
        raise KerfError(
            f"{broken} of {len(checked)} budgets differ from the measurement; if the change is intended, run "
            "`inv budgets --update`"
        )
