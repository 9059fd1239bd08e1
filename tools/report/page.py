"""The HTML report: one file that needs no network, readable in light and dark, by keyboard and on a phone.

Everything is computed here; templates/report/ only prints. What a user named (models, layers, classes) is escaped by
Jinja, and the page's own script is the only one that its Content-Security-Policy lets run.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import __version__
from ..render import render
from ..values import Measurement
from . import charts, wording

TEMPLATE, STYLE, SCRIPT = "report/page.html.j2", "report/style.css.j2", "report/sort.js.j2"

Json = Mapping[str, Any]


def html(
    measurements: Sequence[Measurement],
    details: Json | None = None,
    comparison: Json | None = None,
    calibrations: Mapping[str, str] | None = None,
) -> str:
    """The page: all measurements, oldest first, and the newest in detail.

    ``details`` (details.of) and ``comparison`` (Comparison.to_json) are those of the newest measurement, None where
    there are none. ``calibrations`` tells which samples made the ranges, by the SHA-256 of the model.
    """
    newest = measurements[-1] if measurements else None
    is_host = newest is not None and wording.place(newest) == wording.HOST
    return render(
        TEMPLATE,
        **frame(),
        tables=_tables(measurements, calibrations or {}),
        trade_offs=_trade_offs(measurements),
        run=None if newest is None else _run(newest, details),
        memory=[] if newest is None or is_host else _memory(newest, details),
        sections=[] if details is None or is_host else _sections(details),
        plan=_plan(details["plan"]) if details is not None and details["plan"] else None,
        operators=_operators(newest) if newest is not None and newest.per_op else [],
        comparison=None if comparison is None else _comparison(comparison),
        classes=_classes(details["classes"]) if details is not None and details["classes"] else None,
        pictures=[] if details is None else _pictures(details["pictures"]),
    )


def frame() -> dict[str, str]:
    """What every page of kerf has around its contents: version, style, script, and the policy that allows these."""
    script = render(SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    return {"kerf": __version__, "style": render(STYLE), "script": script, "policy": policy}


# --- measurements -----------------------------------------------------------------------------------------------------


def _tables(measurements: Sequence[Measurement], calibrations: Mapping[str, str]) -> list[dict[str, Any]]:
    """One table per clock, newest first: emulated and real times never share a column."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    titles = {wording.EMULATED: "Emulated", wording.BOARD: "On boards", wording.HOST: "On this machine"}
    for m in reversed(measurements):
        groups.setdefault((wording.place(m), m.clock.unit), []).append(
            {**_row(m, wording.drop(m, measurements)), "calibration": calibrations.get(m.model_sha256, "")}
        )
    return [
        {"title": titles[place], "unit": unit, "rows": rows}
        for place in titles
        for (found, unit), rows in sorted(groups.items())
        if found == place
    ]


def _row(m: Measurement, drop: float | None = None) -> dict[str, Any]:
    is_host = wording.place(m) == wording.HOST
    return {
        "model": m.model,
        "mode": m.mode,
        "runtime": m.runtime,
        "kernels": m.kernels,
        "target": m.target,
        "emulator": m.emulator or "",
        "place": f"{m.target} ({m.emulator})" if m.emulator else m.target,
        "bytes": f"{m.model_bytes:,}",
        "flash": "" if is_host else f"{m.flash_bytes['total']:,}",
        "ram": "" if is_host else f"{m.ram_bytes['total']:,}",
        "min": f"{m.invoke.min:,}",
        "median": f"{m.invoke.median:,}",
        "p99": f"{m.invoke.p99:,}",
        "mismatches": f"{m.mismatches:,} of {m.samples:,}",
        "is_equal": m.mismatches == 0,
        "device": "" if m.accuracy is None else f"{100 * m.accuracy['device']:.2f}",
        "host": "" if m.accuracy is None else f"{100 * m.accuracy['host']:.2f}",
        "drop": "" if drop is None else f"{drop:+.2f}",
        "details": ", ".join(
            [f"p99 {m.invoke.p99:,} {m.clock.unit}"]
            + ([f"accuracy on the host {100 * m.accuracy['host']:.2f} %"] if m.accuracy else [])
            + ([f"commit {m.commit[:10]}"] if m.commit else [])
        ),
        "sort": {  # numbers to sort by, where the text does not do
            "bytes": m.model_bytes,
            "flash": m.flash_bytes["total"],
            "ram": m.ram_bytes["total"],
            "median": m.invoke.median,
            "mismatches": m.mismatches,
            "device": "" if m.accuracy is None else m.accuracy["device"],
            "drop": "" if drop is None else f"{drop:.6f}",
        },
    }


