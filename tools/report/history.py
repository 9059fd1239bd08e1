"""The report's history: tables of all measurements, and charts of accuracy against its cost."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..values import Measurement
from . import baseline, charts, wording


def tables(measurements: Sequence[Measurement], origins: baseline.Origins) -> list[dict[str, Any]]:
    """One table per clock: emulated and real times never share a column.

    ``rows`` are the newest of each configuration, ``earlier`` the ones they supersede; both newest first.
    """
    current = set(newest(measurements, origins))
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for i in reversed(range(len(measurements))):
        m = measurements[i]
        group = groups.setdefault((wording.where(m), m.clock.unit), {"rows": [], "earlier": []})
        cells = {
            **row(m, baseline.drop(m, measurements, origins)),
            "calibration": _short(origins.get(m.model_sha256, baseline.UNKNOWN).calibration),
        }
        group["rows" if i in current else "earlier"].append(cells)
    titles = {wording.EMULATED: "Emulated", wording.BOARD: "On boards", wording.HOST: "On this machine"}
    return [
        {"title": titles[where], "unit": unit, **group}
        for where in titles
        for (found, unit), group in sorted(groups.items())
        if found == where
    ]


def newest(measurements: Sequence[Measurement], origins: baseline.Origins) -> list[int]:
    """The position of each configuration's newest measurement.

    Samples, data and calibration are part of the configuration, and so is whether the firmware was built here: a
    measurement that differs in them does not supersede another.
    """
    found = {
        (
            *(m.model, m.mode, m.runtime, m.kernels, m.optimize, m.target, m.emulator, m.flash_bytes is None),
            *(m.samples, m.data_sha256, origins.get(m.model_sha256, baseline.UNKNOWN)),
        ): i
        for i, m in enumerate(measurements)
    }
    return list(found.values())


def _short(calibration: str) -> str:
    return calibration.replace(" samples", "").replace(" over the classes", "")


def row(m: Measurement, drop: float | None = None) -> dict[str, Any]:
    """A measurement as text, with the sort keys of its columns; ``drop`` in percentage points."""
    is_host = wording.where(m) == wording.HOST
    return {
        "model": m.model,
        "model_parts": re.split(r"(?=\+)", m.model),
        "mode": m.mode,
        "runtime": m.runtime,
        "kernels": m.kernels + wording.optimized(m),
        "target": m.target,
        "emulator": m.emulator or "",
        "bytes": f"{m.model_bytes:,}",
        "flash": "" if is_host else _total(m.flash_bytes),
        "ram": "" if is_host else _total(m.ram_bytes),
        "min": f"{m.invoke.min:,}",
        "median": f"{m.invoke.median:,}",
        "p99": f"{m.invoke.p99:,}",
        "mismatches": f"{m.mismatches:,} of {m.samples:,}",
        "is_equal": m.mismatches == 0 and wording.doubt(m) is None,
        "device": "" if m.accuracy is None else f"{100 * m.accuracy['device']:.2f}",
        "host": "" if m.accuracy is None else f"{100 * m.accuracy['host']:.2f}",
        "drop": "" if drop is None else f"{drop:+.2f}",
        "details": f"p99 {m.invoke.p99:,} {m.clock.unit}" + (f", commit {m.commit[:10]}" if m.commit else ""),
        "sort": {  # numbers to sort by where the text does not sort correctly
            "bytes": m.model_bytes,
            "flash": "" if m.flash_bytes is None else m.flash_bytes["total"],
            "ram": "" if m.ram_bytes is None else m.ram_bytes["total"],
            "median": m.invoke.median,
            "mismatches": m.mismatches,
            "device": "" if m.accuracy is None else m.accuracy["device"],
            "host": "" if m.accuracy is None else m.accuracy["host"],
            "drop": "" if drop is None else f"{drop:.6f}",
        },
    }


def _total(sizes: Mapping[str, int] | None) -> str:
    return "" if sizes is None else f"{sizes['total']:,}"


def trade_offs(measurements: Sequence[Measurement], origins: baseline.Origins) -> list[dict[str, Any]]:
    """Accuracy against flash and against time, for each family of models with two or more points.

    Only the newest measurement of each configuration counts; this machine is left out, as it is not a microcontroller.
    Accuracies over different samples are not compared.
    """
    scored = [
        m
        for m in (measurements[i] for i in newest(measurements, origins))
        if m.accuracy is not None and wording.where(m) != wording.HOST
    ]
    found = []
    for number, same in enumerate(sorted({baseline.tested_with(m, origins) for m in scored})):
        members = [m for m in scored if baseline.tested_with(m, origins) == same]
        series, shapes = sorted({_series(m) for m in members}, key=_by_mode), sorted({_shape(m) for m in members})
        sized = [m for m in members if m.flash_bytes is not None]
        drawn = [_scatter(f"flash{number}", sized, "flash", "flash, bytes", _flash, series, shapes)]
        for is_board, unit in sorted({(m.emulator is None, m.clock.unit) for m in members}):
            timed = [m for m in members if (m.emulator is None, m.clock.unit) == (is_board, unit)]
            x_label = f"{unit} per inference{'' if is_board else ', emulated'}"
            drawn.append(_scatter(f"{unit}{number}", timed, unit, x_label, _median, series, shapes))
        if pictures := [chart for chart in drawn if chart]:
            marks = list(charts.MARKERS.values())
            found.append(
                {
                    "title": f"{same[0]}, {same[1]:,} test samples",
                    "charts": pictures,
                    "series": [{"name": text, "key": _key(i)} for i, text in enumerate(series)],
                    "shapes": [{"name": text, "mark": marks[i % len(marks)]} for i, text in enumerate(shapes)],
                }
            )
    return found


def _key(position: int) -> str:
    """The CSS classes of a series' key in the legend."""
    return f"c{position % len(charts.SERIES)}{' hollow' if charts.is_hollow(position) else ''}"


def _series(m: Measurement) -> str:
    """How the model was made: its mode, and the compression steps that follow the family's name."""
    return f"{m.mode} {m.model[len(baseline.family(m)) :]}".strip()


def _by_mode(series: str) -> tuple[bool, str]:
    """Sorts int8, which most users want, first, so that it gets the first colour."""
    return not series.startswith("int8"), series


def _shape(m: Measurement) -> str:
    return f"{m.runtime} on {m.target}"


def _flash(m: Measurement) -> int:
    assert m.flash_bytes is not None
    return m.flash_bytes["total"]


def _median(m: Measurement) -> int:
    return m.invoke.median


def _scatter(
    name: str,
    members: Sequence[Measurement],
    what: str,
    x_label: str,
    x: Callable[[Measurement], int],
    series: Sequence[str],
    shapes: Sequence[str],
) -> dict[str, str] | None:
    """Title and SVG; None if there is only one point."""
    points = []
    for m in members:
        assert m.accuracy is not None
        y = 100 * m.accuracy["device"]
        title = f"{m.model} {m.mode}, {_shape(m)}: {x(m):,} {x_label.partition(',')[0]}, accuracy {y:.2f} %"
        points.append(charts.Point(max(float(x(m)), 1.0), y, _series(m), _shape(m), title))
    if len({(p.x, p.y) for p in points}) < 2:
        return None
    label = f"Accuracy against {x_label}; the same numbers are in the table of measurements"
    return {
        "title": f"Accuracy against {what}",
        "svg": charts.scatter(name, label, points, x_label, "accuracy on the device, %", series, shapes),
    }
