"""Rows for tables and JSON: what exists, and what a stage produced."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tools import targets
from tools.oracle.operators import of_tflm
from tools.report import describe
from tools.values import Image, Project, Quantized, Vectors


def test_a_regressions_floor_is_no_accuracy() -> None:
    floors = {row["model"]: row["trained_to"] for row in describe.all_models()}
    assert floors["sine"] == "R² 0.97" and floors["digits"].startswith("accuracy 0.")


def test_one_word_for_16_bit_activations() -> None:
    (row,) = describe.all_ops({"aot": {"ADD": ("int8", "int16 to float32")}, "tflm": {"ADD": ("int8", "int16x8")}})
    assert (row["aot"], row["tflm"]) == (["int8", "int16x8 to float32"], ["int8", "int16x8"])


def test_the_count_of_operators_includes_those_without_a_kernel() -> None:
    said = describe.coverage("TFLM 1", ["ADD", "SHAPE", "SIGNAL_ZAP", "SIGNAL_ZIP"])
    assert said == "aot has 2 of the 4 operators of TFLM 1; it lacks SIGNAL_ZAP, SIGNAL_ZIP"
    assert describe.coverage("TFLM 1", ["ADD", "SHAPE"]) == "aot has all 2 operators of TFLM 1"


def test_aot_has_every_operator_of_tflm() -> None:
    assert " all " in describe.coverage(*of_tflm())


def test_sizes_are_shares_of_the_limits() -> None:
    target = targets.find("stm32f4")
    project = Project({}, "m", "int8", "ab", 9, "aot", target.name, "portable", 0, ())
    sizes = {"total": target.flash_bytes // 4, "code": 0, "model": 0}
    row = describe.image(
        Image(Path("m.elf"), project, sizes, target.ram_bytes // 4, target.ram_bytes // 4, True), target
    )
    assert (row["flash_percent"], row["ram_percent"]) == (25.0, 50.0)


def test_what_quantization_costs() -> None:
    outputs = np.array([[3, 1], [1, 3], [2, 3], [3, 2]], np.int8)
    vectors = Vectors((outputs,), (outputs,), np.array([0, 1, 0, 0]), ("a", "b"), "oracle", True)
    made = Quantized("m", "int8", b"", "ab", Path("model.tflite"), vectors, trained_accuracy=0.99999)
    assert describe.quantized(made)["accuracy"] == {"host": 0.75, "float32": 1.0, "drop": 0.25}
    assert describe.quantized(replace(made, trained_accuracy=None))["accuracy"] == {"host": 0.75}
    assert describe.quantized(replace(made, vectors=replace(vectors, labels=None)))["accuracy"] is None
