"""Flashing: which port; one failure, two failures, a board that disappears; and PlatformIO's output of an upload."""

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from heard import Heard

from tools import boards, build, pipeline, scons, targets
from tools.boards import Board, flash
from tools.errors import BuildError, KerfError, MissingTool, TransportError, UsageError
from tools.installed import Tool
from tools.pipeline import firmware, ready, runs
from tools.progress import Progress
from tools.values import Request, Target

NANO = targets.find("nano33ble")
FIRMWARE = Board("/dev/ttyACM0", "2341:805a", "Nano 33 BLE", "F00D", "1-4")
BOOTLOADER = Board("/dev/ttyACM1", "2341:005a", "Arduino Nano 33 BLE", "BEEF", "1-4")


class Uploader:
    """Stands in for PlatformIO: fails with the given errors, and remembers the ports."""

    def __init__(self, *failures: KerfError) -> None:
        self.failures = list(failures)
        self.ports: list[str | None] = []

    def __call__(self, directory: Path, target: Target, progress: Progress, port: str | None) -> None:
        self.ports.append(port)
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> list[Board]:
    """What is plugged in; a test changes it."""
    found = [FIRMWARE]
    monkeypatch.setattr(boards, "plugged_in", lambda: list(found))
    monkeypatch.setattr(build, "require_uploader", lambda target: None)
    return found


def comes_back_as(*sightings: Board | None) -> Callable[[Board, float], Board | None]:
    waiting = list(sightings)
    return lambda board, seconds: waiting.pop(0)


def run(
    uploader: Uploader, sightings: Sequence[Board | None], port: str | None = None, target: Target = NANO
) -> tuple[str | None, list[str]]:
    progress = Heard()
    found = flash.flash(Path(), target, port, progress, uploader, comes_back_as(*sightings))
    return found, progress.warned


@pytest.mark.parametrize("port", [None, "auto", "/dev/ttyACM0"])
def test_the_port_afterwards_may_have_another_name(desk: list[Board], port: str | None) -> None:
    uploader = Uploader()
    renamed = Board("/dev/ttyACM3", "2341:805a", "", "F00D")
    assert run(uploader, [renamed], port) == ("/dev/ttyACM3", [])
    assert uploader.ports == ["/dev/ttyACM0"]


@pytest.mark.parametrize("failure", [BuildError("No device found on ttyACM0"), TransportError("not yet allowed")])
def test_a_second_attempt_meets_the_bootloader(desk: list[Board], failure: KerfError) -> None:
    uploader = Uploader(failure)
    found, said = run(uploader, [BOOTLOADER, FIRMWARE])
    assert found == "/dev/ttyACM0"
    assert uploader.ports == ["/dev/ttyACM0", "/dev/ttyACM1"]
    assert said == ["the upload failed; retrying once, on /dev/ttyACM1"]


def test_a_board_that_never_returns_wants_its_button(desk: list[Board]) -> None:
    uploader = Uploader(BuildError("no board"))
    with pytest.raises(TransportError) as caught:
        run(uploader, [None])
    assert str(caught.value) == (
        "the nano33ble disappeared from /dev/ttyACM0 during the upload and did not come back within 10 s; double-tap "
        "its reset button, so that the orange LED fades in and out, and flash again; the upload's error was: no board"
    )
    assert len(uploader.ports) == 1


def test_two_failures_are_the_end(desk: list[Board]) -> None:
    uploader = Uploader(BuildError("first"), BuildError("second"), BuildError("third"))
    with pytest.raises(BuildError, match=r"failed twice; double-tap its reset button, .* and flash again; second"):
        run(uploader, [BOOTLOADER])
    assert len(uploader.ports) == 2


def test_a_firmware_that_does_not_start_is_said(desk: list[Board]) -> None:
    with pytest.raises(TransportError, match="the firmware is on the nano33ble, but the board did not come back"):
        run(Uploader(), [None])


def test_a_port_without_usb_is_tried_twice_where_it_is(desk: list[Board]) -> None:
    uploader = Uploader(BuildError("timed out"))
    assert run(uploader, [], "/dev/ttyS7")[0] == "/dev/ttyS7"
    assert uploader.ports == ["/dev/ttyS7", "/dev/ttyS7"]


def test_a_debug_probe_needs_no_port(desk: list[Board]) -> None:
    uploader = Uploader()
    assert run(uploader, [], "/dev/ttyUSB0", targets.find("stm32f4"))[0] == "/dev/ttyUSB0"
    assert uploader.ports == [None]


def test_a_probe_that_is_not_there(desk: list[Board]) -> None:
    uploader = Uploader(BuildError("Error: open failed"))
    with pytest.raises(BuildError, match="open failed; plug in the USB cable of its ST-LINK, and flash again"):
        run(uploader, [], None, targets.find("stm32f4"))
    assert uploader.ports == [None]


@pytest.mark.parametrize(
    ("target", "port", "plugged", "error", "sentence"),
    [
        ("mps2-an385", None, [], UsageError, "mps2-an385 is not a board"),
        ("host", None, [], UsageError, "host is not a board"),
        ("esp32", "socket://127.0.0.1:1", [], UsageError, "cannot flash through socket://127.0.0.1:1"),
        ("esp32", None, [FIRMWARE], TransportError, "no esp32 is plugged in"),
        ("nano33ble", "auto", [FIRMWARE, FIRMWARE], UsageError, "several boards could be the nano33ble"),
    ],
)
def test_what_cannot_be_flashed(
    desk: list[Board], target: str, port: str | None, plugged: list[Board], error: type[KerfError], sentence: str
) -> None:
    desk[:] = plugged
    uploader = Uploader()
    with pytest.raises(error, match=sentence):
        run(uploader, [], port, targets.find(target))
    assert uploader.ports == []


