"""The report's sweeps: the Pareto front over accuracy, flash, RAM and time, and which choice moved what.

A sweep is nothing but measurements that differ in what can be chosen, from the same place (front.place).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, cycle, pairwise, product
from statistics import median
from typing import Any

from .. import models
from ..values import Measurement
from . import baseline, charts, front, history, wording

FEWEST = 4  # measurements that make a sweep
BEST, OTHER = "on the front", "beaten"
NONE = {"channels": "0", "sparse": "0", "qat": "no"}  # what a model's name does not say


def sections(measurements: Sequence[Measurement], origins: baseline.Origins) -> list[dict[str, Any]]:
    """For each place with enough of the newest measurements: charts, the front, and the effect of each choice.

    Which models have which calibration is in ``origins``, as far as it is known.
    """
    newest = [measurements[i] for i in history.newest(measurements, origins)]
    competing = [m for m in newest if front.competes(m)]
    found = []
    for number, place in enumerate(dict.fromkeys(map(front.place, competing))):
        members = [m for m in competing if front.place(m) == place]
        chosen = [choices(m, origins) for m in members]
        if len(members) < FEWEST or not _differing(chosen):
            continue
        best = {id(members[i]) for i in front.front(members)}
        first = members[0]
        where = f"{first.target} in {first.emulator}" if first.emulator else first.target
        found.append(
            {
                "title": f"{baseline.family(first)} on {where}",
                "count": len(members),
                "unit": first.clock.unit,
                "charts": _charts(f"sweep{number}", members, best),
                "shapes": [
                    {"name": text, "mark": mark}
                    for text, mark in zip(_shapes(members), cycle(charts.MARKERS.values()), strict=False)
                ],
                "front": [
                    {**history.row(m), "calibration": choices(m, origins)["calibration"]}
                    for m in sorted(members, key=front.costs)
                    if id(m) in best
                ],
                "effects": effects(members, chosen),
            }
        )
    return found


def choices(m: Measurement, origins: baseline.Origins) -> dict[str, str]:
    """What was chosen for a measurement: choice → value. Most of it is in the model's name."""
    origin = origins.get(m.model_sha256, baseline.UNKNOWN)
    found = {"mode": m.mode, "runtime": m.runtime, "optimize": m.optimize or "", "calibration": origin.calibration}
    name, *parts = m.model.split("+")
    defaults = models.hyperparameters(name) if name in models.known() else {}
    found |= NONE | {key: str(values[0]) for key, values in defaults.items()}
    for part in parts:
        key, _, value = part.partition("=")
        step = re.fullmatch(r"([a-z]+)([\d.]*)", part)
        found |= {key: value} if value else {step[1]: step[2] or "yes"} if step else {}
    return found


def _differing(chosen: Sequence[Mapping[str, str]]) -> list[str]:
    """The choices that not all measurements have in common."""
    keys = dict.fromkeys(key for each in chosen for key in each)
    return [key for key in keys if len({each.get(key, "") for each in chosen}) > 1]


def effects(members: Sequence[Measurement], chosen: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """What a choice does alone: the median change over all pairs of measurements that differ in nothing else.

    Accuracy in percentage points, the others in percent. Numbers are compared with the next larger one.
    """
    found = []
    keys = _differing(chosen)
    for key in keys:
        alike: dict[tuple[str, ...], dict[str, list[Measurement]]] = {}  # the other choices → value → measurements
        for m, each in zip(members, chosen, strict=True):
            rest = tuple(each.get(other, "") for other in keys if other != key)
            alike.setdefault(rest, {}).setdefault(each.get(key, ""), []).append(m)
        for before, after in _changed({value for group in alike.values() for value in group}):
            pairs = [pair for group in alike.values() for pair in product(group.get(before, ()), group.get(after, ()))]
            if pairs:
                found.append(
                    {"choice": key, "change": f"{before or 'none'} → {after or 'none'}", "pairs": f"{len(pairs):,}"}
                    | _changes(pairs)
                )
    return found


def _changed(values: Collection[str]) -> list[tuple[str, str]]:
    """The values to compare: numbers that follow each other, and every other pair."""
    ordered = sorted(values, key=_order)
    numbers = [value for value in ordered if _is_number(value)]
    texts = ordered[len(numbers) :]
    return [*pairwise(numbers), *product(numbers, texts), *combinations(texts, 2)]


def _is_number(value: str) -> bool:
    return re.fullmatch(r"\d*\.?\d+", value) is not None


def _order(value: str) -> tuple[bool, float, list[Any]]:
    """Sorts numbers by value, before texts, in which numbers count as such: int8 before int16x8."""
    is_number = _is_number(value)
    parts = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", value)]
    return not is_number, float(value) if is_number else 0.0, parts


def _changes(pairs: Sequence[tuple[Measurement, Measurement]]) -> dict[str, str]:
    costs = [(front.costs(a), front.costs(b)) for a, b in pairs]
    points = median(100 * (a[0] - b[0]) for a, b in costs)
    percent = [median(100 * (b[i] / max(a[i], 1) - 1) for a, b in costs) for i in (1, 2, 3)]
    scored = all(m.accuracy for pair in pairs for m in pair)
    return {
        "accuracy": f"{points:+.2f}" if scored else "",
        **{what: f"{value:+.1f} %" for what, value in zip(("flash", "ram", "time"), percent, strict=True)},
    }


def _charts(name: str, members: Sequence[Measurement], best: set[int]) -> list[dict[str, str]]:
    """Accuracy against flash, RAM and time; none for models without labels."""
    if not all(m.accuracy for m in members):
        return []
    unit = members[0].clock.unit
    x_labels = ("flash, bytes", "RAM, bytes", f"{unit} per inference")
    drawn = []
    for i, x_label in enumerate(x_labels, start=1):
        points = [
            charts.Point(
                max(float(front.costs(m)[i]), 1.0),
                100 * (1 - front.costs(m)[0]),
                BEST if id(m) in best else OTHER,
                _shape(m),
                f"{_called(m)}: {wording.costs(m)}",
            )
            for m in members
        ]
        if len({(p.x, p.y) for p in points}) > 1:
            what = x_label.partition(",")[0]
            label = f"Accuracy against {what} of a sweep; the front is in the table below"
            series, shapes = (BEST, OTHER), _shapes(members)
            svg = charts.scatter(
                f"{name}-{i}", label, points, x_label, "accuracy, %", series, shapes, names_front=False
            )
            drawn.append({"title": f"Accuracy against {what}", "svg": svg})
    return drawn


def _shape(m: Measurement) -> str:
    return f"{m.mode} {m.runtime}"


def _shapes(members: Sequence[Measurement]) -> list[str]:
    return sorted(set(map(_shape, members)))


def _called(m: Measurement) -> str:
    return f"{m.model} {m.mode}, {m.runtime}{wording.optimized(m)}"
