"""A firmware that is ready to run: which file an emulator gets, and how its crash is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools import faults
from tools.errors import Crashed
from tools.pipeline import choices, firmware, places, ready
from tools.progress import Progress
from tools.protocol import Fault
from tools.values import Image, Project

ELF = b"\x7fELF, or what stands for it"


def built(folder: Path) -> Any:
    folder.joinpath("firmware.elf").write_bytes(ELF)
    project = Project({}, "net", "int8", "", 0, "aot", "esp32", "none", 0, ())
    image = Image(folder / "firmware.elf", project, {}, 0, 0, True)
    program = SimpleNamespace(is_guarded=True, schedule=SimpleNamespace(steps=()), plan=None)
    rendered = SimpleNamespace(directory=folder, project=project, compiled=SimpleNamespace(program=program))
    return firmware.Built(rendered, image)  # type: ignore[arg-type]


@pytest.mark.parametrize("emulator", ["qemu", None])
def test_an_emulator_gets_a_flash_image_and_the_report_the_elf(
    emulator: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def linked(*_: Any) -> Iterator[Any]:
        yield built(tmp_path)

    port = SimpleNamespace(flash_image=lambda path: b"image of " + path.read_bytes())
    monkeypatch.setattr(places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(ready, "building", linked)
    monkeypatch.setattr(ready.ports, "find", lambda _: port)
    ask = SimpleNamespace(any_firmware=False, port=None)
    line = choices.Line(emulator, lambda _: pytest.fail("not opened"))
    choice: Any = SimpleNamespace(ask=ask, target=SimpleNamespace(port="espidf"), line=line, interprets=False)
    with ready.ready(choice, Progress()) as device:
        assert device.built is not None
        assert device.built.image.elf.read_bytes() == ELF
        assert device.loaded.read_bytes() == (b"image of " + ELF if emulator else ELF)
        assert device.built.image.elf != tmp_path / "firmware.elf"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["firmware.elf"]


def crash(tmp_path: Path, fault: Fault, is_known: bool) -> str:
    device = built(tmp_path)
    line = choices.Line(None, lambda _: raising(fault))
    known = ready.Ready(device.rendered.compiled, device if is_known else None, line, Path())
    with pytest.raises(Crashed) as caught, known.open():
        pass
    assert caught.value.fault == fault
    return str(caught.value)


@contextmanager
def raising(fault: Fault) -> Iterator[Any]:
    raise Crashed("as the line says it", fault)
    yield


def test_a_crash_is_named_as_far_as_the_firmware_is_known(tmp_path: Path) -> None:
    bus, outside = Fault(3, 0x10, 0, 0, 0, 0, 0, 0x20), Fault(faults.OUTSIDE, 5, 0, 7, 0, 0, 9, 0)
    assert crash(tmp_path, bus, is_known=True) == "the firmware crashed: BusFault; pc 0x00000010, sp 0x00000020"
    assert crash(tmp_path, bus, is_known=False) == "as the line says it"
    assert crash(tmp_path, outside, is_known=True) == "as the line says it"  # there is no operator 7
