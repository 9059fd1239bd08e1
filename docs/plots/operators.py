"""Measures operators that are not products, in int8 and float32, with each runtime, and prints their costs as a table.

    .venv/bin/python docs/plots/operators.py [RUNTIME …]     # default: aot; tflm needs its library (docs/tflm.md)

Two models hold all operators of a type. What is measured goes to operators.csv; the lines of a runtime that is not
measured this time stay as they are.
"""

from pathlib import Path
from typing import Any

import numpy as np
from _measuring import Row, steps, update  # also finds kerf and its tests
from single_op import OpSpec, TensorSpec, build

COLUMNS = ("runtime", "type", "operator", "instructions")
SIZES = {"int8": 16, "float32": 8}  # height and width of the image, which has CHANNELS
CHANNELS = 8
QUANTIZED = (0.05, -3)  # scale and zero point
OTHER = (0.04, 5)
# Operators of one input, with the quantization of their output.
UNARY = {
    "LOGISTIC": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "HARD_SWISH": (0.03, 0),
    "ELU": QUANTIZED,
    "RELU": QUANTIZED,
    "RELU6": QUANTIZED,
    "ABS": QUANTIZED,
}
FLOAT = ("EXP", "LOG", "SQRT", "RSQRT", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SQUARE", "NEG")
Options = tuple[str, dict[str, Any]]
PLAIN = {"FusedActivationFunction": 0}
HALVES = {"Padding": 1, "StrideW": 2, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 2, **PLAIN}


class Models:
    """The operators of one type, each on the same image x, or on x and y."""

    def __init__(self, dtype: str) -> None:
        self.dtype, self.ops = dtype, list[OpSpec]()
        size = SIZES[dtype]
        self.shape = (1, size, size, CHANNELS)
        self.x, self.y, self.like_x = self.tensor(self.shape), self.tensor(self.shape, *OTHER), self.tensor(self.shape)
        self.per_channel = TensorSpec(
            (CHANNELS,), dtype, 0.03 if dtype == "int8" else None, data=(np.arange(CHANNELS) - 4).astype(dtype)
        )

    def tensor(
        self, shape: tuple[int, ...], scale: float = 0.05, zero_point: int = -3, name: str = "", dtype: str = ""
    ) -> TensorSpec:
        dtype = dtype or self.dtype
        return TensorSpec(shape, dtype, *((scale, zero_point) if dtype == "int8" else ()), name=name)

    def add(self, name: str, inputs: list[TensorSpec], shapes: list[tuple[int, ...]], *rest: Any, **more: Any) -> None:
        """``rest`` are the options' table and the options; ``more`` is for the outputs. The first word of ``name`` is
        the operator."""
        outputs = [self.tensor(shape, name=f"{name} {i}" if i else name, **more) for i, shape in enumerate(shapes)]
        self.ops.append(OpSpec(name.split()[0], inputs, outputs, *rest))

    def one(self, name: str, *rest: Any, scale: tuple[float, int] = QUANTIZED, **more: Any) -> None:
        """An operator of x whose output has the same shape."""
        self.add(name, [self.x], [self.shape], *rest, scale=scale[0], zero_point=scale[1], **more)

    def fill(self) -> None:
        """All operators; the shapes are those of images, where the operator takes them."""
        x, y, like_x, per_channel = self.x, self.y, self.like_x, self.per_channel
        _, size, _, depth = self.shape
        half, twice = size // 2, 2 * size
        for name, second in (("", y), (" channels", per_channel)):
            for kind in ("ADD", "SUB", "MUL"):
                self.add(f"{kind}{name}", [x, second], [self.shape], f"{kind.title()}Options", PLAIN, scale=0.08)
        for kind in ("MAXIMUM", "MINIMUM"):
            self.add(kind, [x, like_x], [self.shape], "MaximumMinimumOptions", {})
        self.add("SQUARED_DIFFERENCE", [x, y], [self.shape], "SquaredDifferenceOptions", {}, scale=0.5)
        self.add("PRELU", [x, per_channel], [self.shape])
        for kind in ("EQUAL", "LESS"):
            self.add(kind, [x, like_x], [self.shape], f"{kind.title()}Options", {}, dtype="bool")
        joined = {"channels": (3, (1, size, size, 2 * depth)), "rows": (1, (1, twice, size, depth))}
        for name, (axis, shape) in joined.items():
            table = ("ConcatenationOptions", {"Axis": axis, **PLAIN})
            self.add(f"CONCATENATION {name}", [x, like_x], [shape], *table)
        halved = {"channels": (3, (1, size, size, depth // 2)), "rows": (1, (1, half, size, depth))}
        for name, (axis, shape) in halved.items():
            self.add(f"SPLIT {name}", [constant(axis), x], [shape] * 2, "SplitOptions", {"NumSplits": 2})
        pack = ("PackOptions", {"ValuesCount": 2, "Axis": 3})
        self.add("PACK", [x, like_x], [(1, size, size, 2, depth)], *pack)
        self.add("UNPACK", [x], [(1, size, depth)] * size, "UnpackOptions", {"Num": size, "Axis": 2})
        border = constant([[0, 0], [1, 1], [1, 1], [0, 0]])
        self.add("PAD", [x, border], [(1, size + 2, size + 2, depth)], "PadOptions", {})
        self.add("MIRROR_PAD", [x, border], [(1, size + 2, size + 2, depth)], "MirrorPadOptions", {"Mode": 0})
        for order in ([0, 3, 1, 2], [0, 2, 1, 3]):
            name = f"TRANSPOSE {''.join(map(str, order))}"
            shape = tuple(self.shape[i] for i in order)
            self.add(name, [x, constant(order)], [shape], "TransposeOptions", {})
        inner, low, high = (1, size - 2, size - 2, depth - 2), [0, 1, 1, 1], [1, size - 1, size - 1, depth - 1]
        self.add("SLICE", [x, constant(low), constant(inner)], [inner], "SliceOptions", {})
        strided = {"crop": (low, high, [1, 1, 1, 1], inner)}
        strided["by 2"] = ([0] * 4, list(self.shape), [1, 2, 2, 1], (1, half, half, depth))
        for name, (first, end, step, shape) in strided.items():
            ends = [constant(first), constant(end), constant(step)]
            self.add(f"STRIDED_SLICE {name}", [x, *ends], [shape], "StridedSliceOptions", {})
        few = constant([1, 3, 5, 7])
        self.add("GATHER rows", [x, few], [(1, 4, size, depth)], "GatherOptions", {"Axis": 1})
        self.add("GATHER channels", [x, few], [(1, size, size, 4)], "GatherOptions", {"Axis": 3})
        large, resized = constant([twice, twice]), [(1, twice, twice, depth)]
        self.add("RESIZE_NEAREST_NEIGHBOR", [x, large], resized, "ResizeNearestNeighborOptions", {})
        self.add("RESIZE_BILINEAR", [x, large], resized, "ResizeBilinearOptions", {"HalfPixelCenters": True})
        self.add("SPACE_TO_DEPTH", [x], [(1, half, half, 4 * depth)], "SpaceToDepthOptions", {"BlockSize": 2})
        self.add("DEPTH_TO_SPACE", [x], [(1, twice, twice, depth // 4)], "DepthToSpaceOptions", {"BlockSize": 2})
        for kind, scale in (("MEAN", 0.02), ("SUM", 2.0), ("REDUCE_MAX", 0.05)):
            for name, axes, shape in (("image", [1, 2], (1, depth)), ("channels", [3], (1, size, size))):
                self.add(f"{kind} {name}", [x, constant(axes)], [shape], "ReducerOptions", {}, scale=scale)
        index = {"shape": (1, size, size), "table": ("ArgMaxOptions", {"OutputType": 2})}
        self.add("ARG_MAX", [x, constant(3)], [index["shape"]], *index["table"], dtype="int32")
        for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
            self.add(kind, [x], [(1, half, half, depth)], "Pool2DOptions", HALVES)
        self.one("SOFTMAX", "SoftmaxOptions", {"Beta": 1.0}, scale=(1 / 256, -128))
        self.one("LOG_SOFTMAX", "LogSoftmaxOptions", {}, scale=(16 / 256, 127))
        self.one("LEAKY_RELU", "LeakyReluOptions", {"Alpha": 0.1}, scale=OTHER)
        self.one("L2_NORMALIZATION", "L2NormOptions", PLAIN, scale=(1 / 128, 0))
        for kind, quantization in UNARY.items():
            self.one(kind, scale=quantization)
        if self.dtype == "int8":
            self.one("QUANTIZE", "QuantizeOptions", {}, scale=(0.03, 7))
            self.one("DEQUANTIZE", "DequantizeOptions", {}, dtype="float32")
        else:
            self.add("DIV", [x, y], [self.shape], "DivOptions", PLAIN)
            self.one("QUANTIZE", "QuantizeOptions", {}, dtype="int8")
            self.one("CAST", "CastOptions", {"InDataType": 0, "OutDataType": 2}, dtype="int32")
            for kind in FLOAT:
                self.one(kind)

    def files(self) -> list[bytes]:
        """Two .tflite files with half of the operators each, whose outputs fit into the target's RAM."""
        half = -(-len(self.ops) // 2)
        return [self._file(self.ops[:half]), self._file(self.ops[half:])]

    def _file(self, ops: list[OpSpec]) -> bytes:
        used = {id(tensor) for op in ops for tensor in op.inputs}
        inputs = [tensor for tensor in (self.x, self.y, self.like_x) if id(tensor) in used]
        return build(ops, inputs, [tensor for op in ops for tensor in op.outputs])


def constant(values: Any) -> TensorSpec:
    """An int32 constant."""
    array = np.array(values, np.int32)
    return TensorSpec(array.shape, "int32", data=array)


def measured(runtime: str) -> list[Row]:
    """A line of operators.csv for each operator."""
    rows = []
    for dtype in SIZES:
        models = Models(dtype)
        models.fill()
        names = iter(op.outputs[0].name for op in models.ops)
        for number, tflite in enumerate(models.files()):
            for taken in steps(tflite, f"operators-{dtype}-{number}", runtime):
                rows.append(dict(zip(COLUMNS, (runtime, dtype, next(names), taken), strict=True)))
    return rows


def table(rows: list[Row]) -> str:
    """Instructions of each operator with `aot` and, if it was measured, with `tflm`, in Markdown."""
    found = {(row["runtime"], row["type"], row["operator"]): int(row["instructions"]) for row in rows}
    operators = sorted({row["operator"] for row in rows})
    lines = ["| operator | int8 | tflm | ratio | float32 | tflm | ratio |", "|---|---|---|---|---|---|---|"]
    for operator in operators:
        cells = []
        for dtype in SIZES:
            ours, theirs = (found.get((runtime, dtype, operator)) for runtime in ("aot", "tflm"))
            ratio = f"{ours / theirs:.2f}" if ours and theirs else ""
            cells += [f"{ours:,}" if ours else "", f"{theirs:,}" if theirs else "", ratio]
        lines.append(f"| {operator} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(update(Path(__file__).with_name("operators.csv"), COLUMNS, measured)))
