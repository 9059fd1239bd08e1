"""Calibration and test data: a user's .npz, balance, random stand-ins."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tools.data import samples
from tools.errors import QuantizeError, UsageError
from tools.models import Data
from tools.oracle.signature import TensorSpec

IMAGE = TensorSpec("image", (1, 2, 2, 1), "int8", 0.5, 0)


def test_a_calibration_of_very_many_digits_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="number of samples"):
        samples.parse_calibration("9" * 5000)


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def test_npz_calibrates_and_tests(tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float64).reshape(3, 2, 2, 1) / 2
    names = ["zero", 'quo"te\\', "*/ ünï\nline"]
    data = samples.read_npz(save(tmp_path / "d.npz", x=x, y=[2, 0, 1], classes=names), ("ignored",))
    assert data.classes == tuple(names)
    np.testing.assert_array_equal(data.labels, [2, 0, 1])
    (inputs,) = samples.test_inputs(data, [IMAGE])
    np.testing.assert_array_equal(inputs, np.arange(12, dtype=np.int8).reshape(3, 2, 2, 1))


def test_samples_of_the_right_size_are_brought_into_shape(tmp_path: Path) -> None:
    data = samples.read_npz(save(tmp_path / "d.npz", x=np.ones((3, 4), np.float32)), ())
    assert samples.test_inputs(data, [IMAGE])[0].shape == (3, 2, 2, 1)
    assert samples.calibration(data.calibration, [(2, 2, 1)], ["float32"])[0].shape == (3, 2, 2, 1)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((1, 8, 8), (8, 8, 1)), ((8, 8), (8, 8, 1)), ((8, 8, 1), (64,)), ((64,), (1, 8, 8, 1)), ((2, 4, 3), (24,))],
)
def test_axes_of_one_come_and_go(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random((5, *given))
    (shaped,) = samples.calibration((x,), [wanted], ["float64"])
    assert shaped.shape == (5, *wanted)
    np.testing.assert_array_equal(shaped.ravel(), x.ravel())


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ((3, 32, 32), "move the channels last, as in x = numpy.moveaxis(x, 1, -1)"),
        ((32, 3, 32), "transpose or reshape x to match"),
        ((3072,), "transpose or reshape x to match"),
    ],
)
def test_axes_in_another_order_are_refused(given: tuple[int, ...], remedy: str) -> None:
    with pytest.raises(QuantizeError) as caught:
        samples.calibration((np.zeros((2, *given)),), [(32, 32, 3)], ["float32"])
    assert f"has the shape {given}, but input 0 of the model takes (32, 32, 3): {remedy}" in str(caught.value)


def test_several_inputs_go_by_number_not_by_name(tmp_path: Path) -> None:
    arrays = {f"x{i}": np.full((2, 1), i, np.int8) for i in (10, 9, 2)}
    data = samples.read_npz(save(tmp_path / "d.npz", **arrays), ())
    assert [int(a[0, 0]) for a in data.test] == [2, 9, 10]


def test_several_inputs_go_by_the_models_names(tmp_path: Path) -> None:
    path = save(tmp_path / "d.npz", image=np.full((2, 1), 1), y=np.full((2, 1), 2), classes=["a", "b"])
    named = samples.read_npz(path, (), ("y", "image"))
    assert [int(a[0, 0]) for a in named.test] == [2, 1] and named.labels is None and named.classes == ("a", "b")
    with pytest.raises(QuantizeError, match=r"no array x, nor one for each input of the model: image, meta; it has"):
        samples.read_npz(path, (), ("image", "meta"))
    by_number = samples.read_npz(save(tmp_path / "x.npz", x=np.zeros((2, 1)), image=np.ones((2, 1))), (), ("image",))
    assert [int(a[0, 0]) for a in by_number.test] == [0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.ones((2, 4))}, "has no array x; it has images$"),
        ({}, "has no array x; it has none$"),
        ({"x": np.ones((0, 4))}, "at least one"),
        ({"x": np.float32(1)}, "at least one"),
        ({"x0": np.ones((2, 4)), "x1": np.ones((3, 4))}, "same number of samples"),
        ({"x": np.array([[1.0, np.nan]])}, "only finite numbers"),
        ({"x": np.array(["a", "b"])}, "only finite numbers"),
        ({"x": np.ones((2, 4)), "y": [1]}, "one class index per sample, 2 in total"),
        (
            {"x": np.ones((2, 4)), "y": np.eye(2)},
            r"shape \(2, 2\); convert one-hot rows with numpy.argmax\(y, axis=1\)",
        ),
        ({"x": np.ones((2, 4)), "y": np.eye(3)}, "one class index per sample, 2 in total"),
        ({"x": np.ones((2, 4)), "y": [[1, 7], [2, 7]]}, r"but has the shape \(2, 2\)$"),
        ({"x": np.ones((2, 4)), "y": [0, -1]}, "negative class index -1"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    with pytest.raises(QuantizeError, match=message):
        samples.read_npz(save(tmp_path / "d.npz", **arrays), ())


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (4, 2, 2, 1)])
def test_targets_of_a_regression_are_no_labels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    y = np.random.default_rng(1).random(shape)
    assert samples.read_npz(save(tmp_path / "d.npz", x=np.ones((4, 2)), y=y), ()).labels is None


NPY = b"\x93NUMPY\x01\x00\x46\x00{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }".ljust(80) + b"\x01"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not an archive of arrays;"),
        (b"x,y\n1,2\n", "it is not an archive of arrays;"),
        (pickle.dumps([1, 2]), "it is not an archive of arrays;"),
        (b"PK\x03\x04" + bytes(40), ""),
        (NPY, "it is a single array, an .npy;"),
    ],
    ids=["empty", "csv", "pickle", "cut zip", "npy"],
)
def test_files_that_are_no_npz(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(QuantizeError) as caught:
        samples.read_npz(path, ())
    assert f"cannot read {path} as .npz: {why}" in str(caught.value)


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x=np.array([{"code": 1}], dtype=object))
    with pytest.raises(QuantizeError, match="it contains Python objects instead of numbers; write it with"):
        samples.read_npz(path, ())


def test_wrong_sample_shape_and_count(tmp_path: Path) -> None:
    data = samples.read_npz(save(tmp_path / "d.npz", x=np.ones((2, 3))), ())
    with pytest.raises(QuantizeError, match=r"shape \(3,\), but input 'image' of the model takes \(2, 2, 1\)"):
        samples.test_inputs(data, [IMAGE])
    with pytest.raises(QuantizeError, match="the model has 2 inputs, but the data has 1: name the arrays x0, x1"):
        samples.test_inputs(data, [IMAGE, IMAGE])


def test_calibration_is_balanced_and_repeatable() -> None:
    y = np.repeat([0, 1, 2], [2000, 1000, 100])
    x = np.arange(len(y), dtype=np.float32)[:, np.newaxis]
    data = samples.from_arrays(Data(x, y, x[:1], y[:1]), ("a", "b", "c"))
    chosen = samples.choose(data, None)
    assert chosen.what == "500 of 3,100 samples, balanced over the classes"
    (first,), (again,) = chosen.arrays, samples.choose(data, None).arrays
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == samples.CALIBRATION_SAMPLES
    assert np.bincount(y[first[:, 0].astype(int)]).tolist() == [200, 200, 100]


def test_random_stand_ins_cover_the_type_and_repeat() -> None:
    (first,), (again,) = samples.test_inputs(None, [IMAGE]), samples.test_inputs(None, [IMAGE])
    np.testing.assert_array_equal(first, again)
    assert first.shape == (samples.RANDOM_TEST_SAMPLES, 2, 2, 1)
    assert first.dtype == np.int8 and first.min() < -100 and first.max() > 100
    (real,) = samples.calibration(None, [(2, 2, 1)], ["float32"])
    assert real.shape == (100, 2, 2, 1) and 0 <= real.min() < 0.1 and 0.9 < real.max() <= 1


def test_a_regression_has_no_labels() -> None:
    x, y = np.ones((3, 1), np.float32), np.ones((3, 1), np.float32)
    assert samples.from_arrays(Data(x, y, x, y), ()).labels is None


def test_calibration_with_a_number_is_drawn_at_random() -> None:
    y = np.repeat([0, 1], [900, 100])
    x = np.arange(1000, dtype=np.float32)[:, np.newaxis]
    data = samples.from_arrays(Data(x, y, x[:1], y[:1]), ("a", "b"))
    chosen = samples.choose(data, 200)
    assert chosen.what == "200 of 1,000 samples at random"
    (first,) = chosen.arrays
    assert len(np.unique(first)) == 200
    assert np.bincount(y[first[:, 0].astype(int)])[1] < 50  # as rare as in the data: no class is preferred
    np.testing.assert_array_equal(first, samples.choose(data, 200).arrays[0])
    assert samples.choose(data, 5000).what == "1,000 of 1,000 samples at random"


def test_calibration_as_the_user_writes_it() -> None:
    assert samples.parse_calibration("balanced") is None
    assert samples.parse_calibration("50") == 50
    for text in ("0", "-3", "1.5", "all", ""):
        with pytest.raises(UsageError, match="--calibration takes `balanced` or a number of samples"):
            samples.parse_calibration(text)


def test_an_npz_that_lies_about_its_size_or_holds_no_array(tmp_path: Path) -> None:
    header = io.BytesIO()
    shape = (10**14, 36)
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    for name, entry, sentence in (
        ("x.npy", header.getvalue() + bytes(100), "cannot read .*lie.npz as .npz"),
        ("x.npy", b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 70_000, "cannot read .*lie.npz as .npz"),
        ("x", b"hello", "has no array x"),
    ):
        with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
            archive.writestr(name, entry)
        with pytest.raises(QuantizeError, match=sentence) as caught:
            samples.read_npz(tmp_path / "lie.npz", ())
        assert "\n" not in str(caught.value)


def test_a_class_index_beyond_any_model(tmp_path: Path) -> None:
    """2^64 - 1 is no -1, which would be nobody's label."""
    path = save(tmp_path / "d.npz", x=np.zeros((2, 4)), y=np.array([0, 2**64 - 1], np.uint64))
    with pytest.raises(QuantizeError, match="class index 18446744073709551615"):
        samples.read_npz(path, ())
