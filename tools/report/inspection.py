"""Shows what `inv inspect` finds in a model, as tables."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType

from ..inspect import sparkline
from . import terminal


def show_inspection(inspection: Mapping[str, Any], as_json: bool, console: Console | None = None) -> None:
    """The contents of a model: layers, then tensors with their quantization, weights and arena offsets."""
    if as_json:
        terminal.show_json(inspection)
        return
    refused = {runtime: reasons for runtime, reasons in inspection["unsupported"].items() if reasons}
    mark = ["unsupported by"] if refused else []
    layers = terminal.table(
        *("layers", "#", "operator", "name", "output", "parameters", "constants", "MACs", *mark), numbers=(4, 5, 6)
    )
    for layer in inspection["layers"]:
        counts = (layer["parameters"], layer["constant_bytes"], layer["macs"])
        layers.add_row(
            *(str(layer["index"]), terminal.cell(layer["op"]), terminal.cell(layer["name"]), _output(layer)),
            *(f"{n:,}" for n in counts),
            *(terminal.cell(tuple(layer["unsupported"])) for _ in mark),
            style="red" if layer["unsupported"] else None,
        )
    tensors = terminal.table(
        "tensors", "#", "name", "type", "bytes", "scale", "zero", "at byte, from … to layer", "weights", numbers=(3,)
    )
    for tensor in inspection["tensors"]:
        tensors.add_row(*_tensor_cells(tensor, sum(isinstance(each["index"], int) for each in inspection["layers"])))
    facts = terminal.table(None)
    facts.show_header = False
    for key in ("model", "model_sha256", "model_bytes", "parameters", "macs", "constant_bytes", "arena_bytes"):
        facts.add_row(key, terminal.cell(inspection[key]))
    reasons = terminal.table("cannot run", "runtime", "because")
    for runtime, found in refused.items():
        for reason in found:
            reasons.add_row(runtime, terminal.cell(reason))
    terminal.show(Group(layers, tensors, *([reasons] if refused else []), facts), console)


def _output(layer: Mapping[str, Any]) -> str:
    """Shape and type of a layer's output; "" for one that only assigns to a variable."""
    return "" if layer["output_dtype"] is None else f"{terminal.shape(layer['output_shape'])} {layer['output_dtype']}"


def _tensor_cells(tensor: Mapping[str, Any], layers: int) -> list[RenderableType]:
    scales, zero_points, plan = tensor["scales"] or [], tensor["zero_points"] or [], tensor["arena"]
    scale = f"{scales[0]:.6g}" if len(scales) == 1 else f"{len(scales)} channels" if scales else ""
    names = {-1: "input", layers: "output"}
    first, last = (names.get(plan[end], f"#{plan[end]}") for end in ("first_op", "last_op")) if plan else ("", "")
    arena = f"{plan['offset']:,}, {first} to {last}" if plan else ""
    histogram = tensor["histogram"]
    weights = ""
    if histogram is not None and histogram["min"] == histogram["max"]:
        weights = f"all {histogram['min']:.4g}"
    elif histogram is not None:
        weights = f"{histogram['min']:.4g} {sparkline(histogram['counts'])} {histogram['max']:.4g}"
    return [
        str(tensor["index"]),
        terminal.cell(tensor["name"]),
        f"{terminal.shape(tensor['shape'])} {tensor['dtype']}",
        f"{tensor['bytes']:,}",
        scale,
        str(zero_points[0]) if len(zero_points) == 1 else "",
        arena,
        weights,
    ]
