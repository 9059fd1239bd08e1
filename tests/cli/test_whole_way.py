"""From nothing to a measurement in QEMU, as in `./kerf demo`, and what happens if the emulator is missing.

What needs a trained model is here too, because training takes half a minute: `inv compare`, and `inv inspect --html`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from command_line import command_line

pytestmark = [pytest.mark.tf, pytest.mark.emulator]

LAYERS = ["conv1", "pool1", "conv2", "pool2", "flatten", "scores", "softmax"]
FIELDS = [
    *("model", "mode", "model_sha256", "model_bytes", "runtime", "target", "emulator", "kernels"),
    *("flash_bytes", "ram_bytes", "clock", "invoke", "setup", "per_op", "samples", "mismatches", "tolerance"),
    *("accuracy", "kerf", "commit", "optimize", "data_sha256", "second_opinion", "device", "macs"),
]


@pytest.fixture(scope="module")
def demo(kerf) -> dict[str, Any]:
    """The record of `demo --json`, on a build/ that was empty."""
    for program in ("arm-none-eabi-g++", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    done = kerf("demo", "--json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def test_the_record_is_the_agreed_one(demo) -> None:
    assert list(demo) == FIELDS
    assert (demo["model"], demo["mode"], demo["target"]) == ("digits", "int8", "stm32f4")
    assert (demo["runtime"], demo["emulator"]) == ("aot", "qemu")


def test_every_digit_is_right_to_the_last_bit(demo) -> None:
    assert (demo["samples"], demo["mismatches"], demo["tolerance"]) == (360, 0, 0)
    assert demo["accuracy"]["device"] == demo["accuracy"]["host"] >= 0.96


def test_the_numbers_add_up(demo) -> None:
    flash, ram, invoke = demo["flash_bytes"], demo["ram_bytes"], demo["invoke"]
    assert flash["total"] == flash["code"] + flash["model"]
    assert ram["total"] == ram["static"] + ram["arena"] + ram["stack"]
    assert min(flash["code"], flash["model"], ram["arena"], ram["stack"]) > 0
    assert invoke["n"] == 360 and invoke["min"] <= invoke["median"] <= invoke["p99"]
    assert demo["clock"] == {"unit": "instructions", "hz": None}
    # The operators are the inference: hooks and calls between them take less than one part in a hundred.
    assert sum(op["median"] for op in demo["per_op"]) == pytest.approx(invoke["median"], rel=0.01)


def test_a_second_run_gives_the_same_instructions_and_compiles_nothing(demo, kerf) -> None:
    built = kerf("build", "--json")
    assert json.loads(built.stdout)[0]["compiled"] is False
    told = built.stderr.splitlines()
    assert sum("digits is already trained" in line for line in told) == 1 and len(told) == len(set(told))
    again = json.loads(kerf("run", "--json").stdout)
    assert {k: again[k] for k in ("invoke", "setup", "per_op")} == {k: demo[k] for k in ("invoke", "setup", "per_op")}


def test_records_and_report_are_kept(demo, checkout: Path, kerf) -> None:
    lines = (checkout / "build" / "measurements.jsonl").read_text().splitlines()
    assert demo in map(json.loads, lines)  # other tests record in this checkout, too, and a second run the same
    page = (checkout / "build" / "report.html").read_text()
    assert "digits" in page and f"{demo['invoke']['median']:,}" in page and "Not compared yet" not in page
    assert kerf("report", "--out", str(checkout / "other.html")).returncode == 0
    assert (checkout / "other.html").read_text().startswith("<!DOCTYPE html>")


def test_modes_are_converted_one_after_the_other(demo, kerf) -> None:
    rows = json.loads(kerf("quantize", "--mode", "float32, int8", "--json").stdout)
    assert [(row["mode"], row["model_sha256"] == demo["model_sha256"]) for row in rows] == [
        ("float32", False),
        ("int8", True),
    ]
    assert all(row["accuracy"]["drop"] == 0 for row in rows)


def test_every_layer_is_compared_and_the_report_shows_it(demo, checkout: Path, kerf) -> None:
    done = kerf("compare", "--samples", "2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [layer["name"] for layer in told["layers"]] == LAYERS
    assert (told["device_samples"], told["layer"]) == (2, None)
    for layer in told["layers"]:
        assert layer["device"] == {"share": 0.0, "largest": 0.0}, layer["name"]
        assert 25 < layer["sqnr_db"] < 100, layer["name"]

    assert kerf("report").returncode == 0
    page = (checkout / "build" / "report.html").read_text(encoding="utf-8")
    for part in ("Layer by layer", told["finding"].replace("'", "&#39;"), "Memory plan", "Sections of the firmware"):
        assert part in page
    assert page.count("data:image/png;base64,") >= 10
    assert "calibrated with 500 of" in page


@pytest.mark.soak
def test_bad_calibration_is_the_cause_that_is_named(demo, kerf) -> None:
    """One sample does not show the whole range of digits."""
    told = json.loads(kerf("compare", "--calibration", "1", "--json").stdout)
    assert told["layer"] in LAYERS
    assert "Usual cause: calibration data" in told["finding"]


def test_an_interpreter_has_no_layers_of_its_own(kerf) -> None:
    done = kerf("compare", "--runtime", "tflm", "--target", "host")
    assert done.returncode == 2 and "choose a --target with firmware" in done.stderr
    done = kerf("compare", "--samples", "0")
    assert done.returncode == 2 and "at least one sample" in done.stderr


def test_inspection_as_a_page_has_the_keras_models_weights(demo, checkout: Path, kerf) -> None:
    file = checkout / "inside.html"
    done = kerf("inspect", "--html", str(file))
    assert done.returncode == 0 and done.stdout.strip() == str(file)
    page = file.read_text(encoding="utf-8")
    assert page.count("of the Keras model") == 3  # the weights of two convolutions and a dense layer
    assert page.count("<svg") == 6


def without_program(folder: Path, name: str) -> str:
    """The current PATH without one program."""
    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).iterdir() if Path(directory).is_dir() else []:
            link = folder / program.name
            if program.name != name and not link.exists():
                link.symlink_to(program)
    return str(folder)


def test_without_qemu_the_user_learns_how_to_get_it(demo, kerf, tmp_path: Path) -> None:
    done = kerf("run", path=without_program(tmp_path, "qemu-system-arm"))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "apt-get install qemu-system-arm" in done.stderr.splitlines()[-1]


def test_without_the_compiler_the_user_learns_how_to_get_it(demo, kerf, tmp_path: Path) -> None:
    done = kerf("build", "--target", "mps2-an385", path=without_program(tmp_path, "arm-none-eabi-g++"))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "apt-get install gcc-arm-none-eabi" in done.stderr.splitlines()[-1]


def children_running(name: str, parent: int) -> list[int]:
    """Process ids below ``parent`` whose program is called ``name``."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()]
    family = {parent}
    for _ in range(4):
        family |= {int(pid) for pid, above, _ in rows if int(above) in family}
    return [int(pid) for pid, _, program in rows if int(pid) in family and name.startswith(program.strip()[:15])]


