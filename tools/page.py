"""The HTML report: one file without scripts, fonts or network, readable in light and dark and on a phone.

Everything is computed here, in percent and SVG units; templates/report/page.html.j2 only prints. What a user named
(models, layers, classes) is escaped by Jinja.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import __version__
from .graph.ir import Graph, Plan
from .render import render
from .values import Measurement, Vectors

TEMPLATE = "report/page.html.j2"

# The memory plan's drawing, in SVG units.
PLAN_WIDTH, PLAN_HEIGHT = 720.0, 320.0
CHARACTER_WIDTH, MIN_LABEL_HEIGHT = 7.0, 13.0  # of its 11-unit font


@dataclass(frozen=True, eq=False)
class Details:
    """What a run was made of, for the parts of the page that a record alone cannot fill."""

    measurement: Measurement
    graph: Graph
    plan: Plan | None  # None where the runtime lays out its memory on the device
    vectors: Vectors
    outputs: tuple[npt.NDArray[Any], ...]
    flash_limit_bytes: int
    ram_limit_bytes: int


def html(measurements: Sequence[Measurement], details: Details | None = None) -> str:
    """The page: all measurements, oldest first, and one run in detail (None: the newest record, as far as it goes)."""
    newest = details.measurement if details else measurements[-1] if measurements else None
    return render(
        TEMPLATE,
        kerf=__version__,
        tables=_tables(measurements),
        run=None if newest is None else _run(newest, details),
        sizes=[] if newest is None else _sizes(newest, details),
        operators=_operators(newest) if newest is not None and newest.per_op else [],
        plan=None if details is None or details.plan is None else _plan(details.graph, details.plan),
        classes=[] if details is None else _classes(details),
    )


def _tables(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """One table per clock: emulated and real times never share a column."""
    groups: dict[tuple[bool, str], list[dict[str, str]]] = {}
    for m in measurements:
        groups.setdefault((m.emulator is None, m.clock.unit), []).append(_row(m))
    return [
        {"title": "Real boards" if is_board else "Emulated", "unit": unit, "rows": rows}
        for (is_board, unit), rows in sorted(groups.items())
    ]


def _row(m: Measurement) -> dict[str, str]:
    return {
        "model": m.model,
        "mode": m.mode,
        "runtime": m.runtime,
        "kernels": m.kernels,
        "target": m.target,
        "emulator": m.emulator or "",
        "flash": f"{m.flash_bytes['total']:,}",
        "ram": f"{m.ram_bytes['total']:,}",
        "arena_used": f"{m.extra['arena_used_bytes']:,}" if "arena_used_bytes" in m.extra else "",
        "min": f"{m.invoke.min:,}",
        "median": f"{m.invoke.median:,}",
        "p99": f"{m.invoke.p99:,}",
        "mismatches": f"{m.mismatches:,} of {m.samples:,}",
        "is_equal": "yes" if m.mismatches == 0 else "",
        "device": "" if m.accuracy is None else f"{m.accuracy['device']:.4f}",
        "host": "" if m.accuracy is None else f"{m.accuracy['host']:.4f}",
        "commit": (m.commit or "")[:10],
    }


def _run(m: Measurement, details: Details | None) -> dict[str, Any]:
    oracle = f"the oracle ({details.vectors.oracle})" if details else "the oracle"
    how = "bit for bit" if m.tolerance == 0 else f"(integers exactly, floats within {m.tolerance:g} relative)"
    equal = f"All {m.samples:,} samples equal {oracle} {how}."
    differ = f"{m.mismatches:,} of {m.samples:,} samples do not equal {oracle} {how}."
    return {
        **_row(m),
        "sha256": m.model_sha256,
        "model_bytes": f"{m.model_bytes:,}",
        "unit": m.clock.unit,
        "hz": f"{m.clock.hz:,}" if m.clock.hz else "",
        "n": f"{m.invoke.n:,}",
        "setup": f"{m.setup:,}",
        "verdict": equal if m.mismatches == 0 else differ,
    }


def _sizes(m: Measurement, details: Details | None) -> list[dict[str, Any]]:
    """Flash and RAM as stacked bars, in percent of the target's memory (of their own total where it is not known)."""
    return [
        _bar("Flash", m.flash_bytes, ("model", "code"), details.flash_limit_bytes if details else None),
        _bar("RAM", m.ram_bytes, ("arena", "static", "stack"), details.ram_limit_bytes if details else None),
    ]


