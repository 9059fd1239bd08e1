"""Results are reused until something that they depend on changes, including kerf's own code."""

import shutil
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[1] / "unit" / "flatten.tflite"


@pytest.mark.parametrize(
    "source", ["quantize.py", "model_files/gate.py", "strip.py", "data/samples.py", "oracle/signature.py"]
)
def test_a_change_of_the_code_converts_again(kerf, checkout: Path, source: str) -> None:
    for _ in range(2):
        done = kerf("quantize", "--model", str(MODEL))
    assert "is already quantized" in done.stderr
    file = checkout / "tools" / source
    original = file.read_bytes()
    file.write_bytes(original + b"# changed\n")
    try:
        assert "is already quantized" not in kerf("quantize", "--model", str(MODEL)).stderr
    finally:
        file.write_bytes(original)  # other tests use this checkout, and what it has made


def test_kerf_is_not_compiled_at_each_start(kerf, checkout: Path) -> None:
    compiled = checkout / "tools" / "report" / "__pycache__"
    shutil.rmtree(compiled, ignore_errors=True)
    assert kerf("models").returncode == 0
    assert [path.name.partition(".")[0] for path in compiled.glob("describe.*")] == ["describe"]
