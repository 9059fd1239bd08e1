"""Shows results on the terminal: measurements and rows of describe.py, as tables or as JSON.

The rest of the package: records.py reads and writes measurement records, details.py computes what a page shows of a run
beyond its record, kept.py stores that, page.py and inspect_page.py make HTML of it; terminal.py has the parts of the
tables, cost.py those of `inv bench`, inspection.py those of `inv inspect`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .. import quantities
from ..compare import Comparison
from ..compare.layers import EXACT_DB, Difference, Layer
from ..doctor import Finding
from ..values import Measurement
from ..visible import visible
from . import baseline, cost, terminal, wording
from .describe import FIGURES
from .inspection import show_inspection as show_inspection
from .records import to_json


class HasMeasurement(Protocol):
    """What `show_run` needs of a finished run."""

    @property
    def measurement(self) -> Measurement: ...

    @property
    def retries(self) -> int: ...


def show_run(outcome: HasMeasurement, as_json: bool, console: Console | None = None) -> None:
    """One measurement: the record as JSON on one line, or tables and a summary."""
    if as_json:
        terminal.show_json(to_json(outcome.measurement))
        return
    terminal.show(run_view(outcome.measurement, outcome.retries), console)


@runtime_checkable
class HasError(Protocol):
    """What `show_bench` needs of a run that failed."""

    def row(self) -> Mapping[str, str]: ...


def show_bench(outcomes: Sequence[HasMeasurement | HasError], as_json: bool, console: Console | None = None) -> None:
    """Several runs: JSON lines, or tables of results, of cost and of layers for each clock (emulated and real never
    share a column), then what failed."""
    measured = [outcome.measurement for outcome in outcomes if not isinstance(outcome, HasError)]
    failed = [outcome.row() for outcome in outcomes if isinstance(outcome, HasError)]
    if as_json:
        for line in [*map(to_json, measured), *failed]:
            terminal.show_json(line)
        return
    tables = [*measurement_tables(measured), *cost.tables(measured)]
    if failed:
        tables.append(terminal.table("failed", *failed[0]))
        for row in failed:
            tables[-1].add_row(*map(terminal.cell, row.values()))
    terminal.show(Group(*tables), console)


def show_sweep(
    results: Sequence[HasMeasurement | HasError],
    best: Sequence[Measurement],
    as_json: bool,
    console: Console | None = None,
) -> None:
    """The Pareto front, then what else was measured, left out, or failed; as JSON all of it in one object."""
    measured = [each.measurement for each in results if not isinstance(each, HasError)]
    others = [each.row() for each in results if isinstance(each, HasError)]
    if as_json:
        positions = [i for i, m in enumerate(measured) if m in best]
        terminal.show_json({"measured": list(map(to_json, measured)), "front": positions, "others": others})
        return
    tables = []
    for title, members in (("front", best), ("others", [m for m in measured if m not in best])):
        for table in measurement_tables(members):
            table.title = f"{title}: {table.title}"
            tables.append(table)
    for last in sorted({list(row)[-1] for row in others}):
        rows = [row for row in others if list(row)[-1] == last]
        tables.append(terminal.table("failed" if last == "error" else last, *rows[0]))
        for row in rows:
            tables[-1].add_row(*map(terminal.cell, row.values()))
    terminal.show(Group(*tables), console)


def show_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, console: Console | None = None) -> None:
    """Rows of one kind as a table, with the keys as columns; a single row is shown vertically."""
    if as_json:
        terminal.show_json(list(rows))
        return
    if len(rows) == 1:
        table = terminal.table(None)
        table.show_header = False
        for key, value in rows[0].items():
            table.add_row(Text(key), terminal.cell(value))
    else:
        table = terminal.table(None, *(rows[0] if rows else ("none",)))
        for row in rows:
            table.add_row(*(terminal.cell(value) for value in row.values()))
    terminal.show(table, console)


def show_ops(rows: Sequence[Mapping[str, Any]], coverage: str, as_json: bool, console: Console | None = None) -> None:
    """The table of operators, followed by a sentence, which JSON leaves out."""
    show_rows(rows, as_json, console)
    if not as_json:
        terminal.show(Text(coverage), console)


def show_quantized(rows: Sequence[Mapping[str, Any]], as_json: bool, console: Console | None = None) -> None:
    """One .tflite vertically; several as a table, with the accuracy each loses against the original model."""
    if as_json or len(rows) == 1:
        show_rows(rows, as_json, console)
        return
    columns = ("model", "mode", "bytes", "samples", "accuracy", "drop", "oracle", "path")
    table = terminal.table(None, *columns, numbers=range(2, 6))
    for row in rows:
        accuracy = row["accuracy"] or {}
        host = f"{accuracy['host']:.4f}" if "host" in accuracy else ""
        drop = f"{100 * accuracy['drop']:+.2f}" if "drop" in accuracy else ""
        cells = (row["model"], row["mode"], row["model_bytes"], row["samples"], host, drop, row["oracle"], row["path"])
        table.add_row(*map(terminal.cell, cells))
    terminal.show(table, console)


def show_compressed(rows: Sequence[Mapping[str, Any]], as_json: bool, console: Console | None = None) -> None:
    """The compression steps, before → after, and what remains of each layer after the last one."""
    if as_json:
        terminal.show_json(list(rows))
        return
    columns = ("accuracy", "parameters", "bytes", "zip_bytes")
    table = terminal.table(None, "model", rows[0]["measure"], *columns[1:], "sparsity", numbers=range(1, 6))
    for row in rows:
        change = [f"{_amount(row[key][0])} → {_amount(row[key][1])}" for key in columns]
        table.add_row(visible(row["model"]), *change, f"{row['sparsity']:.1%}")
    terminal.show(table, console)
    layers = terminal.table(None, "layer", "filters", "weights", "sparsity", numbers=range(1, 4))
    for layer in rows[-1]["layers"]:
        before, after = layer["filters"]
        filters = f"{before} → {after}" if before != after else f"{after}"
        layers.add_row(visible(layer["layer"]), filters, f"{layer['weights']:,}", f"{layer['sparsity']:.1%}")
    terminal.show(layers, console)
    terminal.show(Text(visible(rows[-1]["path"])), console)


def show_survey(survey: Mapping[str, Any], as_json: bool, console: Console | None = None) -> None:
    """Each file of a folder, the operators that stop files, and the counts."""
    if as_json:
        terminal.show_json(survey)
        return
    stages = ("read", "oracle", "runs", "equal")
    shown = {True: "yes", False: "no", None: ""}
    tried = terminal.table("files", "file", "read", "oracle", survey["runtime"], "equal", "why not")
    for row in survey["files"]:
        same = row["duplicate_of"] and f"the same file as {row['duplicate_of']}"
        tried.add_row(
            terminal.cell(row["path"]),
            *(shown[row[stage]] for stage in stages),
            terminal.cell(same or row["reason"] or ""),
        )
    missing = terminal.table(
        "missing operators", "operator", "oracle runs", "files", "only", "for example", numbers=(1, 2, 3)
    )
    for row in survey["missing"]:
        missing.add_row(*map(terminal.cell, row.values()))
    facts = terminal.table(None)
    facts.show_header = False
    for key, count in survey["counts"].items():
        share = survey["percent"].get(key)
        facts.add_row(key, f"{count:,}{'' if share is None else f', {share:.1f} % of those that the oracle runs'}")
    note = [] if survey["complete"] else [Text("Interrupted: the other files were not tried.", style="yellow")]
    terminal.show(Group(tried, *([missing] if survey["missing"] else []), facts, *note), console)


def show_budgets(rows: Sequence[Mapping[str, Any]], as_json: bool, console: Console | None = None) -> None:
    """For each firmware the committed figures, and what they are now where they differ."""
    if as_json:
        terminal.show_json(list(rows))
        return
    names = ("model", "mode", "target", "optimize")
    table = terminal.table(None, *names, "instructions", "flash", "RAM", "", numbers=range(4, 7))
    for row in rows:
        changes = [_change(*row[key]) for key in FIGURES]
        table.add_row(*(visible(row[key]) for key in names), *changes, visible(row["verdict"]))
    terminal.show(table, console)


def _change(before: int | None, now: int | None) -> str:
    if before is None or now is None or before == now:
        return _amount(now if before is None and now is not None else before or 0)
    return f"{before:,} → {now:,} ({(now - before) / max(before, 1):+.1%})"


def _amount(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def show_doctor(
    findings: Sequence[Finding], boards: Sequence[Mapping[str, str]], as_json: bool, console: Console | None = None
) -> None:
    """What is installed, what is missing and how to get it, and the boards that are plugged in."""
    if as_json:
        terminal.show_json({"findings": [asdict(finding) for finding in findings], "boards": list(boards)})
        return
    table = terminal.table("installed", "", "name", "version or how to get it", "what for")
    for finding in findings:
        mark = (
            ("ok", "green") if finding.version else (("missing", "bold red") if finding.required else ("-", "yellow"))
        )
        table.add_row(
            Text(*mark), Text(finding.name), terminal.cell(finding.version or finding.remedy), Text(finding.purpose)
        )
    ports: RenderableType = Text("no board is plugged in")
    if boards:
        ports = terminal.table("boards", *boards[0])
        for board in boards:
            ports.add_row(*(terminal.cell(value) for value in board.values()))
    terminal.show(Group(table, ports), console)


def show_comparison(comparison: Comparison, as_json: bool, console: Console | None = None) -> None:
    """The comparison layer by layer, and a sentence about the first that diverges."""
    if as_json:
        terminal.show_json(comparison.to_json())
        return
    c = comparison
    columns = ("SQNR dB", "clipped", "saturated", "unused", "LiteRT", f"{c.runtime} on {c.target}")
    rows = [comparison_cells(layer) for layer in c.layers]
    known = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    names = [columns[i] for i in known]
    table = terminal.table(None, "#", "operator", "layer", "type", *names, numbers=range(4, 4 + len(known)))
    for i, (layer, cells) in enumerate(zip(c.layers, rows, strict=True)):
        style = "bold red" if layer.name == c.layer else None
        table.add_row(
            str(i), layer.op, terminal.cell(layer.name), layer.dtype, *(cells[column] for column in known), style=style
        )
    sqnr = "SQNR is against the float model. " if "SQNR dB" in names else "There is no float model to compare with. "
    note = (
        f"{c.samples} samples on this machine, {c.device_samples} on the device. {sqnr}LiteRT and the device are "
        f"compared with {c.reference}: equal, or the share of values that differ and by how much."
    )
    terminal.show(Group(table, Text(note), Text(visible(c.finding), style="bold")), console)


def comparison_cells(layer: Layer) -> list[str]:
    """SQNR, clipped, saturated, unused, and the differences of LiteRT and the device, as text; "" for unknown."""
    shares = (layer.clipped, layer.saturated, layer.unused)
    return [
        "" if layer.sqnr_db is None else "exact" if layer.sqnr_db >= EXACT_DB else f"{layer.sqnr_db:.1f}",
        *("" if share is None else f"{share:.1%}" for share in shares),
        *(_difference(found) for found in (layer.litert, layer.device)),
    ]


def _difference(found: Difference | None) -> str:
    if found is None:
        return ""
    return "equal" if found.share == 0 else f"{found.share:.2%} by {found.largest:.4g}"


def run_view(measurement: Measurement, retries: int = 0) -> RenderableType:
    """The tables and sentences of one run."""
    m = measurement
    facts = terminal.table(None)
    facts.show_header = False
    is_host = wording.where(m) == wording.HOST
    where = (
        f"{m.target} in {m.emulator}" if m.emulator else f"{m.target}, {'this machine' if is_host else 'a real board'}"
    )
    facts.add_row("model", Text(visible(f"{m.model} {m.mode}, {m.model_bytes:,} bytes, sha256 {m.model_sha256[:12]}…")))
    where += wording.as_found(m)
    facts.add_row("where", Text(visible(f"{where}, runtime {m.runtime}, {m.kernels} kernels{wording.optimized(m)}")))
    if m.flash_bytes is None or m.ram_bytes is None:
        facts.add_row("flash, RAM", "unknown: this firmware was not built here")
    elif is_host:
        facts.add_row("arena", f"{m.ram_bytes['arena']:,} bytes")
    else:
        facts.add_row("flash", "{total:,} bytes = {code:,} code + {model:,} model".format(**m.flash_bytes))
        facts.add_row(
            "RAM", "{total:,} bytes = {static:,} static + {arena:,} arena + {stack:,} stack".format(**m.ram_bytes)
        )
    arena = m.ram_bytes["arena"] if m.ram_bytes else None
    if (used := m.extra.get("arena_used_bytes", arena)) != arena:
        facts.add_row("", f"{used:,} bytes of the arena are in use once the model is set up")
    facts.add_row(
        "inference",
        f"{m.invoke.median:,} {m.clock.unit} (median of {m.invoke.n:,}; "
        f"min {m.invoke.min:,}, p99 {m.invoke.p99:,}){_milliseconds(m)}",
    )
    facts.add_row("set-up", f"{m.setup:,} {m.clock.unit}")
    for label, text in quantities.shown(m.quantities):
        facts.add_row(label, Text(visible(text)))
    if m.accuracy is not None:
        facts.add_row("accuracy", f"{m.accuracy['device']:.4f} on the device, {m.accuracy['host']:.4f} on the host")
    if retries:
        facts.add_row("retries", f"{retries:,} frame{'s were' if retries > 1 else ' was'} resent")
    doubt = wording.doubt(m)
    doubts = [Text(visible(doubt), style="bold red")] if doubt else []
    return Group(*([_per_op(m)] if m.per_op else []), facts, verdict(m), *doubts)


def verdict(measurement: Measurement) -> Text:
    """One sentence: do the device's outputs match the oracle's?"""
    sentence, kind = wording.verdict(measurement, steps=measurement.extra.get(wording.STEPS))
    return Text(sentence, style={"good": "bold green", "bad": "bold red", "faint": "yellow"}[kind])


def measurement_tables(measurements: Sequence[Measurement]) -> list[Table]:
    """One table per unit of time for boards, for emulators and for this machine."""
    tables = []
    for where, unit in sorted({(wording.where(m), m.clock.unit) for m in measurements}):
        title = f"{'boards' if where == wording.BOARD else where}, {unit}"
        table = terminal.table(title, *_COLUMNS, numbers=range(6, len(_COLUMNS)))
        for m in measurements:
            if (wording.where(m), m.clock.unit) == (where, unit):
                table.add_row(*(terminal.cell(value) for value in _row(m, baseline.drop(m, measurements, {}))))
        tables.append(table)
    return tables


_COLUMNS = (
    *("model", "mode", "runtime", "kernels", "target", "emulator"),
    *("bytes", "flash", "RAM", "median", "p99", "samples", "differ", "accuracy", "on host", "drop"),
)


def _row(m: Measurement, drop: float | None) -> tuple[Any, ...]:
    accuracy = ("", "") if m.accuracy is None else [f"{m.accuracy[where]:.4f}" for where in ("device", "host")]
    times = (m.invoke.median, m.invoke.p99)
    is_host = wording.where(m) == wording.HOST
    sizes = ["" if is_host or found is None else found["total"] for found in (m.flash_bytes, m.ram_bytes)]
    return (
        m.model,
        m.mode,
        m.runtime,
        m.kernels + wording.optimized(m),
        m.target,
        m.emulator or "",
        m.model_bytes,
        *sizes,
        *times,
        m.samples,
        m.mismatches,
        *accuracy,
        "" if drop is None else f"{drop:+.2f}",
    )


def _per_op(m: Measurement) -> Table:
    table = terminal.table(None, "layer", "operator", f"{m.clock.unit} (median)", "share", numbers=(2, 3))
    total = sum(op["median"] for op in m.per_op or ()) or 1
    for op in m.per_op or ():
        table.add_row(
            terminal.cell(op["name"]), terminal.cell(op["op"]), f"{op['median']:,}", f"{op['median'] / total:.1%}"
        )
    return table


def _milliseconds(m: Measurement) -> str:
    """Only for real boards: an emulator's instructions are not time, and this machine is not a microcontroller."""
    return (
        ""
        if wording.where(m) != wording.BOARD or not m.clock.hz
        else f" = {1000 * m.invoke.median / m.clock.hz:.3f} ms"
    )
