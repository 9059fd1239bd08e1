"""digit_rows, whose samples are sequences: trained for a moment, quantized, and run on an emulated board."""

from collections.abc import Iterator

import pytest

from tools import models, pipeline, train
from tools.models import Data
from tools.pipeline import places
from tools.progress import Progress
from tools.values import Request

pytestmark = [pytest.mark.tf, pytest.mark.emulator]

SAMPLES, LEARNED = 40, 0.6  # far above chance, which is 0.1


@pytest.fixture(scope="module", autouse=True)
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two epochs on the scans without their shifted copies."""
    folder, cache = tmp_path_factory.mktemp("rows"), places.cache()
    module = models.find("digit_rows")
    whole = module.data()
    count = len(whole.train_x) // 5
    few = Data(whole.train_x[:count], whole.train_y[:count], whole.test_x, whole.test_y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "BUILD", folder)
        patch.setattr(places, "cache", lambda: cache)
        patch.setattr(module, "data", lambda: few)
        train.train("digit_rows", folder / "digit_rows", epochs=2)
        yield


def test_whole_sequences() -> None:
    outcome = pipeline.run(Request("digit_rows", samples=SAMPLES), Progress())
    measurement = outcome.measurement
    assert (measurement.samples, measurement.mismatches) == (SAMPLES, 0)
    assert measurement.accuracy["device"] > LEARNED
    assert "sequence_length" not in measurement.quantities  # each sample starts from the initial state
