"""The Arduino library against the rules of the specification, and its sketch with a stand-in for a board's core.

The rules are those of https://docs.arduino.cc/arduino-cli/library-specification and of arduino-lint.
"""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CATEGORIES = {
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage"),
    *("Data Processing", "Other"),
}
REQUIRED = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")
KNOWN = {*REQUIRED, "depends", "dot_a_linkage", "includes", "precompiled", "ldflags", "license"}


def properties(folder: Path) -> dict[str, str]:
    lines = (folder / "library.properties").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z_]+=.+", line) for line in lines), "every line must be a field with a value"
    fields = dict(line.split("=", 1) for line in lines)
    assert len(fields) == len(lines)
    return fields


@pytest.mark.parametrize("model", ["flatten", "stream"])
def test_fields(export, model: str) -> None:
    folder = export(model, "arduino", "nano33ble") / model
    fields = properties(folder)
    assert set(REQUIRED) <= set(fields) <= KNOWN
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert not fields["name"].lower().startswith("arduino")
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(\+[0-9A-Za-z.-]+)?", fields["version"])
    assert fields["category"] in CATEGORIES
    assert re.fullmatch(r"https?://[^\s/]+/\S*", fields["url"])
    assert fields["architectures"] == "*"
    assert not fields["paragraph"].startswith(fields["sentence"])
    assert all((folder / "src" / header).is_file() for header in fields["includes"].split(","))


def test_layout(export) -> None:
    """Sources in src/, each sketch in a folder of its name, and no hidden, symbolic or reserved files."""
    folder = export("flatten", "arduino", "nano33ble") / "flatten"
    assert folder.name == properties(folder)["name"]
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert names == [
        "LICENSE.txt",
        "README.md",
        "examples/flatten_check/flatten_check.ino",
        "library.properties",
        "src/flatten.cpp",
        "src/flatten.h",
        "src/flatten_check.h",
    ]
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert not any(re.search(r"[^A-Za-z0-9_.-]", part) for name in names for part in name.split("/"))


def test_the_zip_holds_the_folder(export, tmp_path: Path) -> None:
    """A single folder with world-readable files."""
    out = export("flatten", "arduino", "nano33ble")
    with zipfile.ZipFile(out / "flatten.zip") as archive:
        assert archive.testzip() is None
        assert {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()} == {0o644}
        archive.extractall(tmp_path)
    folder = out / "flatten"
    inside = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert inside == {p.relative_to(out).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.compiler
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++: sudo apt-get install g++")
@pytest.mark.parametrize("model", ["flatten", "stream"])
@pytest.mark.parametrize("standard", ["gnu++14", "gnu++17"])
def test_the_sketch_passes(export, tmp_path: Path, model: str, standard: str) -> None:
    """Builds like Arduino: all of src/, and the sketch as C++ after Arduino.h. Mbed's core builds as C++14."""
    folder = export(model, "arduino", "nano33ble") / model
    # The stand-in is C++17; what is tested are the library and its header.
    flags = [f"-I{folder / 'src'}", f"-I{HERE / 'vendor'}", "-Os", "-w" if standard == "gnu++14" else "-Wall"]
    sketch = folder / "examples" / f"{model}_check" / f"{model}_check.ino"
    sources = [str(path) for path in (folder / "src").rglob("*.cpp")]
    objects = []
    for source, how in ((str(sketch), ["-x", "c++", "-include", "Arduino.h"]), *((path, []) for path in sources)):
        objects.append(str(tmp_path / f"{len(objects)}.o"))
        subprocess.run(["g++", f"-std={standard}", *flags, *how, "-c", source, "-o", objects[-1]], check=True)
    subprocess.run(["g++", *objects, "-o", str(tmp_path / "sketch")], check=True)
    said = subprocess.run([tmp_path / "sketch"], check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(rf"PASS: {model}, 10 samples, \d+ us each\n", said)
