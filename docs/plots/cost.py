"""Measures layers of several widths and image sizes with each runtime and draws docs/plots/cost.svg.

    .venv/bin/python docs/plots/cost.py [RUNTIME …]     # default: aot; tflm needs its library (docs/tflm.md)

All layers of an axis are one model, so that each runtime needs two firmwares. What is measured goes to cost.csv; the
lines of a runtime that is not measured this time stay as they are.
"""

from pathlib import Path
from typing import Any

import numpy as np
from _measuring import Row, steps, update  # also finds kerf and its tests
from single_op import OpSpec, TensorSpec, build

COLUMNS = ("runtime", "axis", "layer", "value", "macs", "instructions")
# Axis → (image size, channels) of its layers, and the position of the one that varies.
AXES = {
    "channels": ([(8, channels) for channels in (2, 4, 8, 12, 16, 24, 32, 48)], 1),
    "image size": ([(size, 8) for size in (2, 4, 6, 8, 12, 16, 20, 24)], 0),
}
LAYERS = ("conv 3x3", "pointwise", "depthwise 3x3")


def layer(name: str, size: int, channels: int, value: int) -> tuple[OpSpec, int]:
    """A layer with as many output channels as input channels, and its multiplications."""
    rng = np.random.default_rng(1)
    taps = 1 if name == "pointwise" else 3
    is_depthwise = name == "depthwise 3x3"
    shape = (1, taps, taps, channels) if is_depthwise else (channels, taps, taps, channels)
    scales = [0.01 * (1 + channel % 7) for channel in range(channels)]
    axis = 3 if is_depthwise else 0
    inputs = [
        TensorSpec((1, size, size, channels), "int8", 0.05, -3),
        TensorSpec(shape, "int8", scales, 0, axis, rng.integers(-127, 128, shape).astype(np.int8)),
        TensorSpec((channels,), "int32", data=rng.integers(-999, 999, channels).astype(np.int32)),
    ]
    output = TensorSpec((1, size, size, channels), "int8", 0.9, 4, name=f"{name.replace(' ', '_')}_{value}")
    options: dict[str, Any] = {"Padding": 0, "StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1}
    if is_depthwise:
        options["DepthMultiplier"] = 1
    kind = "DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D"
    table = "DepthwiseConv2DOptions" if is_depthwise else "Conv2DOptions"
    return OpSpec(kind, inputs, [output], table, options), size * size * int(np.prod(shape))


def measured(runtime: str) -> list[Row]:
    """A line of cost.csv for each layer."""
    rows = []
    for axis, (shapes, varies) in AXES.items():
        for name in LAYERS:
            made = [layer(name, *shape, shape[varies]) for shape in shapes]
            times = steps(build([op for op, _ in made]), f"{axis}-{name}".replace(" ", "-"), runtime)
            for shape, (_, macs), time in zip(shapes, made, times, strict=True):
                rows.append(dict(zip(COLUMNS, (runtime, axis, name, shape[varies], macs, time), strict=True)))
    return rows


def draw(rows: list[Row], path: Path) -> None:
    """Instructions per multiplication, a curve for each layer and runtime."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    style = {"svg.fonttype": "none", "svg.hashsalt": "kerf", "font.size": 9, "legend.frameon": False}
    with plt.rc_context(style):
        figure, all_axes = plt.subplots(1, len(AXES), figsize=(9, 3.6), layout="constrained", sharey=True)
        for axes, axis in zip(all_axes, AXES, strict=True):
            for number, name in enumerate(LAYERS):
                for runtime in sorted({row["runtime"] for row in rows}):
                    own = [r for r in rows if (r["runtime"], r["axis"], r["layer"]) == (runtime, axis, name)]
                    points = [(int(r["value"]), int(r["instructions"]) / int(r["macs"])) for r in own]
                    line = "-" if runtime == "aot" else ":"
                    axes.plot(
                        *zip(*points, strict=True), line, marker=".", color=f"C{number}", label=f"{runtime}, {name}"
                    )
            axes.set(xlabel=axis, yscale="log", xticks=sorted({int(r["value"]) for r in rows if r["axis"] == axis}))
            axes.grid(True, which="both", linewidth=0.4)
            axes.tick_params(axis="x", labelsize=7)
        all_axes[0].set_ylabel("instructions per multiplication")
        all_axes[-1].legend(fontsize=8)
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    file = Path(__file__).with_name("cost.csv")
    draw(update(file, COLUMNS, measured), file.with_suffix(".svg"))
