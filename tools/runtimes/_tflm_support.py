"""What TFLM can run, as data: operator x type x library, read in each library's own kernel sources.

A type is that of the data an operator works on: ``int8``, ``float32`` …, and ``int16x8`` for 16-bit activations, with
8-bit weights where there are weights. ``any`` stands for kernels that move elements without looking at them. What is
not listed TFLM refuses while it prepares the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# tensorflow/lite/micro/kernels of mid-2024, as Chirale_TensorFLowLite 2.0.0 carries it (with its cmsis_nn folder).
_MID_2024 = {
    "ABS": "float32 int8 int16x8",
    "ADD": "float32 int8 int16x8",
    "ADD_N": "float32 int8",
    "ARG_MAX": "float32 int8",
    "ARG_MIN": "float32 int8",
    "AVERAGE_POOL_2D": "float32 int8",
    "BATCH_TO_SPACE_ND": "float32 int8",
    "BROADCAST_ARGS": "int32 int64",
    "BROADCAST_TO": "any",
    "CAST": "float32 int8 int16x8 int32",
    "CEIL": "float32",
    "CONCATENATION": "float32 int8 int16x8 int32 int64 bool",
    "CONV_2D": "float32 int8 int16x8",
    "COS": "float32",
    "CUMSUM": "float32 int8",
    "DEPTHWISE_CONV_2D": "float32 int8 int16x8",
    "DEPTH_TO_SPACE": "float32 int8",
    "DEQUANTIZE": "int8 int16x8 uint8",
    "DIV": "float32 int8",
    "ELU": "float32 int8",
    "EQUAL": "float32 int8 int32 int64 bool",
    "EXP": "float32",
    "EXPAND_DIMS": "float32 int8 int32",
    "FILL": "any",
    "FLOOR": "float32",
    "FLOOR_DIV": "float32",
    "FLOOR_MOD": "float32",
    "FULLY_CONNECTED": "float32 int8 int16x8",
    "GATHER": "float32 int8",
    "GATHER_ND": "float32 int8",
    "GREATER": "float32 int8 int32 int64",
    "GREATER_EQUAL": "float32 int8 int32 int64",
    "HARD_SWISH": "float32 int8",
    "L2_NORMALIZATION": "float32 int8",
    "L2_POOL_2D": "float32",
    "LEAKY_RELU": "float32 int8 int16x8",
    "LESS": "float32 int8 int32 int64",
    "LESS_EQUAL": "float32 int8 int32 int64",
    "LOG": "float32",
    "LOGICAL_AND": "bool",
    "LOGICAL_NOT": "bool",
    "LOGICAL_OR": "bool",
    "LOGISTIC": "float32 int8 int16x8",
    "LOG_SOFTMAX": "float32 int8",
    "MAXIMUM": "float32 int8 int32 int64",
    "MAX_POOL_2D": "float32 int8",
    "MEAN": "float32 int8 int16x8",
    "MINIMUM": "float32 int8 int32 int64",
    "MIRROR_PAD": "float32 int8 int32 int64",
    "MUL": "float32 int8 int32",  # its int16 kernels get a multiplier that nobody has set
    "NEG": "float32",
    "NOT_EQUAL": "float32 int8 int32 int64 bool",
    "PACK": "float32 int8 int32 int64",
    "PAD": "float32 int8 int16x8 int32",
    "PADV2": "float32 int8 int16x8 int32",
    "PRELU": "float32 int8",
    "QUANTIZE": "float32 int8 int16x8 int32 uint8",
    "REDUCE_MAX": "float32 int8",
    "RELU": "float32 int8",
    "RELU6": "float32 int8",
    "RESHAPE": "any",
    "RESIZE_BILINEAR": "float32 int8",
    "RESIZE_NEAREST_NEIGHBOR": "float32 int8 int16x8",
    "ROUND": "float32",
    "RSQRT": "float32 int8 int16x8",
    "SELECT_V2": "float32 int8 int16x8",
    "SHAPE": "any",
    "SIN": "float32",
    "SLICE": "float32 int8 int16x8 int32",
    "SOFTMAX": "float32 int8 int16x8",
    "SPACE_TO_BATCH_ND": "float32 int8",
    "SPACE_TO_DEPTH": "float32 int8",
    "SPLIT": "float32 int8 int16x8 int32",
    "SPLIT_V": "float32 int8 int16x8 int32",
    "SQRT": "float32",
    "SQUARE": "float32",
    "SQUARED_DIFFERENCE": "float32 int8 int32",
    "SQUEEZE": "any",
    "STRIDED_SLICE": "float32 int8 int16x8 int32 bool",
    "SUB": "float32 int8 int16x8",
    "SUM": "float32 int8 int16x8",
    "TANH": "float32 int8 int16x8",
    "TRANSPOSE": "float32 int8",
    "TRANSPOSE_CONV": "float32 int8 int16x8",
    "UNPACK": "float32 int8 int32",
    "ZEROS_LIKE": "float32 int8 int32 int64",
}

# What had come by esp-tflite-micro 1.4.0 (with its esp_nn folder).
_BY_2025 = _MID_2024 | {
    "ADD": "float32 int8 int16x8 int32",
    "AVERAGE_POOL_2D": "float32 int8 int16x8",
    "BATCH_MATMUL": "float32 int8 int16x8",
    "CAST": "float32 int8 int16x8 int32 bool",
    "DYNAMIC_UPDATE_SLICE": "any",
    "EXPAND_DIMS": "float32 int8 int16x8 int32",
    "MAXIMUM": "float32 int8 int16x8 int32 int64",
    "MAX_POOL_2D": "float32 int8 int16x8",
    "MINIMUM": "float32 int8 int16x8 int32 int64",
    "MUL": "float32 int8 int16x8 int32",
    "PACK": "float32 int8 int16x8 int32 int64",
    "PRELU": "float32 int8 int16x8",
    "REDUCE_ALL": "bool",
    "REDUCE_MIN": "float32 int8",
    "RELU": "float32 int8 int16x8",
    "RELU6": "float32 int8 int16x8",
    "REVERSE_V2": "any",
    "SLICE": "float32 int8 int16x8 int32 bool",
    "SQUARED_DIFFERENCE": "float32 int8 int16x8 int32",
    "SUB": "float32 int8 int16x8 int32",
    "TRANSPOSE": "float32 int8 int16x8",
    "UNPACK": "float32 int8 int16x8 int32",
}

# Operators with a registration for one type alone, which keeps the other types' kernels out of the firmware (31 KB of
# them on a Cortex-M4). Where the library has none, its header makes these names the plain registration.
NARROW: Mapping[str, Mapping[str, str]] = {
    "ADD": {"int8": "INT8", "int16x8": "INT16"},
    "AVERAGE_POOL_2D": {"int8": "INT8"},
    "CONV_2D": {"int8": "INT8", "int16x8": "INT16"},
    "DEPTHWISE_CONV_2D": {"int8": "INT8", "int16x8": "INT16"},
    "FULLY_CONNECTED": {"int8": "INT8", "int16x8": "INT16"},
    "MAX_POOL_2D": {"int8": "INT8"},
    "MUL": {"int8": "INT8"},
    "SOFTMAX": {"int8": "INT8", "int16x8": "INT16"},
}
# Where an operator's data is, if not in input 0; its weights, if it has any.
DATA_INPUT = {"SELECT_V2": 1, "SPLIT": 1, "TRANSPOSE_CONV": 2}
WEIGHTS_INPUT = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1, "BATCH_MATMUL": 1}


@dataclass(frozen=True)
class Library:
    """A published TFLM.

    ``names`` are what its package is called where a user may name it: registry, repository, folder. ``debug_log`` says
    that the port must define DebugLog(). ``per_channel_dense`` says whether FULLY_CONNECTED uses one scale per channel
    of its weights; where not, it uses the first for all, and says nothing.
    """

    title: str
    names: tuple[str, ...]
    tflm: str
    kernels: Mapping[str, str]
    per_channel_dense: bool
    debug_log: bool

    def types(self, kind: str) -> tuple[str, ...]:
        """The types an operator has kernels for; () when the library does not have the operator."""
        return tuple(self.kernels.get(kind, "").split())


CHIRALE = Library(
    "Chirale_TensorFLowLite",
    ("chirale_tensorflowlite",),
    "TFLM of mid-2024",
    _MID_2024,
    per_channel_dense=False,
    debug_log=True,
)
ESPRESSIF = Library(
    "esp-tflite-micro",
    ("esp-tflite-micro",),
    "TFLM of 2025",
    _BY_2025,
    per_channel_dense=True,
    debug_log=False,
)
LIBRARIES = (CHIRALE, ESPRESSIF)
# The interpreter on this machine: a pre-release of 2026, with everything the published libraries have.
INTERPRETER = Library(
    "tflite-micro", ("tflite-micro",), "TFLM of 2026", _BY_2025, per_channel_dense=True, debug_log=False
)
# A library nobody here has read: what every TFLM since mid-2024 can do, and no more is relied on.
UNKNOWN = Library("another TFLM", (), "of an unknown age", _MID_2024, per_channel_dense=False, debug_log=True)

_WORDS = {"2D": "2D", "MATMUL": "MatMul", "CUMSUM": "CumSum", "PADV2": "PadV2"}


def adder(kind: str) -> str:
    """The name of MicroMutableOpResolver's method for an operator: CONV_2D → AddConv2D."""
    return "Add" + "".join(_WORDS.get(word, word.capitalize()) for word in kind.split("_"))