# --- PlatformIO's side ------------------------------------------------------------------------------------------------


def platformio_says(monkeypatch: pytest.MonkeyPatch, log: str, code: int) -> list[list[str]]:
    """Replaces the subprocess: writes the log and returns the exit code; gives back the arguments it got."""
    calls: list[list[str]] = []

    def logged(directory: Path, arguments: list[str], *rest: object) -> int:
        calls.append(arguments)
        (directory / build.LOG).write_text(log)
        return code

    monkeypatch.setattr(build, "_logged", logged)
    monkeypatch.setattr(scons, "bootstrap", lambda progress: False)
    return calls


def test_upload_passes_the_port_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = platformio_says(monkeypatch, "done", 0)
    build.upload(tmp_path, NANO, Progress(), "/dev/ttyACM0")
    assert calls == [["run", "-e", "nano33ble", "-t", "upload", "--upload-port", "/dev/ttyACM0"]]


@pytest.mark.parametrize(
    ("log", "error", "sentence"),
    [
        (
            "Error: Couldn't find a board on the selected port.\n",
            BuildError,
            "uploading to nano33ble failed: Error: Couldn",
        ),
        (
            "serial.serialutil.SerialException: [Errno 13] could not open port /dev/ttyACM0: [Errno 13] "
            "Permission denied: '/dev/ttyACM0'\n",
            TransportError,
            "no permission to open /dev/ttyACM0; allow it with: sudo usermod -aG dialout",
        ),
        (
            "region `dram0_0_seg' overflowed by 1000 bytes\n",
            KerfError,
            "253,416 bytes of RAM, but nano33ble has 252,416",
        ),
    ],
)
def test_upload_says_why_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, error: type[KerfError], sentence: str
) -> None:
    platformio_says(monkeypatch, log, 1)
    with pytest.raises(error) as caught:
        build.upload(tmp_path, NANO, Progress(), "/dev/ttyACM0")
    assert sentence in str(caught.value)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(build, "_logged", full)
    monkeypatch.setattr(scons, "bootstrap", lambda progress: False)
    with pytest.raises(BuildError, match="No space left on device; free some space or choose another folder"):
        build.upload(tmp_path, NANO, Progress(), "/dev/ttyACM0")


# --- from the command line --------------------------------------------------------------------------------------------


class Reached(Exception):
    """How far a command got."""


def stop(where: str) -> Callable[..., None]:
    def reached(*_: object, **__: object) -> None:
        raise Reached(where)

    return reached


@pytest.mark.parametrize(
    ("port", "where"),
    [("/dev/ttyUSB0", "flash"), ("auto", "flash"), ("socket://127.0.0.1:9", "copy"), (None, "copy")],
)
def test_run_flashes_a_board_but_not_what_is_behind_a_url(
    desk: list[Board], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: str | None, where: str
) -> None:
    desk[:] = [Board("/dev/ttyUSB0", "0403:6001", "FT232")]
    built = MagicMock()
    built.rendered.directory, built.image.elf = tmp_path, tmp_path / "firmware.elf"
    monkeypatch.setattr(ready, "building", lambda *_: nullcontext(built))
    monkeypatch.setattr(ready.places, "BUILD", tmp_path / "build")
    monkeypatch.setattr(ready, "upload", stop("flash"))
    monkeypatch.setattr(ready.shutil, "copy", stop("copy"))
    monkeypatch.setattr(Tool, "require", lambda self: None)
    with pytest.raises(Reached, match=where):
        pipeline.run(Request(target="stm32f4", port=port), Progress())


@pytest.mark.parametrize("command", [pipeline.flash, pipeline.run])
def test_a_board_that_is_not_there_is_known_before_anything_is_built(
    desk: list[Board], monkeypatch: pytest.MonkeyPatch, command: Callable[[Request, Progress], object]
) -> None:
    for module in (firmware, ready):
        monkeypatch.setattr(module, "building", stop("build"))
    with pytest.raises(TransportError, match="no esp32 is plugged in"):
        command(Request(target="esp32", port="auto"), Progress())


@pytest.mark.parametrize("command", [pipeline.run, pipeline.compare])
@pytest.mark.parametrize("emulator", ["qemu", "renode"])
def test_an_emulator_that_is_missing_is_known_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, emulator: str, command: Callable[[Request, Progress], object]
) -> None:
    for module, name in ((firmware, "quantize"), (runs, "quantize"), (runs, "in_float32")):
        monkeypatch.setattr(module, name, stop("training"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RENODE", raising=False)
    with pytest.raises(MissingTool, match="is not installed"):
        command(Request(emulator=emulator), Progress())


@pytest.mark.parametrize("command", [pipeline.flash, pipeline.run])
def test_openocd_that_is_missing_is_known_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: Callable[[Request, Progress], object]
) -> None:
    for module in (firmware, ready):
        monkeypatch.setattr(module, "building", stop("build"))
    monkeypatch.setattr(scons, "registry_answers", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="sudo apt-get install openocd"):
        command(Request(target="stm32f4", port="/dev/ttyUSB0"), Progress())


def test_a_board_without_emulator_wants_a_port(desk: list[Board]) -> None:
    with pytest.raises(UsageError, match="nano33ble has no emulator: plug in the board and give --port auto"):
        pipeline.run(Request(target="nano33ble"), Progress())
