"""The firmware that was built is the one that runs, even if another kerf rebuilds the project meanwhile."""

from pathlib import Path

import pytest
from port_project import Silent, require

from tools import bench
from tools.pipeline import choose, places
from tools.pipeline.ready import ready
from tools.values import Request

FLATTEN = Path(__file__).parents[1] / "unit" / "flatten.tflite"


@pytest.mark.compiler
def test_a_firmware_that_is_built_anew_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require("g++")
    monkeypatch.setattr(places, "BUILD", tmp_path)
    with ready(choose(Request(str(FLATTEN), target="host")), Silent()) as device:
        built = device.built
        assert built is not None
        project, folder = built.image.project, built.rendered.directory
        assert folder is not None
        with places.locked(folder, Silent(), "building the same project"):  # it is free
            (folder / ".pio" / "build" / "host" / "firmware.elf").write_bytes(b"another one")
        with device.open() as transport:
            vectors = built.rendered.compiled.quantized.vectors
            run = bench.run(transport, vectors, project.model_sha256, len(project.op_labels), Silent())
        assert bench.compare(vectors, run.outputs) == ()
        assert built.image.elf.is_file()
    assert not built.image.elf.exists()
