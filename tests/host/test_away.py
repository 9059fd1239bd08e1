"""A rendered project builds where the repository that rendered it is gone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import build, targets
from tools.progress import Progress
from tools.values import Project

ROOT = Path(__file__).parents[2]
PARTS = ("tools", "templates", "firmware", "platformio.ini")  # what rendering reads
MODEL = ROOT / "tests" / "unit" / "flatten.tflite"

# Runs in the copy, so that every path it could leave behind is the copy's.
RENDER = """
import sys
from pathlib import Path
from tools import registry, targets, write
from tools.arena import Arena
from tools.packages import Model, bench
from tools.runtimes import aot

model, name, out = sys.argv[1:]
target = targets.find(name)
program = aot.compile(Path(model).read_bytes(), "flatten", target)
arena = Arena(program.plan.arena_bytes, "planned")
sources = aot.sources(program, target, arena, mode="int8")
write.write(bench.project(Model(program, sources, target, "aot", "int8", arena.bytes)), Path(out))
print(registry.ROOT.parent)
"""


@pytest.mark.parametrize(
    ("name", "compiler"),
    [
        pytest.param("host", "g++", marks=pytest.mark.compiler),
        pytest.param("stm32f4", "arm-none-eabi-g++", marks=pytest.mark.emulator),
    ],
)
def test_a_project_builds_with_the_repository_moved_away(name: str, compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    repository, out = tmp_path / "repository", tmp_path / "out"
    repository.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, repository / part)
    command = [sys.executable, "-c", RENDER, str(MODEL), name, str(out)]
    child = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert child.stdout.strip() == str(repository), "it was not the copy that rendered"
    shutil.rmtree(repository)

    project = Project({}, "flatten", "int8", "", 0, "aot", name, "", 0, ())
    image = build.build(out, project, targets.find(name), Progress())
    assert image.rebuilt and image.elf.is_file()
    assert image.flash_bytes["model"] > 0 and image.arena_bytes > 0
    assert not build.build(out, project, targets.find(name), Progress()).rebuilt, "nothing had changed"