def during_a_run(checkout: Path, victim: str, number: signal.Signals) -> tuple[int, str, float, list[int]]:
    """Sends a signal to the emulator or to kerf once samples flow: exit code, standard error, seconds until the end,
    and the emulator's process ids."""
    with subprocess.Popen(
        command_line(checkout, ["run"]), cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        seen = []
        for line in running.stderr:
            seen.append(line)
            if "samples on the device" in line:
                break
        emulators = children_running("qemu-system-arm", running.pid)
        assert len(emulators) == 1, seen
        os.kill(emulators[0] if victim == "emulator" else running.pid, number)
        start = time.monotonic()
        rest = running.stderr.read()
        return running.wait(), rest, time.monotonic() - start, emulators


def wait_for_the_end_of(pid: int) -> None:
    with suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            time.sleep(0.1)


def test_an_emulator_that_is_killed_is_a_named_error_at_once(demo, checkout: Path) -> None:
    code, errors, seconds, emulators = during_a_run(checkout, "emulator", signal.SIGKILL)
    assert code == 1 and "Traceback" not in errors
    assert "SIGKILL" in errors.splitlines()[-1] or "signal 9" in errors.splitlines()[-1]
    assert seconds < 60
    wait_for_the_end_of(emulators[0])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent (PR_SET_PDEATHSIG)")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_no_emulator_outlives_kerf(demo, checkout: Path, number: signal.Signals) -> None:
    code, errors, seconds, emulators = during_a_run(checkout, "kerf", number)
    assert code != 0 and "Traceback" not in errors
    assert seconds < 60
    wait_for_the_end_of(emulators[0])
