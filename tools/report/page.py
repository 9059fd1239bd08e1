"""The HTML report: one file that needs no network, usable in light and dark themes, by keyboard and on a phone.

Everything is computed here; templates/report/ only prints. Names from the user (models, layers, classes) are escaped by
Jinja, and the Content-Security-Policy allows no script except the page's own.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from .. import __version__, quantities
from ..render import render
from ..values import Measurement
from . import baseline, charts, history, sweeps, wording

TEMPLATE, STYLE, SCRIPT = "report/page.html.j2", "report/style.css.j2", "report/sort.js.j2"

Json = Mapping[str, Any]


def html(
    measurements: Sequence[Measurement],
    details: Json | None = None,
    comparison: Json | None = None,
    origins: baseline.Origins | None = None,
) -> str:
    """The page: all measurements, oldest first, and the newest in detail.

    ``details`` (details.of) and ``comparison`` (Comparison.to_json) are those of the newest measurement, None if there
    are none. ``origins`` says what the models were calibrated and tested with.
    """
    newest = measurements[-1] if measurements else None
    is_host = newest is not None and wording.where(newest) == wording.HOST
    return render(
        TEMPLATE,
        **frame(),
        tables=history.tables(measurements, origins or {}),
        trade_offs=history.trade_offs(measurements, origins or {}),
        sweeps=sweeps.sections(measurements, origins or {}),
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
    """What all of kerf's pages have in common: version, style, script, and the policy that allows these."""
    script = render(SCRIPT)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    return {"kerf": __version__, "style": render(STYLE), "script": script, "policy": policy}


# --- the newest run ---------------------------------------------------------------------------------------------------


def _run(m: Measurement, details: Json | None) -> dict[str, Any]:
    oracle = f"the oracle ({details['oracle']})" if details else "the oracle"
    is_board = wording.where(m) == wording.BOARD
    verdict, kind = wording.verdict(m, oracle, details.get(wording.STEPS) if details else None)
    return {
        **history.row(m),
        "sha256": m.model_sha256,
        "model_bytes": f"{m.model_bytes:,}",
        "where": (f"emulated by {m.emulator}" if m.emulator else "on a real board" if is_board else "on this machine")
        + wording.as_found(m),
        "unit": m.clock.unit,
        "hz": f"{m.clock.hz:,}" if m.clock.hz and is_board else "",
        "n": f"{m.invoke.n:,}",
        "setup": f"{m.setup:,}",
        "quantities": quantities.shown(m.quantities),
        "verdict": verdict,
        "verdict_class": kind,
        "doubt": wording.doubt(m) or "",
        "calibration": (details["calibration"] or "") if details else "",
    }


def _memory(m: Measurement, details: Json | None) -> list[dict[str, Any]]:
    """Flash and RAM as stacked bars, in percent of the target's memory (of their own total if that is unknown); [] for
    a firmware of unknown size."""
    if m.flash_bytes is None or m.ram_bytes is None:
        return []
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
    """The ELF's sections; bars in percent of the largest in the same memory."""
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
                        "title": f"{count:,} of {name} classified as {names[j]}",
                    }
                    for j, count in enumerate(matrix[i])
                ],
            }
            for i, name in enumerate(names)
        ],
    }


def _pictures(pictures: Sequence[Json]) -> list[dict[str, Any]]:
    """Wrong predictions, then correct ones, if there are any."""
    groups = [("Wrong", [p for p in pictures if not p["right"]]), ("Right", [p for p in pictures if p["right"]])]
    return [
        {
            "title": title,
            "pictures": [
                {
                    **p,
                    "score": "" if p["score"] is None else f"{100 * p['score']:.0f}\u00a0%",
                    "sample": f"{p['sample']:,}",
                }
                for p in members
            ],
        }
        for title, members in groups
        if members
    ]
