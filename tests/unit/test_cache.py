"""The one rule for when the result of a stage is reused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import cache, files


@pytest.fixture
def record(tmp_path: Path) -> Path:
    for name, data in (("a.bin", b"first"), ("b.bin", b"")):
        (tmp_path / name).write_bytes(data)
    outputs = [tmp_path / "a.bin", tmp_path / "b.bin"]
    fields = cache.keep(tmp_path / "made.json", "key", outputs, classes=("x", "y"), score=0.5)
    assert fields["classes"] == ["x", "y"], "as it will be read back"
    return tmp_path / "made.json"


def test_what_is_kept_is_found_with_its_files(record: Path) -> None:
    kept = cache.load(record, "key")
    assert kept is not None
    assert kept.files == {"a.bin": b"first", "b.bin": b""}
    assert (kept.fields["score"], kept.fields["key"]) == (0.5, "key")


def other_input(record: Path) -> str:
    return "other key"


def changed_file(record: Path) -> str:
    (record.parent / "a.bin").write_bytes(b"second")
    return "key"


def lost_file(record: Path) -> str:
    (record.parent / "a.bin").unlink()
    return "key"


def lost_empty_file(record: Path) -> str:
    (record.parent / "b.bin").unlink()
    return "key"


def changed_record(record: Path) -> str:
    fields = json.loads(record.read_text())
    record.write_text(json.dumps({**fields, "score": 1.0}, indent=1))
    return "key"


def cut_record(record: Path) -> str:
    record.write_bytes(record.read_bytes()[:40])
    return "key"


def forgotten(record: Path) -> str:
    cache.forget(record)
    return "key"


def of_another_kerf(record: Path) -> str:
    """Sealed, but without the fields that this kerf writes."""
    files.write_sealed(record, {"key": "key", "sha256": "0"})
    return "key"


@pytest.mark.parametrize(
    "harm",
    [
        *(other_input, changed_file, lost_file, lost_empty_file),
        *(changed_record, cut_record, forgotten, of_another_kerf),
    ],
)
def test_what_is_stale_or_damaged_is_not_found(record: Path, harm: Callable[[Path], str]) -> None:
    assert cache.load(record, harm(record)) is None


def test_a_stale_record_still_says_what_was_made(record: Path) -> None:
    changed_file(record)
    assert cache.fields_of(record)["score"] == 0.5
    assert cache.anyway(record) is None


def test_everything_that_decides_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        cache.key("a", "b"),
        cache.key("ab"),
        cache.key("a", "b", sources=("cache.py",)),
        cache.key("a", "b", packages=("numpy",)),
        cache.key("a", "b", packages=("nobody-has-this",)),
    ]
    assert len(set(keys)) == len(keys) and keys[0] == cache.key("a", "b")
    monkeypatch.setattr(cache, "version", lambda name: "99")
    assert cache.key("a", "b", packages=("numpy",)) not in keys, "another version"
    monkeypatch.setattr(files, "own_digest", lambda *parts: "edited")
    assert cache.key("a", "b", sources=("cache.py",)) not in keys, "an edited source"
