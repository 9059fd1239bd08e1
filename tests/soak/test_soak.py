"""The short form of every attack of `inv soak`."""

import shutil
from pathlib import Path

import pytest

from soak import _engine, _faults


@pytest.mark.compiler
@pytest.mark.parametrize("name", _faults.names())
def test_no_attack_ends_badly(name: str, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    if why := _faults.missing(_faults.find(name)):
        pytest.skip(why)
    rows = _engine.soak(name, 1, tmp_path, cases=_faults.find(name).SHORT)
    kept = {path.parent.name: path.read_text() for path in tmp_path.rglob("failure.txt")}
    assert sum(row.other for row in rows) == 0, kept
    assert sum(row.tried for row in rows) >= _faults.find(name).SHORT
