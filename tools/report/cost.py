"""What `inv bench` shows of cost: per multiplication, code of the model, the ratio to the reference, layer by layer.

The reference is the runtime without goals, whose library determines the kernels. If it was not measured in the same
run, its figures are those of baseline.csv, marked as such; docs/performance.md says how they were measured.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.table import Table

from ..values import SHA256_DIGITS, Measurement
from . import terminal, wording

BASELINE = Path(__file__).with_name("baseline.csv")
JOINED = " + "  # between the names of the operators of one step


@dataclass(frozen=True)
class Baseline:
    """A line of baseline.csv: what a runtime without goals takes on an emulated target, for one inference.

    ``model`` is its name in the documentation. ``code_bytes`` are without the bench, ``ram_bytes`` without the stack;
    None if they were not measured.
    """

    model: str
    model_sha256: str
    macs: int
    runtime: str
    target: str
    instructions: int
    code_bytes: int | None
    ram_bytes: int | None


@cache
def baselines() -> tuple[Baseline, ...]:
    """All lines of baseline.csv."""
    with BASELINE.open(encoding="utf-8", newline="") as stream:
        return tuple(_parse(row) for row in csv.DictReader(stream))


def _parse(row: dict[str, str]) -> Baseline:
    def number(name: str) -> int | None:
        return int(row[name]) if row[name] else None

    sizes = number("code_bytes"), number("ram_bytes")
    figures = int(row["macs"]), row["runtime"], row["target"], int(row["instructions"])
    return Baseline(row["model"], row["model_sha256"], *figures, *sizes)


def tables(measurements: Sequence[Measurement]) -> list[Table]:
    """The cost of each firmware, and for a model that several firmwares ran on one target the cost of each layer.

    Measurements on this machine have no cost, and firmware that was not built here no sizes.
    """
    found = []
    costly = [m for m in measurements if wording.where(m) != wording.HOST]
    for where, unit in dict.fromkeys((wording.where(m), m.clock.unit) for m in costly):
        rows = [m for m in costly if (wording.where(m), m.clock.unit) == (where, unit)]
        found.append(_costs(where, unit, rows))
        found += [_layers(same) for same in _by_subject(rows) if sum(m.per_op is not None for m in same) > 1]
    return found


def _subject(m: Measurement) -> tuple[str, ...]:
    return m.model_sha256, m.mode, m.target, m.emulator or ""


def _by_subject(measurements: Iterable[Measurement]) -> list[list[Measurement]]:
    """The measurements of the same model on the same target, in the order in which the first of each was made."""
    groups: dict[tuple[str, ...], list[Measurement]] = {}
    for m in measurements:
        groups.setdefault(_subject(m), []).append(m)
    return list(groups.values())


def reference(m: Measurement, others: Iterable[Measurement]) -> Measurement | Baseline | None:
    """The reference for the same model and target: among ``others``, else the baseline; None if neither has it."""
    measured = [o for o in others if o.optimize is None and _subject(o) == _subject(m)]
    if measured:
        return measured[-1]
    if not m.emulator:
        return None
    known = (b for b in baselines() if (b.model_sha256, b.target) == (m.model_sha256[:SHA256_DIGITS], m.target))
    return next(known, None)


def ratio(m: Measurement, others: Iterable[Measurement]) -> tuple[float, bool] | None:
    """A measurement's time as a multiple of the reference's, and whether that is the baseline; None without either."""
    found = reference(m, others)
    if found is None or m.optimize is None:
        return None
    time = found.instructions if isinstance(found, Baseline) else found.invoke.median
    return m.invoke.median / time, isinstance(found, Baseline)


def _costs(where: str, unit: str, rows: Sequence[Measurement]) -> Table:
    columns = ["model", "mode", "target", "runtime", unit, "per multiplication", "code", "of the model", "flash", "RAM"]
    columns += ["ratio"]
    estimates = any("cycles_estimate" in m.quantities for m in rows)
    if estimates:
        columns.insert(5, "cycles (estimate)")
    table = terminal.table(f"cost, {'boards' if where == wording.BOARD else where}", *columns, numbers=range(4, 12))
    for same in _by_subject(rows):
        for m in same:
            table.add_row(*map(terminal.cell, _row(m, same, estimates)))
        found = reference(same[0], same)
        if isinstance(found, Baseline):
            named = [found.model, same[0].mode, found.target, f"{found.runtime} (baseline)"]
            per_mac = f"{found.instructions / found.macs:.2f}"
            sizes = ["" if size is None else size for size in (found.code_bytes, None, None, found.ram_bytes)]
            cells = [*named, found.instructions, *[""] * estimates, per_mac, *sizes, ""]
            table.add_row(*map(terminal.cell, cells), style="dim")
    return table


def _row(m: Measurement, others: Sequence[Measurement], estimates: bool) -> list[Any]:
    flash, ram = m.flash_bytes or {}, m.ram_bytes or {}
    cells: list[Any] = [m.model, m.mode, m.target, titled(m), m.invoke.median]
    cells += [m.quantities.get("cycles_estimate", "")] * estimates
    cells.append(f"{m.invoke.median / m.quantities['macs']:.2f}" if m.quantities.get("macs") else "")
    cells += [flash.get("code", ""), m.quantities.get("model_code_bytes", ""), flash.get("total", "")]
    cells.append(ram.get("total", ""))
    found = ratio(m, others)
    return [*cells, "" if found is None else f"{found[0]:.2f}{' (baseline)' if found[1] else ''}"]


def titled(m: Measurement) -> str:
    """The runtime, with the goal of one that has goals: aot speed."""
    return f"{m.runtime} {m.optimize}" if m.optimize else m.runtime


def _layers(same: Sequence[Measurement]) -> Table:
    runs = [m for m in same if m.per_op is not None]
    first = runs[0]
    title = f"{first.model} {first.mode} on {first.target}, layer by layer, {first.clock.unit}"
    table = terminal.table(title, "layer", "operator", *map(titled, runs), numbers=range(2, 2 + len(runs)))
    for name, kind, times in by_layer(runs):
        table.add_row(*(terminal.cell("" if value is None else value) for value in (name, kind, *times)))
    return table


def by_layer(runs: Sequence[Measurement]) -> list[tuple[str, str, list[int | None]]]:
    """(layer, operator, the time of each run) in the order of the layers; None for a run without the layer.

    A step of one run may be several operators of another: a row is the smallest part of the model that each of the
    ``runs`` has measured apart from the rest.
    """
    group: dict[str, str] = {}  # the name of an operator → that of another of its row, itself for the row's first

    def row_of(name: str) -> str:
        while group.setdefault(name, name) != name:
            name = group[name]
        return name

    for m in runs:
        for step in m.per_op or ():
            first, *others = (row_of(name) for name in step["name"].split(JOINED))
            group.update(dict.fromkeys(others, first))
    kinds: dict[str, dict[str, str]] = {}  # row → its operators' names → their kinds
    times: dict[str, list[int | None]] = {}
    for number, m in enumerate(runs):
        for step in m.per_op or ():
            names, step_kinds = step["name"].split(JOINED), step["op"].split(JOINED)
            row = row_of(names[0])
            if len(names) == len(step_kinds):
                kinds.setdefault(row, {}).update(zip(names, step_kinds, strict=True))
            else:
                kinds.setdefault(row, {}).update(dict.fromkeys(names, step["op"]))
            cells = times.setdefault(row, [None] * len(runs))
            cells[number] = (cells[number] or 0) + step["median"]
    return [(JOINED.join(kinds[row]), JOINED.join(kinds[row].values()), times[row]) for row in times]
