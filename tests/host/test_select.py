"""SELECT, which TFLM does not have: kerf's kernel equals LiteRT's, case by case."""

import pytest
from against_tflm import Result, collected, run_cases, run_litert
from cases import activation
from single_op import OpSpec, TensorSpec

pytestmark = [pytest.mark.compiler, pytest.mark.sampled(one_in=3)]

SHAPES = [(1,), (7,), (2, 5), (1, 3, 4, 5), (2, 1, 3, 2, 2)]
ROWS = [((n,), (n, *rest)) for n in (1, 2, 5) for rest in ((1,), (4,), (2, 3), (3, 1, 2))]


def selected(condition: tuple[int, ...], shape: tuple[int, ...], dtype: str) -> list[OpSpec]:
    if dtype == "int32":
        choices = [TensorSpec(shape, "int32", below=100) for _ in range(2)]
        output = TensorSpec(shape, "int32")
    else:
        choices, output = [activation(shape, dtype, 0.1) for _ in range(2)], activation(shape, dtype, 0.1)
    return [OpSpec("SELECT", [TensorSpec(condition, "bool"), *choices], [output], "SelectOptions", {})]


LITERT_CASES = {
    f"SELECT {dtype} {condition} {shape}": selected(condition, shape, dtype)
    for dtype in ("int8", "int16", "float32", "int32")
    for condition, shape in [*((shape, shape) for shape in SHAPES), *ROWS]
}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return run_cases(collected(request, LITERT_CASES), tmp_path_factory.mktemp("select"), oracle=run_litert)


@pytest.mark.parametrize("name", LITERT_CASES)
def test_equals_litert(results: dict[str, Result], name: str) -> None:
    results[name].check()
