"""Whatever a user gets wrong ends in one sentence on standard error and the agreed exit code, never in a traceback."""

import hashlib
import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import command_line
from single_op import TensorSpec, single_op

HERE = Path(__file__).parent
FLATTEN = HERE.parent / "unit" / "flatten.tflite"


def sentence(done: "subprocess.CompletedProcess[str]", code: int) -> str:
    """The one sentence of a failure, after progress lines."""
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == code, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("kerf: ")
    return last


@pytest.mark.parametrize(
    ("arguments", "what", "known"),
    [
        (("run", "--model", "digit"), "unknown model 'digit'", "digits"),
        (("run", "--target", "stm32"), "unknown target 'stm32'", "stm32f4"),
        (("run", "--runtime", "tvm"), "unknown runtime 'tvm'", "aot"),
        (("run", "--emulator", "bochs"), "unknown emulator for stm32f4 'bochs'", "qemu"),
        (("test", "--port", "auto", "--target", "esp33"), "unknown target 'esp33'", "esp32"),
        (("quantize", "--mode", "int7"), "unknown mode 'int7'", "int8"),
        (("bench", "--modes", "int8,int7"), "unknown mode 'int7'", "all"),
        (("bench", "--modes", "all,int7"), "unknown mode 'int7'", "all"),
        (("export", "--format", "conan"), "unknown format 'conan'", "cmake"),
        (("bench", "--models", "sine,digit+qat"), "unknown model 'digit'", "digits"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(kerf, arguments: tuple[str, ...], what: str, known: str) -> None:
    text = sentence(kerf(*arguments), 2)
    assert what in text
    assert known in text.partition("known:")[2]


def test_port_and_emulator_exclude_each_other(kerf) -> None:
    assert "one of them" in sentence(kerf("run", "--port", "COM5", "--emulator", "qemu"), 2)


def test_a_page_does_not_replace_a_model(kerf, tmp_path: Path) -> None:
    model = tmp_path / "net.tflite"
    model.write_bytes(FLATTEN.read_bytes())
    assert "is not an HTML page" in sentence(kerf("inspect", "--model", str(model), "--html", str(model)), 2)
    assert "is not an HTML page" in sentence(kerf("report", "--out", str(model)), 2)
    assert model.read_bytes() == FLATTEN.read_bytes()


def test_a_link_to_itself(kerf, tmp_path: Path) -> None:
    link = tmp_path / "loop"
    link.symlink_to(link)
    for options in (("run", "--data", str(link)), ("render", "--out", str(link))):
        assert "loop" in sentence(kerf(*options, "--model", str(FLATTEN)), 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_is_not_a_model(kerf, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    assert "pipe.tflite is not a file" in sentence(kerf("inspect", "--model", str(tmp_path / "pipe.tflite")), 1)


def test_a_suffix_in_capitals(kerf, tmp_path: Path) -> None:
    (tmp_path / "NET.TFLITE").write_bytes(FLATTEN.read_bytes())
    assert "rename it to NET.tflite" in sentence(kerf("inspect", "--model", str(tmp_path / "NET.TFLITE")), 1)


def test_a_file_that_is_not_there(kerf) -> None:
    assert "nowhere.tflite" in sentence(kerf("inspect", "--model", "nowhere.tflite"), 1)


@pytest.mark.parametrize("kept", [0, 7, 8, 100, 0.5, -1])
def test_a_truncated_model(kerf, tmp_path: Path, kept: float) -> None:
    whole = FLATTEN.read_bytes()
    size = int(kept * len(whole)) if isinstance(kept, float) else kept
    (tmp_path / "cut.tflite").write_bytes(whole[:size])
    assert "cut" in sentence(kerf("run", "--model", str(tmp_path / "cut.tflite")), 1)


def test_a_random_file(kerf, tmp_path: Path) -> None:
    (tmp_path / "noise.tflite").write_bytes(random.Random(1).randbytes(5000))
    assert "noise" in sentence(kerf("run", "--model", str(tmp_path / "noise.tflite")), 1)


def test_a_keras_file_that_is_none(kerf, tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("not a model")
    assert "text.keras" in sentence(kerf("quantize", "--model", str(tmp_path / "text.keras")), 1)


def test_a_model_larger_than_its_target(kerf, tmp_path: Path) -> None:
    """Before anything is built, with both numbers."""
    x = TensorSpec((1, 512), scale=0.5)
    weights = TensorSpec((1024, 512), scale=0.01, data=np.ones((1024, 512), np.int8))
    y = TensorSpec((1, 1024), scale=0.5)
    wide = single_op("FULLY_CONNECTED", [x, weights, None], [y], "FullyConnectedOptions")
    (tmp_path / "wide.tflite").write_bytes(wide)
    done = kerf("run", "--target", "microbit", "--model", str(tmp_path / "wide.tflite"))
    text = sentence(done, 1)
    assert f"{512 * 1024 + 8 * 1024:,}" in text and "262,144" in text  # weights; a multiplier and a shift per output
    assert "building" not in done.stderr


def test_out_is_never_written_over_something_else(kerf, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for words in (("render",), ("export", "--format", "cmake")):
        text = sentence(kerf(*words, "--model", str(FLATTEN), "--out", str(tmp_path)), 1)
        assert "not empty" in text
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "--format is missing: give the build system of your program, one of"),
        (("--format", "cmake", "--name", "2fast"), "--name 2fast cannot be the prefix of C functions"),
        (("--format", "cmake", "--name", "math"), "--name math would hide the system header math.h"),
        (("--format", "espidf", "--runtime", "tflm"), "--format espidf cannot declare "),
    ],
)
def test_an_export_that_cannot_be_made(kerf, words: tuple[str, ...], why: str) -> None:
    assert why in sentence(kerf("export", "--model", str(FLATTEN), *words), 2)


def test_data_belongs_to_a_model_of_your_own(kerf, tmp_path: Path) -> None:
    assert "--data" in sentence(kerf("quantize", "--data", str(tmp_path / "x.npz")), 2)


def test_names_that_the_terminal_has_no_letters_for(kerf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (tmp_path / "größe.tflite").write_bytes(FLATTEN.read_bytes())
    done = kerf("quantize", "--model", str(tmp_path / "größe.tflite"))
    assert done.returncode == 0, done.stderr
    assert "gr\\xf6\\xdfe" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full on this system")
def test_a_full_disk_behind_standard_output(checkout: Path) -> None:
    with open("/dev/full", "w") as full:
        command = command_line(checkout, ["ops", "--json"])
        done = subprocess.run(command, cwd=checkout, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "free some space" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("train", "--epochs", "abc"), "--epochs takes a whole number of at least 0, not 'abc'"),
        (("train", "--seed", "-1"), "--seed takes a whole number of at least 0, not '-1'"),
        (("compress", "--epochs", "2.5"), "--epochs takes a whole number of at least 0, not '2.5'"),
        (("train", "--epochs", "0"), "--epochs 0: give at least 1"),
        (("compress", "--qat", "--epochs", "0"), "--epochs 0: give at least 1"),
        (("compress", "--sparsity", "80%"), "--sparsity takes a number from 0 to 1, not '80%'"),
        (("compress", "--channels", "nan"), "--channels takes a number from 0 to 1, not 'nan'"),
    ],
)
def test_a_bad_number_is_refused(kerf, arguments: tuple[str, ...], why: str) -> None:
    assert why in sentence(kerf(*arguments), 2)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("run", "--speed", "9"), "--speed"),
        (("fly",), "fly"),
        (("classify",), "IMAGE"),
        (("survey",), "FOLDER"),
        (("run", "--mode"), "mode"),
    ],
)
def test_a_command_line_that_is_none(kerf, arguments: tuple[str, ...], what: str) -> None:
    done = kerf(*arguments)
    assert done.returncode == 2 and what in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_says_which_options_take_a_value(kerf) -> None:
    for name, options in (("train", ("epochs", "seed", "model")), ("compress", ("channels", "sparsity", "epochs"))):
        text = kerf(name, "--help").stdout
        assert [option for option in options if f"--{option}=" not in text] == []
    assert ".tflite" not in kerf("train", "--help").stdout


