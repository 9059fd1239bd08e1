"""A user's .npz as a data set for training, with test samples held out."""

from pathlib import Path

import numpy as np

from ..errors import CompressError
from ..models import Data
from . import samples

TEST_SHARE = 0.2
SEED = 0


def read_npz(path: Path) -> Data:
    """x and y (class indices, or real targets of a regression), optional classes; a fifth is held out for testing.

    Raises QuantizeError for a file that cannot be read, CompressError when it has too few samples to train with.
    """
    found = samples.read_npz(path, ())
    with np.load(path, allow_pickle=False) as archive:
        if "y" not in archive.files or len(found.test) != 1:
            raise CompressError(f"{path} must hold one array x and an array y with the target for each x")
        y = archive["y"]
    x = found.test[0].astype(np.float32)
    if found.labels is None:
        y = (y[:, np.newaxis] if y.ndim == 1 else y).astype(np.float32)
        if not np.isfinite(y).all():
            raise CompressError(f"{path}: y must contain only finite numbers")
    else:
        y = found.labels
    held_out = int(TEST_SHARE * len(x))
    if not held_out:
        raise CompressError(f"{path} holds {len(x)} samples: too few for a training and a test set")
    order = np.random.default_rng(SEED).permutation(len(x))
    test, train = np.sort(order[:held_out]), np.sort(order[held_out:])
    return Data(x[train], y[train], x[test], y[test], found.classes)
