"""VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE: kerf's state equals TFLM's variables over a sequence of samples."""

import pytest
from against_tflm import Result, run_collected
from moving import Generator, generated, sizes, tensor
from single_op import OpSpec, TensorSpec

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=30)]


def delayed(rng: Generator, dtype: str) -> list[OpSpec]:
    """The input of the inference before, and what is in the variable after the assignment."""
    shape, handle = sizes(rng, 1, 5), TensorSpec((), "resource")
    x, before, after = (tensor(shape, dtype) for _ in range(3))
    name = f"v{dtype}{rng.integers(1 << 31)}"
    return [
        OpSpec("VAR_HANDLE", [], [handle], "VarHandleOptions", {"SharedName": name}),
        OpSpec("READ_VARIABLE", [handle], [before]),
        OpSpec("ASSIGN_VARIABLE", [handle, x], []),
        OpSpec("READ_VARIABLE", [handle], [after]),
    ]


DTYPES = ("int8", "int16", "float32", "int32")
CASES = generated({"variable": (delayed, DTYPES)})


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_collected(request, tmp_path_factory, CASES, {})


@pytest.mark.parametrize("name", CASES)
def test_equals_tflm(results: dict[str, Result], name: str) -> None:
    results[name].check()