def _bar(name: str, sizes: Any, parts: Sequence[str], limit: int | None) -> dict[str, Any]:
    total = sizes["total"]
    whole = max(limit or total, 1)
    return {
        "name": name,
        "total": f"{total:,}",
        "limit": f"{limit:,}" if limit else "",
        "share": f"{100 * total / whole:.1f}",
        "parts": [
            # widths within the used part; the bar as a whole is drawn at its share of the memory
            {"name": part, "bytes": f"{sizes[part]:,}", "percent": f"{100 * sizes[part] / max(total, 1):.2f}"}
            for part in parts
        ],
    }


def _operators(m: Measurement) -> list[dict[str, str]]:
    """Per-operator medians; bars relative to the slowest, shares of the sum."""
    times = [op["median"] for op in m.per_op or ()]
    slowest, total = max([*times, 1]), max(sum(times), 1)
    return [
        {
            "name": op["name"],
            "op": op["op"],
            "median": f"{op['median']:,}",
            "percent": f"{100 * op['median'] / slowest:.2f}",
            "share": f"{100 * op['median'] / total:.1f}",
        }
        for op in m.per_op or ()
    ]


def _plan(graph: Graph, plan: Plan) -> dict[str, Any]:
    """The arena over time: one column per operator (before the first and after the last included), offset upwards."""
    columns = len(graph.ops) + 2  # -1: the inputs are filled; len(ops): the outputs are read
    width, height = PLAN_WIDTH / columns, PLAN_HEIGHT / max(plan.arena_bytes, 1)
    makers = {output: op.name for op in graph.ops for output in op.outputs}
    named = [(makers.get(i, graph.tensors[i].name), place) for i, place in sorted(plan.tensors.items())]
    named += [(f"scratch {n} of {graph.ops[op].name}", place) for (op, n), place in sorted(plan.scratch.items())]
    buffers = []
    for position, (name, place) in enumerate(named):
        box_width = (place.last - place.first + 1) * width
        box_height = place.bytes * height
        room = int(box_width / CHARACTER_WIDTH) if box_height >= MIN_LABEL_HEIGHT else 0
        buffers.append(
            {
                "name": name,
                "label": name if len(name) <= room else name[: room - 1] + "…" if room > 3 else "",
                "bytes": f"{place.bytes:,}",
                "offset": f"{place.offset:,}",
                "first": _moment(graph, place.first),
                "last": _moment(graph, place.last),
                "x": f"{(place.first + 1) * width:.2f}",
                "y": f"{PLAN_HEIGHT - place.offset * height - box_height:.2f}",
                "width": f"{box_width:.2f}",
                "height": f"{box_height:.2f}",
                "colour": position % 6,
            }
        )
    return {
        "arena": f"{plan.arena_bytes:,}",
        "width": f"{PLAN_WIDTH:g}",
        "height": f"{PLAN_HEIGHT:g}",
        "buffers": buffers,
        "lines": [f"{column * width:.2f}" for column in range(1, columns)],
    }


def _moment(graph: Graph, time: int) -> str:
    if time < 0:
        return "input"
    return graph.ops[time].name if time < len(graph.ops) else "output"


def _classes(details: Details) -> list[dict[str, str]]:
    """How often each class was recognised by the device; [] without labels."""
    labels = details.vectors.labels
    if labels is None or not details.outputs:
        return []
    chosen = details.outputs[0].reshape(len(labels), -1).argmax(axis=1)
    names = details.vectors.classes
    rows = []
    for label in np.unique(labels):
        right = int(np.count_nonzero(chosen[labels == label] == label))
        samples = int(np.count_nonzero(labels == label))
        name = names[label] if label < len(names) else str(label)
        share = f"{100 * right / samples:.1f}"
        rows.append({"name": name, "samples": f"{samples:,}", "right": f"{right:,}", "share": share})
    return rows
