"""`inv emulate`: a firmware in its emulator, its serial line on a URL, and nothing left behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
from command_line import command_line

pytestmark = pytest.mark.emulator

UNIT = Path(__file__).parent.parent / "unit"
EMULATE = ("emulate", "--model", str(UNIT / "flatten.tflite"), "--json")


@contextmanager
def emulating(checkout: Path, *options: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    for program in ("arm-none-eabi-g++", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    child = subprocess.Popen(
        command_line(checkout, [*EMULATE, *options]),
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()


def url(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    said = child.stdout.readline()
    assert said, child.communicate()
    (row,) = json.loads(said)
    assert row["target"] == "stm32f4"
    found: str = row["url"]
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_another_program_talks_to_the_firmware(checkout: Path, tmp_path: Path, end: signal.Signals) -> None:
    with emulating(checkout, TMPDIR=str(tmp_path)) as child:
        line = serial.serial_for_url(url(child), timeout=60)
        line.write(b"name%")
        assert line.read_until(b"m-ready\r\n") == b"m-name-dut-[kerf]\r\nm-ready\r\n"
        child.send_signal(end)
        with pytest.raises(serial.SerialException, match="disconnected"):
            line.read(1)
        _, error = child.communicate(timeout=120)
    assert child.returncode == 0
    assert "waiting for a program to connect" in error and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_the_terminal_leaves_no_folder_of_renode(checkout: Path, tmp_path: Path) -> None:
    program = tmp_path / "renode"
    program.write_text(f"#!{sys.executable}\n{(UNIT / 'fake_renode.py').read_text()}")
    program.chmod(0o755)
    trace = tmp_path / "trace"
    fake = {"RENODE": str(program), "FAKE_RENODE": "run", "FAKE_RENODE_TRACE": str(trace)}
    with emulating(checkout, "--emulator", "renode", **fake) as child:
        line = serial.serial_for_url(url(child), timeout=60)
        line.write(b"abc")
        assert line.read(3) == b"ABC"
        child.send_signal(signal.SIGHUP)
        _, error = child.communicate(timeout=120)
    assert "warning: during the run, Renode offers the emulated serial port on all network interfaces" in error
    _, folder, said = trace.read_text().split()
    assert said == "quit" and not Path(folder).exists()
