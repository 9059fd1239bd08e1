"""`inv survey` of a folder, as a user starts it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from single_op import TensorSpec, single_op

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"
REFUSED = "BITWISE_XOR"  # LiteRT has it; docs/add-an-op.md adds it
DAMAGED = os.fsdecode(b"damaged\xff.tflite")  # on Linux, a name need not be text

pytestmark = pytest.mark.compiler


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model, the same once more, one with an operator that `aot` lacks, and a damaged one."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(FLATTEN, folder / "good.tflite")
    (folder / "again").mkdir()
    shutil.copy(FLATTEN, folder / "again" / "good.tflite")
    bits = [TensorSpec((1, 4), "int32") for _ in range(3)]
    (folder / "refused.tflite").write_bytes(single_op(REFUSED, bits[:2], bits[2:], "BitwiseXorOptions"))
    (folder / DAMAGED).write_bytes(FLATTEN.read_bytes()[:400])
    return folder


def test_what_runs_and_what_stops_the_rest(kerf, folder: Path, checkout: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the ai-edge-litert package")
    records = checkout / "build" / "measurements.jsonl"
    before = records.read_bytes() if records.exists() else None
    done = kerf("survey", str(folder), "--samples", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert (records.read_bytes() if records.exists() else None) == before
    told = json.loads(done.stdout)
    files: dict[str, dict[str, Any]] = {row.pop("path"): row for row in told["files"]}

    def stages(name: str) -> tuple[bool | None, ...]:
        return tuple(files[name][stage] for stage in ("read", "oracle", "runs", "equal"))

    assert stages("again/good.tflite") == (True, True, True, True), files
    assert files["good.tflite"]["duplicate_of"] == "again/good.tflite"
    assert stages("refused.tflite") == (True, True, False, None), files
    assert REFUSED in files["refused.tflite"]["reason"]
    assert stages(DAMAGED) == (False, False, None, None)
    assert "damaged" in files[DAMAGED]["reason"]
    assert told["counts"] == {
        "files": 3,
        "duplicates": 1,
        "left_out": 0,
        "read": 2,
        "oracle": 2,
        "runs": 1,
        "equal": 1,
        "different": 0,
    }
    assert [(row["operator"], row["files"]) for row in told["missing"]] == [(REFUSED, 1)]


def test_a_file_that_takes_too_long(kerf, folder: Path) -> None:
    """A second is too short for a child that compiles: its programs are ended, and the survey continues."""
    done = kerf("survey", str(folder / "again"), "--timeout", "1", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["files"]
    assert row["runs"] is not True
    assert row["reason"] == "it took more than 1 s: give a longer --timeout"


def test_a_folder_must_be_given(kerf) -> None:
    done = kerf("survey")
    assert done.returncode == 2 and "folder" in done.stderr
    done = kerf("survey", "nowhere")
    assert done.returncode == 2 and done.stderr.strip() == "kerf: the folder nowhere does not exist"
