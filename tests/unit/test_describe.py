"""The rows of what there is and what was made."""

from pathlib import Path

from tools import targets
from tools.report import describe
from tools.values import Image, Project


def test_a_regressions_floor_is_no_accuracy() -> None:
    floors = {row["model"]: row["trained_to"] for row in describe.all_models()}
    assert floors["sine"] == "R² 0.97" and floors["digits"].startswith("accuracy 0.")


def test_one_word_for_16_bit_activations() -> None:
    (row,) = describe.all_ops({"aot": {"ADD": ("int8", "int16 to float32")}, "tflm": {"ADD": ("int8", "int16x8")}})
    assert (row["aot"], row["tflm"]) == (["int8", "int16x8 to float32"], ["int8", "int16x8"])


def test_sizes_are_shares_of_the_limits() -> None:
    target = targets.find("stm32f4")
    project = Project({}, "m", "int8", "ab", 9, "aot", target.name, "portable", 0, ())
    sizes = {"total": target.flash_bytes // 4, "code": 0, "model": 0}
    row = describe.image(
        Image(Path("m.elf"), project, sizes, target.ram_bytes // 4, target.ram_bytes // 4, True), target
    )
    assert (row["flash_percent"], row["ram_percent"]) == (25.0, 50.0)
