"""The descriptor of a rendered model, for every runtime: the values of templates/common/descriptor.cpp.j2."""

from collections.abc import Mapping
from typing import Any

from .. import __version__, cpp_text
from ..graph.ir import DType, Graph, Tensor
from ..graph.state import keeps_state

# Benchmark ids of the MLPerf Tiny runner.
MLPERF_IDS = {"kws": "kws01", "ic": "ic01", "vww": "vww01", "ad": "ad01"}
# The data types that the runner sends for them; for all other models it sends the input tensor's own bytes.
DB_ENCODINGS = {"ic": "kUint8ToInt8", "vww": "kUint8ToInt8", "ad": "kFloat32"}

_MODEL_DTYPES = {
    DType.FLOAT32: "kFloat32",
    DType.FLOAT16: "kFloat16",
    DType.INT8: "kInt8",
    DType.UINT8: "kUint8",
    DType.INT16: "kInt16",
    DType.INT32: "kInt32",
    DType.INT64: "kInt64",
    DType.BOOL: "kBool",
}


def values(graph: Graph, *, mode: str, runtime: str, kernels: str, arena_bytes: int, op_count: int) -> dict[str, Any]:
    """Template values of the header comment and of kerf::model::kDescriptor."""
    sha256 = [f"0x{byte:02x}" for byte in bytes.fromhex(graph.sha256)]
    return {
        "version": __version__,
        "model_comment": cpp_text.comment(graph.name),
        "model_bytes": graph.model_bytes,
        "sha256": graph.sha256,
        "options": f"--mode {mode} --runtime {runtime}",
        "descriptor": {
            "sha256": [", ".join(sha256[i : i + 16]) + "," for i in (0, 16)],
            "name": cpp_text.string_literal(graph.name),
            "mlperf_id": cpp_text.string_literal(MLPERF_IDS.get(graph.name, graph.name)),
            "runtime": cpp_text.string_literal(runtime),
            "kernels": cpp_text.string_literal(kernels),
            "db_encoding": DB_ENCODINGS.get(graph.name, "kAsIs"),
            "input_count": len(graph.inputs),
            "output_count": len(graph.outputs),
            "op_count": op_count,
            "arena_bytes": arena_bytes,
            "keeps_state": cpp_text.value(keeps_state(graph)),
        },
    }


def quantization(tensor: Tensor) -> Mapping[str, str]:
    """dtype, scale and zero_point of a model input or output as C++ text; 1 and 0 if it is not quantized."""
    per_tensor = tensor.quantization is not None and not tensor.quantization.per_channel
    return {
        "dtype": _MODEL_DTYPES[tensor.dtype],
        "scale": cpp_text.float32(tensor.scale if per_tensor else 1.0),
        "zero_point": cpp_text.integer(tensor.zero_point if per_tensor else 0),
    }
