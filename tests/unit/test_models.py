"""Models are found by file name, without TensorFlow; their data are what their modules say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tools import models
from tools.errors import UnknownName
from tools.models import _random, digits
from tools.report import describe

ROOT = Path(__file__).resolve().parents[2]
RANDOM = [name for name in models.known() if not models.find(name).EPOCHS]


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        UnknownName, match=r"unknown model 'digit'; known: autoencoder, cifar10, digit_rows, digits, .*sine"
    ):
        models.find("digit")


@pytest.mark.parametrize("name", ["__init__", "../train", "Digits", ""])
def test_only_model_names_are_imported(name: str) -> None:
    with pytest.raises(UnknownName):
        models.find(name)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tools import models; print([models.find(n).SUMMARY for n in models.known()]);"
        "print([m for m in ('tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["digit_rows", "digits", "empty", "sine", *RANDOM])
def test_data_that_need_no_download(name: str) -> None:
    module = models.find(name)
    data, again = module.data(), module.data()
    is_labelled = bool(module.CLASSES) and name not in RANDOM
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert x.dtype == np.float32 and np.isfinite(x).all() and len(x) == len(y)
        assert y.dtype == (np.int64 if is_labelled else np.float32)
        if is_labelled:
            assert set(np.unique(y)) == set(range(len(module.CLASSES)))
    np.testing.assert_array_equal(data.train_x, again.train_x)
    np.testing.assert_array_equal(data.test_x, again.test_x)


def test_no_test_digit_is_trained_on() -> None:
    data = digits.data()
    assert data.test_x.shape == (360, 8, 8, 1) and data.train_x.shape == (5 * 1437, 8, 8, 1)
    assert np.bincount(data.test_y).min() >= 34  # stratified: a tenth of 360, give or take the classes' own sizes
    trained = {row.tobytes() for row in data.train_x[:1437]}
    assert not trained & {row.tobytes() for row in data.test_x}


def test_shift_moves_by_one_pixel() -> None:
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 3, 4, 0] = 1
    assert np.argwhere(digits._shift(image, 1, 0))[0].tolist() == [0, 4, 4, 0]
    assert np.argwhere(digits._shift(image, 0, -1))[0].tolist() == [0, 3, 3, 0]
    image[:] = 0
    image[0, 0, 7, 0] = 1
    assert not digits._shift(image, -1, 0).any() and not digits._shift(image, 0, 1).any()


def test_random_inputs_are_the_same_on_every_machine() -> None:
    images, signals = _random.data((3, 2)), _random.data((3, 2), low=-1)
    for data, low in ((images, 0), (signals, -1)):
        x = np.concatenate([data.train_x, data.test_x])
        assert (x[0] == 1).all() and (x[1] == low).all() and x.min() == low and x.max() == 1
        np.testing.assert_array_equal(x * 256, np.round(x * 256))
    assert (images.test_x[0] * 256).ravel().tolist() == [129, 28, 107, 118, 119, 58]


def test_random_weights_are_labelled_as_such() -> None:
    rows = {row["model"]: row["trained_to"] for row in describe.all_models()}
    assert (
        [name for name, trained_to in rows.items() if trained_to == "random weights, only for measuring"]
        == RANDOM
        != []
    )
