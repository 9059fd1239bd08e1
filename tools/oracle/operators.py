"""The operators that TFLM's interpreter has."""

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("tflm_operators.txt")


@cache
def of_tflm() -> tuple[str, tuple[str, ...]]:
    """The version of the list and the operators' names in a file."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return lines[0].removeprefix("version "), tuple(lines[1:])
