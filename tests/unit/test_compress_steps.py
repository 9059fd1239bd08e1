"""Names of compressed models, which weights and filters are removed, and a user's own data, without TensorFlow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools import compress
from tools.compress import Recipe, Step, channels, sparsity, tuning
from tools.compress.network import INPUT, Layer, Network, dump, load
from tools.data.held_out import read_npz
from tools.errors import CompressError, UnknownName, UsageError
from tools.models import Data


def test_a_name_says_how_a_model_was_made(tmp_path: Path) -> None:
    assert compress.parse("digits") == ("digits", ())
    assert compress.parse("digits+sparse0.8") == ("digits", (Step("sparse", 0.8),))
    steps = (Step("channels", 0.5), Step("sparse", 0.75), Step("qat"))
    assert compress.parse("a/b+c.keras+channels0.5+sparse.75+qat") == ("a/b+c.keras", steps)
    assert compress.name("digits", steps) == "digits+channels0.5+sparse0.75+qat"
    assert compress.steps(0.5, 0.75, True) == steps
    assert compress.steps(0.0, 0.0, False) == ()
    there = tmp_path / "model+qat"
    there.mkdir()
    assert compress.parse(str(there)) == (str(there), ())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("digits+sparse1.5", "cannot remove 1.5 of the weights: give a share from 0.05 to 0.95"),
        ("digits+channels0", "cannot remove 0 of the filters: give a share from 0.05 to 0.95"),
        ("digits+sparse", "cannot compress with 'sparse': give sparse a share, as in sparse0.5"),
        ("digits+qat8", "cannot compress with 'qat8': qat takes no share"),
        ("digits+qat0.5", "cannot compress with 'qat0.5': qat takes no share"),
        ("+qat", "'+qat' does not say what to compress: put the model's name before the +"),
        ("digits+qat+sparse0.5", "qat+sparse0.5: give each of channels, sparse, qat at most once, in this order"),
        (
            "digits+sparse0.5+sparse0.8",
            "sparse0.5+sparse0.8: give each of channels, sparse, qat at most once, in this order",
        ),
    ],
)
def test_names_that_make_no_sense(name: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        compress.parse(name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("share", [-0.5, float("nan"), 1.0, 0.99])
def test_shares_out_of_range(share: float) -> None:
    with pytest.raises(UsageError, match=r"give a share from 0\.05 to 0\.95"):
        compress.check(compress.steps(0.0, share, False))


def test_unknown_way_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="unknown compression 'tiny'; known: channelsSHARE, qat, sparseSHARE"):
        compress.parse("digits+tiny")


def test_epochs() -> None:
    base = Recipe(epochs=12, learning_rate=0.002)
    assert compress.recipe(Step("sparse", 0.5), base).epochs == 12
    assert compress.recipe(Step("qat"), base).epochs == 6
    assert compress.recipe(Step("qat"), base, epochs=3).epochs == 3
    with pytest.raises(UsageError, match="cannot fine-tune for -1 epochs: --epochs takes a whole number of at least 1"):
        compress.recipe(Step("qat"), base, epochs=-1)


kernels = st.lists(
    st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=20).map(lambda a: np.array(a, np.float32)),
    min_size=1,
    max_size=4,
)


@given(kernels, st.floats(0.05, 0.95))
def test_masks_take_the_smallest_of_each_layer_and_as_many_as_asked(given: list[np.ndarray], share: float) -> None:
    masks = sparsity.masks(given, share)
    assert sum(int((mask == 0).sum()) for mask in masks) == round(share * sum(kernel.size for kernel in given))
    for kernel, mask in zip(given, masks, strict=True):
        taken, kept = np.abs(kernel[mask == 0]), np.abs(kernel[mask == 1])
        assert not taken.size or not kept.size or taken.max() <= kept.min()


def test_no_layer_loses_its_largest_weight_before_another_has_only_its_own() -> None:
    small, large = np.array([1e-3, 2e-3], np.float32), np.arange(1, 9, dtype=np.float32)
    masks = sparsity.masks([small, large], 0.8)
    assert [mask.tolist() for mask in masks] == [[0, 1], [0] * 7 + [1]]


def chain(kernel: np.ndarray, gamma: np.ndarray) -> Network:
    """Convolution, batch normalization, convolution."""
    filters = kernel.shape[-1]
    ones = np.ones(filters, np.float32)
    norm = (gamma, np.zeros(filters, np.float32), np.zeros(filters, np.float32), ones)
    return Network(
        "chain",
        (
            Layer("image", INPUT, {}, (), (4, 4, 1)),
            Layer("first", "Conv2D", {"filters": filters}, ("image",), (4, 4, filters), (kernel,)),
            Layer("norm", "BatchNormalization", {"epsilon": 0.0}, ("first",), (4, 4, filters), norm),
            Layer("last", "Conv2D", {"filters": 2}, ("norm",), (4, 4, 2), (np.ones((1, 1, filters, 2), np.float32),)),
        ),
    )


def test_the_smallest_filters_go_with_batch_normalization_folded_in() -> None:
    kernel = np.array([4, 3, 2, 1], np.float32).reshape(1, 1, 1, 4)
    gamma = np.array([0.1, 1, 1, -10], np.float32)  # norms of 0.4, 3, 2, 10
    smaller = channels.prune(chain(kernel, gamma), 0.5)
    shapes = {layer.name: layer.shape for layer in smaller.layers}
    assert shapes == {"image": (4, 4, 1), "first": (4, 4, 2), "norm": (4, 4, 2), "last": (4, 4, 2)}
    first, norm, last = smaller.layers[1:]
    assert first.weights[0].ravel().tolist() == [3, 1]
    assert norm.weights[0].tolist() == [1, -10]
    assert last.weights[0].shape == (1, 1, 2, 2)
    assert first.config["filters"] == 2 and last.config["filters"] == 2


@given(st.integers(1, 12), st.floats(0.05, 0.95))
def test_one_filter_always_remains(filters: int, share: float) -> None:
    network = chain(np.ones((3, 3, 1, filters), np.float32), np.ones(filters, np.float32))
    if filters == 1 or int(share * filters + 1e-9) == 0:
        with pytest.raises(CompressError, match="no filters that can be removed" if filters == 1 else "larger share"):
            channels.prune(network, share)
        return
    smaller = channels.prune(network, share)
    assert smaller.layers[1].shape[-1] == filters - int(share * filters + 1e-9) >= 1


def test_a_network_outlives_its_process(tmp_path: Path) -> None:
    there = chain(np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4), np.ones(4, np.float32))
    dump(there, tmp_path / "network.npz")
    again = load(tmp_path / "network.npz")
    assert again.name == there.name
    for a, b in zip(again.layers, there.layers, strict=True):
        assert (a.name, a.kind, a.config, a.inputs, a.shape) == (b.name, b.kind, b.config, b.inputs, b.shape)
        assert all(np.array_equal(x, y) for x, y in zip(a.weights, b.weights, strict=True))


@given(st.integers(1, 200), st.integers(1, 64).map(lambda half: 2 * half))
def test_no_batch_is_odd_and_at_most_one_sample_is_left_out(count: int, batch: int) -> None:
    x, y = np.zeros((count, 1), np.float32), np.zeros(count, np.int64)
    kept = len(Data(x, y, x, y).even(batch).train_x)
    assert kept % batch % 2 == 0 or count == 1
    assert 0 <= count - kept <= 1 and kept


def test_own_data_are_split(tmp_path: Path) -> None:
    x = np.arange(50, dtype=np.float64).reshape(50, 1)
    np.savez(tmp_path / "classes.npz", x=x, y=np.arange(50) % 3, classes=["a", "b", "c"])
    data = read_npz(tmp_path / "classes.npz")
    assert (len(data.train_x), len(data.test_x), data.classes) == (40, 10, ("a", "b", "c"))
    assert sorted([*data.train_x.ravel(), *data.test_x.ravel()]) == list(range(50))
    assert np.array_equal(data.train_y, data.train_x.ravel() % 3) and data.train_y.dtype == np.int64
    np.savez(tmp_path / "reals.npz", x=x, y=x.ravel() / 2)
    data = read_npz(tmp_path / "reals.npz")
    assert np.array_equal(data.test_y, data.test_x / 2) and data.test_y.dtype == np.float32


def test_targets_have_the_shape_of_the_outputs(tmp_path: Path) -> None:
    y = np.random.default_rng(0).random((20, 2, 3, 1))
    np.savez(tmp_path / "maps.npz", x=y, y=y)
    data = read_npz(tmp_path / "maps.npz")
    assert data.test_y.shape == (4, 2, 3, 1)
    same = Network("m", (Layer("image", INPUT, {}, (), (2, 3, 1)),))
    tuning.check(same, data, "m")
    for others in ({"train_y": data.train_y.reshape(16, 6)}, {"train_y": data.train_y.reshape(16, 1, 2, 3)}):
        with pytest.raises(CompressError, match=r"m has an output of shape \(2, 3, 1\), but a target y has the shape"):
            tuning.check(same, replace(data, **others), "m")


def test_own_data_that_are_too_little(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((9, 1)))
    with pytest.raises(CompressError, match=r"x\.npz must hold one array x and an array y"):
        read_npz(tmp_path / "x.npz")
    np.savez(tmp_path / "few.npz", x=np.zeros((4, 1)), y=np.zeros(4, int))
    with pytest.raises(CompressError, match=r"few\.npz holds 4 samples: too few for a training and a test set"):
        read_npz(tmp_path / "few.npz")
