"""Charts as inline SVG for the HTML pages, drawn by Matplotlib.

Matplotlib is known to Python users, needs neither network nor script, and produces text and vectors. The colours used
here are placeholders for the page's CSS variables, so that charts follow the light and dark themes like the rest. The
same data gives the same bytes.
"""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..compare.causes import LOW_SQNR_DB
from ..visible import visible

# Placeholder → CSS variable of templates/report/style.css.j2.
INK, FAINT, LINE, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = tuple(f"#0a{i:02}{i:02}" for i in range(10))
_VARIABLES = {INK: "--ink", FAINT: "--faint", LINE: "--line", PAPER: "--paper"} | {
    colour: f"--c{i}" for i, colour in enumerate(SERIES)
}
# Marker → the corresponding character, for legends.
MARKERS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚"}
_STYLE: Mapping[str, Any] = {
    "svg.fonttype": "none",  # keep text as text, to be selected, searched and read aloud
    "font.family": "sans-serif",
    "font.size": 11,
    "text.parse_math": False,  # a user's dollar is a dollar
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


@dataclass(frozen=True)
class Point:
    """One configuration: ``series`` determines the colour, ``shape`` the marker; ``title`` is the tooltip."""

    x: float
    y: float
    series: str
    shape: str
    title: str


def pareto(points: Sequence[Point]) -> list[Point]:
    """The Pareto front, sorted by x: the points for which no other has at most their x and at least their y."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -p.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return front


def scatter(
    name: str,
    label: str,
    points: Sequence[Point],
    x_label: str,
    y_label: str,
    series: Sequence[str],
    shapes: Sequence[str],
    names_front: bool = True,
) -> str:
    """Points, y in percent, x on a logarithmic axis, with the Pareto front (small x, large y) as a line.

    ``name`` makes the SVG's ids unique in the page, ``label`` is the text alternative. The position in ``series``
    determines the colour, that in ``shapes`` the marker (MARKERS); the page has the legend. With ``names_front``, the
    series of the front's points are written next to them.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator

    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure, axes = _figure(5.4, 3.4)
        front = pareto(points)
        titles = {}
        for i, point in enumerate(points):
            place = series.index(point.series)
            colour, is_front = SERIES[place % len(SERIES)], point in front
            (drawn,) = axes.plot(
                [point.x],
                [point.y],
                list(MARKERS)[shapes.index(point.shape) % len(MARKERS)],
                color=PAPER if is_hollow(place) else colour,
                markersize=10 if is_front else 8,
                markeredgecolor=colour if is_hollow(place) else INK if is_front else PAPER,
                markeredgewidth=2.0 if is_hollow(place) else 1.0,
                linestyle="none",
                zorder=4 if is_front else 3,
            )
            drawn.set_gid(f"{name}-{i}")
            titles[f"{name}-{i}"] = point.title
        axes.set_xscale("log")
        _plain_log_ticks(axes.xaxis, [p.x for p in points])
        axes.margins(x=0.08)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        low, high = min(p.y for p in points), max(p.y for p in points)
        room = max(0.3, 0.15 * (high - low))
        axes.set_ylim(max(0.0, low - room), min(100.0 + 0.2 * room, high + room))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(True, which="major")
        # Steps: nothing is between two configurations, and whatever costs more than the last point must beat it, too.
        corners = [*((p.x, p.y) for p in front), (axes.get_xlim()[1], front[-1].y)]
        axes.step(*zip(*corners, strict=True), where="post", color=FAINT, linewidth=1.2, zorder=1)
        if names_front:
            _name_front(figure, axes, front)
        return _svg(figure, label, titles)


def _name_front(figure: Any, axes: Any, front: Sequence[Point]) -> None:
    """Puts the series' names next to the points of the front: above left, where no point can be, else below right.

    A name that would overlap another is omitted; the legend has it.
    """
    size, gap = 10.0, 5.0  # points
    figure.draw_without_rendering()  # lays the axes out
    scale = 72.0 / figure.dpi
    left, right = (scale * edge for edge in (axes.bbox.x0, axes.bbox.x1))
    taken: list[tuple[float, float, float]] = []
    for point in front:
        x, y = scale * axes.transData.transform((point.x, point.y))
        width = 0.55 * size * len(point.series)
        is_above = x - gap - width >= left
        is_right = not is_above and x + gap + width <= right
        start, height = (x + gap if is_right else x - gap - width), y + (gap if is_above else -gap - size)
        if all(start + width < a or b < start or abs(height - h) > size for a, b, h in taken):
            taken.append((start, start + width, height))
            text = axes.annotate(
                visible(point.series),
                (point.x, point.y),
                (gap if is_right else -gap, gap if is_above else -gap),
                textcoords="offset points",
                ha="left" if is_right else "right",
                va="bottom" if is_above else "top",
                fontsize=size,
                zorder=5,
            )
            text.set_in_layout(False)


def is_hollow(series: int) -> bool:
    """Whether the series at this position is drawn hollow: there are more of them than colours."""
    return series // len(SERIES) % 2 == 1


@dataclass(frozen=True)
class Buffer:
    """A box of the memory plan: ``bytes`` at ``offset``, live from step ``first`` to ``last``, inclusive."""

    name: str
    offset: int
    bytes: int
    first: int
    last: int
    title: str


def memory_plan(name: str, label: str, buffers: Sequence[Buffer], steps: Sequence[str], arena_bytes: int) -> str:
    """The arena over time: one column per step, offsets upwards."""
    from matplotlib import rc_context
    from matplotlib.patches import Rectangle

    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure, axes = _figure(max(10.0, 1.5 + 0.75 * len(steps)), 4.4)
        titles = {}
        for i, buffer in enumerate(buffers):
            box = Rectangle(
                (buffer.first, buffer.offset),
                buffer.last - buffer.first + 1,
                buffer.bytes,
                facecolor=SERIES[i % len(SERIES)],
                edgecolor=PAPER,
                linewidth=1.0,
                gid=f"{name}-{i}",
            )
            axes.add_patch(box)
            titles[f"{name}-{i}"] = buffer.title
            if buffer.bytes > 0.06 * arena_bytes:
                # in the first column, because buffers that reuse the memory cover the rest
                centre = buffer.offset + buffer.bytes / 2
                text = visible(_short(buffer.name, 10))
                axes.text(buffer.first + 0.08, centre, text, va="center", color=PAPER, fontsize=10, zorder=3)
        axes.set_xlim(0, len(steps))
        axes.set_ylim(0, max(arena_bytes, 1))
        _name_columns(axes, [i + 0.5 for i in range(len(steps))], steps)
        axes.set_xlabel("operator, in the order they run")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_ylabel("arena, bytes")
        return _svg(figure, label, titles)


def sqnr(name: str, label: str, layers: Sequence[tuple[str, float]], limit_db: float = LOW_SQNR_DB) -> str:
    """SQNR per layer in dB, with the limit below which a layer counts as diverged."""
    from matplotlib import rc_context

    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure, axes = _figure(max(10.0, 1.2 + 0.42 * len(layers)), 3.2)
        values = [value for _, value in layers]
        axes.axhline(limit_db, color=SERIES[4], linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            f"diverged below {limit_db:g} dB",
            (1.0, limit_db),
            (-2, -3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="top",
            color=SERIES[4],
            fontsize=10,
        )
        axes.plot(range(len(values)), values, "-o", color=SERIES[0], markersize=5, linewidth=1.4)
        axes.set_ylim(min(0.0, *values), max(limit_db, *values) * 1.1)
        _name_columns(axes, range(len(values)), [layer for layer, _ in layers])
        axes.set_xlabel("layer")
        axes.set_ylabel("SQNR, dB")
        axes.grid(True, axis="y")
        return _svg(figure, label, {})


def histogram(name: str, label: str, edges: Sequence[float], counts: Sequence[int], series: int) -> str:
    """A small histogram of a tensor's values, without a vertical axis."""
    from matplotlib import rc_context

    with rc_context({**_STYLE, "svg.hashsalt": name, "font.size": 9}):
        figure, axes = _figure(2.3, 1.0)
        axes.stairs(counts, edges, fill=True, color=SERIES[series])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xticks([edges[0], edges[-1]], [f"{edges[0]:.4g}", f"{edges[-1]:.4g}"])
        axes.margins(0.02, 0.05)
        return _svg(figure, label, {})


def _name_columns(axes: Any, positions: Sequence[float], names: Sequence[str]) -> None:
    """Puts names under the columns of a chart, vertical if they would touch each other."""
    short = [visible(_short(name)) for name in names]
    width = 72 * axes.figure.get_figwidth() / len(short)  # points, a little more than a column has
    is_wide = max(map(len, short)) * 7.0 > width
    axes.set_xticks(positions, short)
    axes.tick_params(axis="x", rotation=90 if is_wide else 0, length=0)


def _figure(width: float, height: float) -> Any:
    """A figure of this size in inches, at 72 SVG units each, without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0.0)
    axes = figure.subplots()
    axes.patch.set_alpha(0.0)
    axes.set_axisbelow(True)
    return figure, axes


def _plain_log_ticks(axis: Any, values: Sequence[float]) -> None:
    """A few ticks with plain numbers: 1, 2, 5, 10 … or, within a decade, steps of equal size."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    wide = max(values) >= 8 * min(values)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if wide else MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: _engineering(value))
    axis.set_minor_locator(NullLocator())


def _engineering(value: float) -> str:
    """12500 → 12.5k"""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def _short(text: str, most: int = 16) -> str:
    """The last, most specific part of a layer's name."""
    last = text.rstrip("/").rpartition("/")[2] or text
    return last if len(last) <= most else f"{last[: most - 1]}…"


def _svg(figure: Any, label: str, titles: Mapping[str, str]) -> str:
    """The figure as an <svg> element for HTML: without XML's and Matplotlib's headers, with CSS colours and titles."""
    file = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the browser has its own fonts
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r" ?font-family: [^;\"]*;?", "", text)  # the page's own
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    for gid, title in titles.items():
        text = text.replace(f'<g id="{gid}">', f"<g><title>{escape(title)}</title>", 1)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    found = re.match(r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>', text)
    assert found is not None
    width, height = float(found[1]), float(found[2])
    head = (
        f'<svg viewBox="0 0 {found[1]} {found[2]}" role="img" aria-label="{escape(label)}" '
        f'style="width: {width:.0f}px; aspect-ratio: {width:.1f} / {height:.1f}">'
    )
    return head + re.sub(r"\n\s*", "\n", text[found.end() :])
