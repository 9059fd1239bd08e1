"""Two kerfs at once in one checkout: each gets what it asked for."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from command_line import command_line

from tools import locks
from tools.progress import Progress

UNIT = Path(__file__).parents[1] / "unit"
MODELS = {"a": UNIT / "flatten.tflite", "b": UNIT / "flatten_per_tensor.tflite"}


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """Two different models in files of the same name."""
    for folder, source in MODELS.items():
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / "model.tflite")
    return {folder: tmp_path / folder / "model.tflite" for folder in MODELS}


def require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def at_once(checkout: Path, *commands: list[str]) -> list[tuple[Any, str]]:
    """What each printed, as JSON, and its standard error; all of them must succeed."""
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(command_line(checkout, command), cwd=checkout, stdout=pipe, stderr=pipe, text=True)
        for command in commands
    ]
    done = [(process.communicate(), process.returncode) for process in started]
    assert [code for _, code in done] == [0] * len(done), done
    return [(json.loads(out), errors) for (out, errors), _ in done]


def sha256(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def built_anew(checkout: Path, folders: str) -> None:
    """Forgets the projects, but not the compiled objects."""
    for folder in (checkout / "build").glob(folders):
        shutil.rmtree(folder)


@pytest.mark.compiler
def test_two_models_in_files_of_the_same_name(
    checkout: Path, models: dict[str, Path], pytestconfig: pytest.Config
) -> None:
    """One race, or ten with --every-case: each side gets the sizes and the ELF of its own model."""
    require("g++")
    commands = [["build", "--target", "host", "--json", "--model", str(path)] for path in models.values()]
    seen = set()
    for race in range(10 if pytestconfig.getoption("--every-case") else 1):
        built_anew(checkout, "model-*/aot-host" if race else "model-*")
        for path, ([image], _) in zip(models.values(), at_once(checkout, *commands), strict=True):
            elf = Path(image["elf"])
            assert sha256(path) in elf.read_bytes()  # the firmware says which model it holds
            assert f"model-{sha256(path).hex()[:8]}-tflite" in elf.parts
            seen.add((path, json.dumps(image["flash_bytes"]), json.dumps(image["ram_bytes"])))
    assert len(seen) == 2, "the same sizes in every race"


@pytest.mark.emulator
def test_two_models_in_files_of_the_same_name_run(checkout: Path, models: dict[str, Path]) -> None:
    require("arm-none-eabi-g++", "qemu-system-arm")
    built_anew(checkout, "model-*")
    runs = at_once(checkout, *(["run", "--json", "--model", str(path)] for path in models.values()))
    for path, (record, _) in zip(models.values(), runs, strict=True):
        assert (record["model_sha256"], record["mismatches"]) == (sha256(path).hex(), 0)
    kept = [json.loads(line) for line in (checkout / "build" / "measurements.jsonl").read_text().splitlines()]
    assert all(record in kept for record, _ in runs)


@pytest.mark.emulator
def test_the_same_model_twice(checkout: Path, models: dict[str, Path]) -> None:
    """One builds, the other says that it waits for it; both run what was built."""
    require("arm-none-eabi-g++", "qemu-system-arm")
    built_anew(checkout, "model-*")
    command = ["run", "--json", "--model", str(models["a"])]
    (first, one), (second, other) = at_once(checkout, command, command)
    assert first == second and first["mismatches"] == 0
    assert "waiting for another kerf (process " in one + other
    assert not list((checkout / "build").rglob("*.lock")), "a lock of kerf's is left"


def test_clean_waits_for_who_is_at_work(checkout: Path) -> None:
    """This test plays the other kerf."""
    build, pipe = checkout / "build", subprocess.PIPE
    with locks.locked(build, build / "model-int8", Progress(), "building model int8 for stm32f4"):
        (build / "model-int8").mkdir(parents=True)
        clean = subprocess.Popen(command_line(checkout, ["clean"]), cwd=checkout, stderr=pipe, text=True)
        assert clean.stderr is not None
        said = f"waiting for another kerf (process {os.getpid()}), which is building model int8 for stm32f4\n"
        assert clean.stderr.readline() == said
        assert (build / "model-int8").is_dir()
    assert clean.communicate() == (None, "")
    assert clean.returncode == 0 and not build.exists()
