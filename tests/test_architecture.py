"""docs/architecture.md: its picture is drawn from the layers, and its table of what can be added is correct."""

import ast
import re
import textwrap

import pytest
from layers import EVERYONE, MAY_IMPORT
from test_layering import PYTHON, REGISTERED, ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"
# The picture: stage → its layers, and the value that it passes on with what that is, in the order in which data passes.
STAGES: dict[str, tuple[str, tuple[str, str]]] = {
    "model": (
        "models data model_files train compress quantize convert repair strip classify",
        ("Quantized", "the .tflite, its inputs, and the outputs that the oracle expects"),
    ),
    "compiler": (
        "graph graph.read graph.blocks graph.layer_names graph.passes graph.edit graph.check graph.specification "
        "graph.schedule graph.chain graph.plan graph.guards graph.state graph.rows graph.ops graph.operator graph.ir",
        ("Program", "kernel calls in order, and where each tensor lies in memory"),
    ),
    "sources": ("runtimes render cpp_text", ("Sources", "the model as C++ behind firmware/model/model.h")),
    "project": (
        "packages write",
        ("Project", "the model with the bench around it, or as a library for the user's own program"),
    ),
    "firmware": ("build scons elf footprint ports", ("Image", "the linked ELF, and how much flash and RAM it takes")),
    "run": (
        "bench clock link protocol faults diagnosis sizing transports boards boards.flash boards.monitor power",
        ("DeviceRun", "the device's outputs and ticks"),
    ),
    "record": ("quantities cycles kinds report", ("Measurement", "a line of build/measurements.jsonl, and a report")),
}
# What several stages use.
BESIDE = {
    "oracle": "oracle oracle.signature oracle.parts oracle.opinion oracle.interpreter oracle.layers compare inspect",
    "target": "targets catalog cores arena installed doctor",
    "helpers": "registry command_line interrupts options files temporary cache locks cluster child quiet crash checks",
    "everyone": " ".join(sorted(EVERYONE)),
}
# The rows of the table, and the files that a row may name with a placeholder.
ADDED = [
    *("operator", "variant", "pass", "core", "board", "port", "runtime", "emulator", "package", "measured quantity"),
    "instrument",
    "model",
]
WIDTH = 84


def picture() -> str:
    """How data flows from a Keras model to a record."""
    lines = ["  a Keras model and its data, or a .tflite"]
    for stage, (layers, (value, what)) in STAGES.items():
        lines += ["  ▼", *box(stage, layers), f"  │ {value}: {what}"]
    lines += ["  ▼", "  build/report.html", "", "  used by several stages:"]
    for stage, layers in BESIDE.items():
        lines += box(stage, layers)
    return "\n".join(lines) + "\n"


def box(stage: str, layers: str) -> list[str]:
    rows = textwrap.wrap(layers.replace(" ", ", "), WIDTH - 14, break_on_hyphens=False)
    titles = [stage, *[""] * (len(rows) - 1)]
    inside = [f"│ {title:10}{row:{WIDTH - 14}} │" for title, row in zip(titles, rows, strict=True)]
    return [f"┌{'─' * (WIDTH - 2)}┐", *inside, f"└{'─' * (WIDTH - 2)}┘"]


def test_the_picture_has_every_layer_once() -> None:
    drawn = [
        layer for layers in (*(layers for layers, _ in STAGES.values()), *BESIDE.values()) for layer in layers.split()
    ]
    assert sorted(drawn) == sorted(set(MAY_IMPORT) - {""})


def test_the_picture_is_of_today() -> None:
    assert picture() in ARCHITECTURE.read_text(encoding="utf-8"), (
        "draw it again with: python tests/test_architecture.py"
    )


def test_the_values_of_the_picture_are_classes() -> None:
    classes = {
        node.name for path in PYTHON for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)
    }
    assert {value for _, (value, _) in STAGES.values()} <= classes


def table() -> dict[str, list[list[str]]]:
    """What can be added → the files to add and those to change."""
    rows = re.findall(
        r"^\| (?!to add)([a-z ]+) \| (.*) \| (.*) \|$", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: [re.findall(r"`([^`]+)`", cell) for cell in cells] for name, *cells in rows}


def test_the_table_has_a_row_for_everything_that_can_be_added() -> None:
    assert list(table()) == ADDED


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_takes_the_files_that_the_table_says(name: str) -> None:
    """Everything added so far has these files."""
    added, changed = table()[name]
    assert added or changed
    assert len(changed) <= 1
    patterns = [*added, *changed]
    for instance in REGISTERED.get(name, ["*"]):
        missing = [each for each in patterns if not list(ROOT.glob(re.sub(r"<\w+>", instance, each)))]
        assert missing == [], instance


if __name__ == "__main__":
    page = ARCHITECTURE.read_text(encoding="utf-8")
    ARCHITECTURE.write_text(re.sub(r"(?<=```text\n).*?(?=```)", picture(), page, flags=re.DOTALL), encoding="utf-8")
