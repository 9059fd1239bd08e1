"""`inv compare`, `inv inspect --html` and the report of a run, as a user starts them."""

import json
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tf, pytest.mark.emulator]

LAYERS = ["conv1", "pool1", "conv2", "pool2", "flatten", "scores", "softmax"]


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    for program in ("arm-none-eabi-g++", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def test_every_layer_is_compared_and_the_report_shows_it(checkout: Path, kerf) -> None:
    done = kerf("compare", "--samples", "2", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [layer["name"] for layer in told["layers"]] == LAYERS
    assert (told["device_samples"], told["layer"]) == (2, None)
    for layer in told["layers"]:
        assert layer["device"] == {"share": 0.0, "largest": 0.0}, layer["name"]
        assert 25 < layer["sqnr_db"] < 100, layer["name"]

    assert kerf("run").returncode == 0
    assert kerf("report").returncode == 0
    page = (checkout / "build" / "report.html").read_text(encoding="utf-8")
    for part in ("Layer by layer", told["finding"].replace("'", "&#39;"), "Memory plan", "Sections of the firmware"):
        assert part in page
    assert page.count("data:image/png;base64,") >= 10
    assert "calibrated with 500 of" in page


@pytest.mark.soak
def test_bad_calibration_is_the_cause_that_is_named(kerf) -> None:
    """One sample does not show the whole range of digits."""
    told = json.loads(kerf("compare", "--calibration", "1", "--json").stdout)
    assert told["layer"] in LAYERS
    assert "Usual cause: calibration data" in told["finding"]


def test_an_interpreter_has_no_layers_of_its_own(kerf) -> None:
    done = kerf("compare", "--runtime", "tflm", "--target", "host")
    assert done.returncode == 2 and "choose a --target with firmware" in done.stderr
    done = kerf("compare", "--samples", "0")
    assert done.returncode == 2 and "at least one sample" in done.stderr


def test_inspection_as_a_page_has_the_keras_models_weights(checkout: Path, kerf) -> None:
    file = checkout / "inside.html"
    done = kerf("inspect", "--html", str(file))
    assert done.returncode == 0 and done.stdout.strip() == str(file)
    page = file.read_text(encoding="utf-8")
    assert page.count("of the Keras model") == 3  # the weights of two convolutions and a dense layer
    assert page.count("<svg") == 6
