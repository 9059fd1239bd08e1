"""TensorFlow's start leaves out what Keras would import only because it is there."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import model_files

ROOT = Path(__file__).resolve().parents[2]


def test_packages_are_hidden_only_within_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sched", raising=False)
    with model_files._not_found("sched", "sys"):
        with pytest.raises(ModuleNotFoundError):
            __import__("sched")
        assert __import__("sys") is sys, "what is imported already is not hidden"
    assert __import__("sched").scheduler


@pytest.mark.soak
@pytest.mark.tf
def test_they_are_not_imported_with_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tools import model_files;"
        "tf = model_files.import_tensorflow(Path(sys.argv[1])); assert tf.keras.layers.Dense;"
        "print([name for name in model_files._NOT_NEEDED if name in sys.modules]); import sklearn, matplotlib"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]"]
