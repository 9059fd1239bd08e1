"""The contents of a model as one HTML page: layers, tensors, and histograms of the weights, float beside integer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..render import render
from . import charts
from .page import frame

TEMPLATE = "report/inspect.html.j2"

_SOURCES = {"original": "of the Keras model", "dequantized": "recovered from the integers"}


def html(inspection: Mapping[str, Any]) -> str:
    """The page for a result of inspect.inspect."""
    return render(
        TEMPLATE,
        **frame(),
        model={
            key: f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
            for key, value in inspection.items()
            if not isinstance(value, (list, dict))
        },
        layers=[_layer(layer) for layer in inspection["layers"]],
        reasons=[(runtime, reason) for runtime, found in inspection["unsupported"].items() for reason in found],
        tensors=[_tensor(tensor, _owner(tensor, inspection["layers"])) for tensor in inspection["tensors"]],
    )


def _owner(tensor: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]) -> str:
    """The layer that reads a constant, or computes any other tensor; "" for inputs."""
    end = "inputs" if tensor["constant"] else "outputs"
    return next((layer["name"] for layer in layers if tensor["index"] in layer[end]), "")


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    counts = {key: layer[key] for key in ("parameters", "constant_bytes", "macs")}
    return {
        "index": layer["index"],
        "op": layer["op"],
        "name": layer["name"],
        "output": "" if layer["output_dtype"] is None else f"{_shape(layer['output_shape'])} {layer['output_dtype']}",
        "unsupported": ", ".join(layer["unsupported"]),
        **{key: f"{count:,}" for key, count in counts.items()},
        "sort": counts,
    }


def _tensor(tensor: Mapping[str, Any], owner: str) -> dict[str, Any]:
    scales, zero_points = tensor["scales"] or [], tensor["zero_points"] or []
    scale = f"{scales[0]:.6g}" if len(scales) == 1 else ""
    if len(scales) > 1:
        scale = f"{len(scales)} channels, {min(scales):.3g} … {max(scales):.3g}"
    planned, reals = tensor["arena"], tensor["reals"]
    first, *others = tensor["name"].split(";")  # the converter joins the names of what it fuses
    return {
        "index": tensor["index"],
        "layer": owner,
        "name": tensor["name"],
        "short": f"{first}; {len(others)} more" if others else first,
        "type": f"{_shape(tensor['shape'])} {tensor['dtype']}",
        "bytes": f"{tensor['bytes']:,}",
        "size": tensor["bytes"],
        "scale": scale,
        "zero_point": str(zero_points[0]) if len(set(zero_points)) == 1 else "",
        "arena": f"{planned['offset']:,}" if planned else "",
        "real": _chart(f"real{tensor['index']}", reals["histogram"], 1) if reals else "",
        "source": _SOURCES[reals["source"]] if reals else "",
        "stored": _chart(f"stored{tensor['index']}", tensor["histogram"], 0) if tensor["histogram"] else "",
    }


def _chart(name: str, histogram: Mapping[str, Any], series: int) -> str:
    low, high, counts = histogram["min"], histogram["max"], histogram["counts"]
    if low == high:
        return f"all {low:.4g}"
    edges = [float(edge) for edge in np.linspace(low, high, len(counts) + 1)]
    label = f"histogram from {low:.4g} to {high:.4g}: {', '.join(str(count) for count in counts)}"
    return charts.histogram(name, label, edges, counts, series)


def _shape(sizes: list[int]) -> str:
    return "x".join(map(str, sizes)) or "scalar"
