"""Every table of cases of this folder, found by its name: CASES equal TFLM, LITERT_CASES equal LiteRT."""

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from single_op import CUSTOM, OpSpec

from tools.graph import ops

TABLES = {"tflm": "CASES", "litert": "LITERT_CASES"}  # oracle → the name of its tables

# Where an operator's data is not its first input.
DATA = {"EMBEDDING_LOOKUP": 1, "FILL": 1, "SELECT": 1, "SELECT_V2": 1, "SPLIT": 1, "TRANSPOSE_CONV": 2}
# (activations, weights) → the type of an operator with weights, where it is not that of the activations
WEIGHTED = {
    ("int16", "int8"): "int16x8",
    ("int8", "int4"): "int4",
    ("float32", "float16"): "float16",
    ("float32", "int8"): "dynamic",
    ("float32", "int4"): "dynamic int4",
}


def tables(oracle: str) -> dict[str, Mapping[str, Sequence[OpSpec]]]:
    """The tables of an oracle: what follows ``test_`` in the name of its module → the cases by name."""
    name = TABLES[oracle]
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if re.search(rf"^{name}\b", path.read_text(), re.M):
            found[path.stem.removeprefix("test_")] = getattr(import_module(path.stem), name)
    return found


def kind_of(op: OpSpec) -> str:
    """kerf's name of the operator."""
    return op.kind if not op.kind.startswith(CUSTOM) else ops.custom(op.kind.removeprefix(CUSTOM)) or op.kind


def type_of(op: OpSpec, case: Sequence[OpSpec]) -> str:
    """Which of the types in Operator.types an operator of a case has."""
    operator = ops.find(kind_of(op))
    data = op.inputs[DATA.get(op.kind, 0)] if op.inputs else None
    if operator.types == ("any",) or data is None:
        return "any"
    source = data.dtype
    if op.kind == "SVDF":
        state = op.inputs[4]
        assert state is not None
        return "int8 with int16 state" if (source, state.dtype) == ("int8", "int16") else source
    position = next((i for i, role in operator.roles.items() if role == "weights"), None)
    if position is not None:
        weights = op.inputs[position]
        narrow = [each.inputs[0] for each in case if each.kind == "DEQUANTIZE" and each.outputs[0] is weights]
        weights = narrow[0] if narrow else weights
        assert weights is not None
        return WEIGHTED.get((source, weights.dtype), source)
    converted = f"{source} to {op.outputs[0].dtype}"
    return converted if converted in operator.types else source
