"""A user's project that lists exported libraries in lib_deps, built for stm32f4 and run in QEMU."""

import json
import re
import time
from pathlib import Path

import pytest
from port_project import HANG_SECONDS, Silent, project, require

from tools import build, targets, write
from tools.packages import _firmware
from tools.pipeline import places
from tools.transports import qemu
from tools.values import Target

pytestmark = pytest.mark.emulator
PROGRAM = Path(__file__).with_name("user_program.cpp")


def users_project(folder: Path, exports: dict[str, Path], tflm: Path | None = None) -> Path:
    """The ELF of a program that uses these exports and, if they need it, the TFLM library in the folder ``tflm``, whose
    objects are kept."""
    target = targets.find("stm32f4")
    made = project(target)
    models = [f"#include <{name}.h>\n#include <{name}_check.h>\n" for name in exports]
    checks = ", ".join(f"{name}_check" for name in exports)
    models.append(f"static int (*const checks[])(uint32_t (*)(), void (*)(const char*)) = {{{checks}}};\n")
    files = {name: data for name, data in made.files.items() if "stub_bench" not in name}
    files["src/user_program.cpp"] = PROGRAM.read_bytes()
    files["src/models.h"] = "".join(models).encode()
    files["src/bench/bench.h"] = (_firmware.FIRMWARE / "bench" / "bench.h").read_bytes()
    libraries = "".join(f"\n    symlink://{path}" for path in ([tflm] if tflm else []) + [*exports.values()])
    files["platformio.ini"] += f"lib_deps ={libraries}\n".encode()
    if tflm:
        script = next(path / "tflm.py" for path in exports.values() if (path / "tflm.py").is_file())
        files["platformio.ini"] += f"extra_scripts = pre:{script}\nlib_compat_mode = off\n".encode()
    made = type(made)(**{**vars(made), "files": dict(sorted(files.items()))})
    write.write(made, folder)
    settings = build.shared(places.cache(), made, target) if tflm else None
    return build.build(folder, made, target, Silent(), settings).elf


def printed(elf: Path, target: Target) -> list[str]:
    """The lines that the program at ``elf`` prints in QEMU, up to "end"."""
    text = b""
    deadline = time.monotonic() + HANG_SECONDS
    with qemu.open(elf, target.emulators["qemu"]) as line:
        while not text.endswith(b"end\n"):
            assert time.monotonic() < deadline, text
            text += line.read(0.5)
    return text.decode().splitlines()


@pytest.mark.parametrize("models", [("flatten",), ("stream",), ("flatten", "stream")], ids="+".join)
def test_models_in_a_project_of_the_users(export, tmp_path: Path, models: tuple[str, ...]) -> None:
    require("arm-none-eabi-g++", "qemu-system-arm")
    elf = users_project(tmp_path, {name: export(name, "platformio", "stm32f4") for name in models})
    lines = printed(elf, targets.find("stm32f4"))
    assert [re.sub(r"\d+ us", "N us", line) for line in lines] == [
        *(f"PASS: {name}, 10 samples, N us each" for name in models),
        "end",
    ]
    assert all(int(found) > 0 for line in lines for found in re.findall(r"(\d+) us", line))


def test_the_manifest_names_files_that_are_there(export) -> None:
    folder = export("flatten", "platformio", "stm32f4")
    manifest = json.loads((folder / "library.json").read_text())
    assert (folder / "src" / manifest["headers"]).is_file()
    assert re.fullmatch(r"[A-Za-z0-9 _.-]{1,63}", manifest["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{8}", manifest["version"])
    for example in manifest["examples"]:
        assert all((folder / example["base"] / name).is_file() for name in example["files"])
