"""The documentation is correct: what exists is mentioned where a reader looks, and what is linked exists."""

import csv
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
from invoke.tasks import Task

from tools import models, targets
from tools.graph import ops
from tools.pipeline import RUNTIMES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]


def tasks() -> dict[str, Task[Any]]:
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if isinstance(value, Task)}


TASKS = tasks()


@pytest.mark.parametrize("name", TASKS)
def test_readme_mentions_task(name: str) -> None:
    assert re.search(rf"`{name}`|inv {name}\b|kerf {name}\b", README)


@pytest.mark.parametrize("name", [*targets.load(), *models.known(), *RUNTIMES])
def test_readme_mentions(name: str) -> None:
    assert f"`{name}`" in README


def test_readme_counts_the_operators() -> None:
    assert f"**Operators** of `aot`: {len(ops.with_kernels())}," in README


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """Paths in code spans that start in this repository."""
    spans = re.findall(r"`((?:tools|firmware|templates|tests|docs)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [span for span in spans if not (ROOT / span).exists()] == []


def test_every_page_of_docs_is_reached() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pages = [p for p in (ROOT / "docs").glob("*.md")]
    assert [p.name for p in pages if p.name not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_have_the_options_that_are_shown(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = [line.partition("#")[0] for line in re.findall(r"^    (?:\./kerf|inv) ([a-z].*)", text, re.MULTILINE)]
    commands += re.findall(r"`(?:\./kerf|inv) ([a-z][^`]*)`", text)
    for command in commands:
        task, *words = command.split()
        known = {f"--{name}" for argument in TASKS[task].get_arguments() for name in argument.names} | {"--help"}
        assert [word for word in words if word.startswith("--") and word.rstrip(",") not in known] == [], command


def test_no_operator_is_slower_than_with_tflm() -> None:
    """docs/operators.md has the instructions of docs/plots/operators.csv."""
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    with (ROOT / "docs" / "plots" / "operators.csv").open(newline="") as stream:
        taken = {
            (row["runtime"], row["type"], row["operator"]): int(row["instructions"]) for row in csv.DictReader(stream)
        }
    tflm = {key: number for key, number in taken.items() if key[0] == "tflm"}
    assert len(tflm) > 90
    assert [key for key, number in tflm.items() if taken["aot", key[1], key[2]] > number] == []
    assert [key for key, instructions in taken.items() if f" {instructions:,} |" not in page] == []
