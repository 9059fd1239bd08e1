"""Results are reused until something that they depend on changes, including kerf's own code."""

import shutil
from pathlib import Path

MODEL = Path(__file__).parents[1] / "unit" / "flatten.tflite"


SOURCES = ("quantize.py", "model_files/gate.py", "strip.py", "data/samples.py", "oracle/signature.py")


def test_a_change_of_the_code_converts_again(kerf, checkout: Path) -> None:
    def is_reused() -> bool:
        done = kerf("quantize", "--model", str(MODEL))
        assert done.returncode == 0, done.stderr
        return "is already quantized" in done.stderr

    is_reused()
    assert is_reused()
    files = [checkout / "tools" / source for source in SOURCES]
    originals = [file.read_bytes() for file in files]
    try:
        for file, original in zip(files, originals, strict=True):
            file.write_bytes(original + b"# changed\n")
            assert not is_reused(), file
        assert is_reused(), "each change counts once"
    finally:
        for file, original in zip(files, originals, strict=True):
            file.write_bytes(original)  # other tests use this checkout, and what it has made


def test_kerf_is_not_compiled_at_each_start(kerf, checkout: Path) -> None:
    compiled = checkout / "tools" / "report" / "__pycache__"
    shutil.rmtree(compiled, ignore_errors=True)
    assert kerf("models").returncode == 0
    assert [path.name.partition(".")[0] for path in compiled.glob("describe.*")] == ["describe"]
