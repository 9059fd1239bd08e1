"""A user's changes to a rendered project are kept, except under build/, which is kerf's own."""

from pathlib import Path

import pytest

from tools import build, pipeline, scons
from tools.pipeline import firmware, places
from tools.progress import Progress
from tools.values import Request

MODEL = Path(__file__).with_name("flatten.tflite")
ASK = Request(model=str(MODEL))


class Heard(Progress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        if "random inputs" not in text:
            self.warnings.append(text)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PlatformIO: the project is only written to disk."""
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(scons, "bootstrap", lambda progress: False)
    monkeypatch.setattr(build, "build", lambda *_: None)


def edited(directory: Path | None) -> Path:
    """The folder of a project that is rendered, and then edited."""
    rendered = pipeline.render_to_disk(ASK, Progress(), directory)
    assert rendered.directory is not None
    (rendered.directory / "platformio.ini").write_text("mine")
    return rendered.directory


@pytest.mark.parametrize("own", [False, True], ids=["--out", "build/"])
def test_render_keeps_changes_until_it_is_forced(tmp_path: Path, own: bool) -> None:
    out = None if own else tmp_path / "out"
    directory, heard = edited(out), Heard()
    pipeline.render_to_disk(ASK, heard, out)
    assert (directory / "platformio.ini").read_text() == "mine"
    kept = f"kept edited files in {directory}: platformio.ini; --force overwrites them"
    assert heard.warnings == [kept]
    pipeline.render_to_disk(ASK, heard, out, force=True)
    assert (directory / "platformio.ini").read_text() != "mine"
    assert f"overwrote edited files in {directory}: platformio.ini" in heard.warnings[1]
    assert ("--out" in heard.warnings[1]) is own
    pipeline.render_to_disk(ASK, heard, out)
    assert len(heard.warnings) == 2


def test_a_build_is_of_kerfs_own_files_and_says_what_it_overwrote() -> None:
    directory, heard = edited(None), Heard()
    (directory / "src" / "extra.cpp").write_text("int extra;")
    pipeline.build(ASK, heard)
    assert (directory / "platformio.ini").read_text() != "mine"
    first, second = heard.warnings
    assert f"overwrote edited files in {directory}: platformio.ini; to keep edits" in first
    assert f"files in {directory} that kerf did not write: src/extra.cpp" in second


def test_many_names_are_counted() -> None:
    assert firmware._listed([str(i) for i in range(8)]) == "0, 1, 2, 3, 4 and 3 more"
    assert firmware._listed(["a"]) == "a"


@pytest.mark.parametrize("manifest", [b"", b"{", b"[1]", b'{"kerf": 1}'])
def test_the_manifest_of_a_project_under_build_may_be_damaged(manifest: bytes) -> None:
    directory = edited(None)
    (directory / "manifest.json").write_bytes(manifest)
    pipeline.render_to_disk(ASK, Progress(), force=True)
    assert (directory / "platformio.ini").read_text() != "mine"