def _trade_offs(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Accuracy against bytes and against time, one pair of charts per family of models, each with two or more points.

    A configuration counts with its newest measurement; this machine is no microcontroller to compare with.
    """
    newest = {
        (m.model, m.mode, m.runtime, m.target, m.emulator): m
        for m in measurements
        if m.accuracy is not None and wording.place(m) != wording.HOST
    }.values()
    found = []
    for number, family in enumerate(sorted({wording.family(m) for m in newest})):
        members = [m for m in newest if wording.family(m) == family]
        series, shapes = sorted({_series(m) for m in members}, key=_by_mode), sorted({_shape(m) for m in members})
        drawn = [_scatter(f"flash{number}", members, "flash, bytes", _flash, series, shapes)]
        for is_board, unit in sorted({(m.emulator is None, m.clock.unit) for m in members}):
            timed = [m for m in members if (m.emulator is None, m.clock.unit) == (is_board, unit)]
            label = f"{unit} per inference{'' if is_board else ', emulated'}"
            drawn.append(_scatter(f"{unit}{number}", timed, label, _median, series, shapes))
        if pictures := [svg for svg in drawn if svg]:
            markers = list(charts.MARKERS.values())
            found.append(
                {
                    "family": family,
                    "charts": pictures,
                    "series": [{"name": text, "colour": i % len(charts.SERIES)} for i, text in enumerate(series)],
                    "shapes": [{"name": text, "mark": markers[i % len(markers)]} for i, text in enumerate(shapes)],
                }
            )
    return found


def _series(m: Measurement) -> str:
    """What was done to the model: its mode, and the steps of compression behind the family's name."""
    return f"{m.mode} {m.model[len(wording.family(m)) :]}".strip()


def _by_mode(series: str) -> tuple[bool, str]:
    """int8, which most people want, has the first colour."""
    return not series.startswith("int8"), series


def _shape(m: Measurement) -> str:
    return f"{m.runtime} on {m.target}"


def _flash(m: Measurement) -> int:
    return m.flash_bytes["total"]


def _median(m: Measurement) -> int:
    return m.invoke.median


def _scatter(
    name: str,
    members: Sequence[Measurement],
    x_label: str,
    x: Callable[[Measurement], int],
    series: Sequence[str],
    shapes: Sequence[str],
) -> str | None:
    points = []
    for m in members:
        assert m.accuracy is not None
        y = 100 * m.accuracy["device"]
        title = f"{m.model} {m.mode}, {_shape(m)}: {x(m):,} {x_label.partition(',')[0]}, accuracy {y:.2f} %"
        points.append(charts.Point(max(float(x(m)), 1.0), y, _series(m), _shape(m), title))
    if len({(p.x, p.y) for p in points}) < 2:
        return None
    label = f"Accuracy against {x_label}; the same numbers are in the table of measurements"
    return charts.scatter(name, label, points, x_label, "accuracy on the device, %", series, shapes)


# --- the newest run ---------------------------------------------------------------------------------------------------


def _run(m: Measurement, details: Json | None) -> dict[str, Any]:
    oracle = f"the oracle ({details['oracle']})" if details else "the oracle"
    is_board = wording.place(m) == wording.BOARD
    verdict, kind = wording.verdict(m, oracle, details.get(wording.STEPS) if details else None)
    return {
        **_row(m),
        "sha256": m.model_sha256,
        "model_bytes": f"{m.model_bytes:,}",
        "where": f"emulated by {m.emulator}" if m.emulator else "on a real board" if is_board else "on this machine",
        "unit": m.clock.unit,
        "hz": f"{m.clock.hz:,}" if m.clock.hz and is_board else "",
        "n": f"{m.invoke.n:,}",
        "setup": f"{m.setup:,}",
        "verdict": verdict,
        "verdict_class": kind,
        "calibration": (details["calibration"] or "") if details else "",
    }


def _memory(m: Measurement, details: Json | None) -> list[dict[str, Any]]:
    """Flash and RAM as stacked bars, in percent of the target's memory (of their own total where it is not known)."""
    return [
        _bar("Flash", m.flash_bytes, ("model", "code"), details["flash_limit_bytes"] if details else None),
        _bar("RAM", m.ram_bytes, ("arena", "static", "stack"), details["ram_limit_bytes"] if details else None),
    ]


def _bar(name: str, sizes: Mapping[str, int], parts: Sequence[str], limit: int | None) -> dict[str, Any]:
    total = sizes["total"]
    whole = max(limit or total, 1)
    return {
        "name": name,
        "total": f"{total:,}",
        "limit": f"{limit:,}" if limit else "",
        "share": f"{100 * total / whole:.1f}",
        "parts": [
            {"name": part, "bytes": f"{sizes[part]:,}", "percent": f"{100 * sizes[part] / max(total, 1):.2f}"}
            for part in parts
        ],
    }


def _sections(details: Json) -> list[dict[str, Any]]:
    """The ELF's sections; bars in percent of the largest in its memory."""
    rows = details["sections"]
    most = {kind: max([row[kind] for row in rows] + [1]) for kind in ("flash_bytes", "ram_bytes")}
    return [
        {
            "name": row["name"],
            "address": f"0x{row['address']:08x}",
            "flash": f"{row['flash_bytes']:,}" if row["flash_bytes"] else "",
            "flash_percent": f"{100 * row['flash_bytes'] / most['flash_bytes']:.2f}",
            "ram": f"{row['ram_bytes']:,}" if row["ram_bytes"] else "",
            "ram_percent": f"{100 * row['ram_bytes'] / most['ram_bytes']:.2f}",
        }
        for row in rows
    ]


def _operators(m: Measurement) -> list[dict[str, Any]]:
    """Per-operator medians; bars relative to the slowest, shares of the sum."""
    times = [op["median"] for op in m.per_op or ()]
    slowest, total = max([*times, 1]), max(sum(times), 1)
    return [
        {
            "name": op["name"],
            "op": op["op"],
            "ticks": op["median"],
            "median": f"{op['median']:,}",
            "percent": f"{100 * op['median'] / slowest:.2f}",
            "share": f"{100 * op['median'] / total:.1f}",
        }
        for op in m.per_op or ()
    ]


def _plan(plan: Json) -> dict[str, Any]:
    steps, buffers = plan["steps"], []
    for buffer in plan["buffers"]:
        first, last = steps[buffer["first"]], steps[buffer["last"]]
        title = f"{buffer['name']}: {buffer['bytes']:,} bytes at {buffer['offset']:,}, {first} … {last}"
        buffers.append({**buffer, "title": title, "first_name": first, "last_name": last})
    boxes = [charts.Buffer(**{key: b[key] for key in charts.Buffer.__dataclass_fields__}) for b in buffers]
    label = "The arena over time; the same numbers are in the table below"
    return {
        "arena": f"{plan['arena_bytes']:,}",
        "chart": charts.memory_plan("plan", label, boxes, steps, plan["arena_bytes"]),
        "buffers": [{**b, "bytes": f"{b['bytes']:,}", "offset": f"{b['offset']:,}"} for b in buffers],
    }


def _comparison(comparison: Json) -> dict[str, Any]:
    known = [(layer["name"], layer["sqnr_db"]) for layer in comparison["layers"] if layer["sqnr_db"] is not None]
    label = "SQNR per layer; the same numbers are in the table below"
    return {
        "reference": comparison["reference"],
        "samples": f"{comparison['samples']:,}",
        "device_samples": f"{comparison['device_samples']:,}",
        "finding": comparison["finding"],
        "is_clean": comparison["layer"] is None,
        "chart": charts.sqnr("sqnr", label, known) if known else "",
        "layers": [
            {
                "name": layer["name"],
                "op": layer["op"],
                "dtype": layer["dtype"],
                "scale": "" if layer["scale"] is None else f"{layer['scale']:.4g}",
                "zero_point": "" if layer["zero_point"] is None else f"{layer['zero_point']}",
                "sqnr": "" if layer["sqnr_db"] is None else f"{layer['sqnr_db']:.1f}",
                "clipped": _percent(layer["clipped"]),
                "saturated": _percent(layer["saturated"]),
                "unused": _percent(layer["unused"]),
                "litert": _difference(layer["litert"]),
                "device": _difference(layer["device"]),
                "is_first": layer["name"] == comparison["layer"],
            }
            for layer in comparison["layers"]
        ],
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _difference(found: Json | None) -> str:
    if found is None:
        return ""
    return "equal" if found["share"] == 0 else f"{100 * found['share']:.2f} %, by {found['largest']:.4g}"


def _classes(classes: Json) -> dict[str, Any]:
    """The confusion matrix, each cell's shade in percent of its row, and recall and precision of each class."""
    matrix, names = classes["matrix"], classes["names"]
    totals = [sum(row) for row in matrix]
    answers = [sum(row[i] for row in matrix) for i in range(len(names))]
    return {
        "names": names,
        "rows": [
            {
                "name": name,
                "samples": f"{totals[i]:,}",
                "recall": f"{100 * matrix[i][i] / totals[i]:.1f} %" if totals[i] else "",
                "precision": f"{100 * matrix[i][i] / answers[i]:.1f} %" if answers[i] else "",
                "cells": [
                    {
                        "count": f"{count:,}" if count else "",
                        "shade": f"{100 * count / max(totals[i], 1):.0f}",
                        "is_right": i == j,
                        "title": f"{count:,} of {name} taken for {names[j]}",
                    }
                    for j, count in enumerate(matrix[i])
                ],
            }
            for i, name in enumerate(names)
        ],
    }


def _pictures(pictures: Sequence[Json]) -> list[dict[str, Any]]:
    """Wrong answers, then right ones, where there are any."""
    groups = [("Wrong", [p for p in pictures if not p["right"]]), ("Right", [p for p in pictures if p["right"]])]
    return [
        {
            "title": title,
            "pictures": [
                {**p, "score": "" if p["score"] is None else f"{100 * p['score']:.0f} %", "sample": f"{p['sample']:,}"}
                for p in members
            ],
        }
        for title, members in groups
        if members
    ]
