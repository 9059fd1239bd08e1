"""requirements.lock: it has what pyproject.toml requires, with a hash for each file, and works with any index."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info < (3, 11):
    pytest.skip("tomllib is new in Python 3.11", allow_module_level=True)
import tomllib

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = re.findall(
    r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\)?(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)*)", LOCK, re.MULTILINE
)


def test_every_requirement_is_there_in_an_allowed_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    pinned: dict[str, list[str]] = {}
    for name, version, _ in PINS:
        pinned.setdefault(canonicalize_name(name), []).append(version)
    again = "make requirements.lock anew with the command in its first lines"
    for requirement in wanted:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is missing: {again}"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions), f"{requirement}: {again}"


def test_every_package_has_hashes_and_none_an_address() -> None:
    assert len(PINS) > 100
    assert [name for name, _, hashes in PINS if "--hash=sha256:" not in hashes] == []
    assert "://" not in LOCK
    options = {line.split("=")[0].strip() for line in LOCK.splitlines() if line.lstrip().startswith("--")}
    assert options == {"--hash"}


def test_actions_of_the_workflows_are_pinned_by_commit() -> None:
    """A tag can be moved to other code; the comment says which version a commit is."""
    lines = [
        line.strip().removeprefix("- ")
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40}  # v[0-9.]+", line)] == []
