"""Documentation stays true: what exists is mentioned where a reader looks, and what is linked exists."""

import importlib.util
import re
from pathlib import Path

import pytest

from tools import models, targets
from tools.graph import ops
from tools.pipeline import RUNTIMES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def task_names() -> list[str]:
    spec = importlib.util.spec_from_file_location("tasks", ROOT / "tasks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from invoke import Task

    return [name for name, value in vars(module).items() if isinstance(value, Task)]


@pytest.mark.parametrize("name", task_names())
def test_readme_mentions_task(name: str) -> None:
    assert re.search(rf"`{name}`|inv {name}\b|kerf {name}\b", README)


@pytest.mark.parametrize("name", [*targets.load(), *models.known(), *RUNTIMES, *ops.known()])
def test_readme_mentions(name: str) -> None:
    assert f"`{name}`" in README


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