@pytest.mark.parametrize("words", [("classify", "--help"), ("classify", "-h"), ("--help", "classify")])
def test_help_of_classify_explains_its_options(kerf, words: tuple[str, ...]) -> None:
    text = kerf(*words).stdout
    assert "image files, folders of images" in text and "a name from `inv targets`" in text


def test_images_that_are_not_there(kerf) -> None:
    assert "nowhere.png" in sentence(kerf("classify", "--images", "nowhere.png"), 2)
    for words in (
        ("no, where.png", "--json"),
        ("--model", "digits", "no, where.png"),
        (".", "no, where.png"),
        ("--", "no, where.png"),
    ):
        assert sentence(kerf("classify", *words), 2) == "kerf: there is no image no, where.png"
    assert sentence(kerf("classify", "--json", "--", "--json"), 2) == "kerf: there is no image ./--json"


def test_a_name_longer_than_the_system_takes(kerf) -> None:
    text = sentence(kerf("quantize", "--model", "x" * 10_000), 1)
    assert "shorter name" in text
    assert len(text) < 400


def test_a_page_where_a_folder_is(kerf, tmp_path: Path) -> None:
    done = kerf("inspect", "--model", str(FLATTEN), "--html", str(tmp_path))
    assert "there is a folder where a file should be" in sentence(done, 1)
    assert str(tmp_path) in done.stderr


def test_a_build_folder_that_is_a_file(kerf, checkout: Path) -> None:
    model = checkout / "in-the-way.tflite"
    model.write_bytes(FLATTEN.read_bytes())
    folder = checkout / "build" / f"in-the-way-{hashlib.sha256(FLATTEN.read_bytes()).hexdigest()[:8]}-tflite"
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("")
    assert "there is a file where a folder should be" in sentence(kerf("quantize", "--model", str(model)), 1)


@pytest.mark.parametrize("arguments", [("--list",), ("run", "--help"), ("targets",)])
def test_a_reader_that_leaves_early(checkout: Path, arguments: tuple[str, ...]) -> None:
    """As `./kerf --list | head -1` does, but gone before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    command = command_line(checkout, arguments)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 1 and done.stderr == ""
