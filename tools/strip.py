"""Removes from a .tflite what no interpreter reads: names, descriptions, metadata, empty buffers; used by quantize."""

from typing import Any

import flatbuffers
import numpy as np

from .oracle import signature

ALIGNMENT = 16  # of buffers, as the TFLite schema requires (Buffer.data, force_align)


def strip(tflite: bytes, name: str = "the model") -> bytes:
    """The same operators and constants in fewer bytes; outputs are equal to the last bit.

    Tensors, and with them layers, lose their names, except the model's inputs and outputs: keep the original if you
    need them. Subgraph and signature names, metadata, calibration ranges and unreferenced buffers are removed, too;
    equal buffers are merged. Stripping is idempotent. Raises ModelError when ``tflite`` is not a .tflite.
    """
    signature.read(tflite, name)
    from ai_edge_litert import schema_py_generated as schema

    with signature.damage(name):
        model = schema.ModelT.InitFromPackedBuf(tflite, 0)
        model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
        for graph in model.subgraphs:
            graph.name = None
            named = {*map(int, graph.inputs), *map(int, graph.outputs)}
            for index, tensor in enumerate(graph.tensors):
                if index not in named:
                    tensor.name = None
                if tensor.quantization is not None:
                    tensor.quantization.min = tensor.quantization.max = None
                    if tensor.quantization.scale is None and tensor.quantization.details is None:
                        tensor.quantization = None
        _keep_used_buffers(model, schema)
        builder = flatbuffers.Builder(len(tflite))
        builder.Finish(model.Pack(builder), file_identifier=signature.IDENTIFIER)
        return bytes(builder.Output())


def _keep_used_buffers(model: Any, schema: Any) -> None:
    """Keeps buffer 0 empty (by convention it means "no data"), and one buffer for each different constant."""

    class Aligned(schema.BufferT):  # type: ignore[misc]
        """Packs its data at a multiple of ALIGNMENT; the generated class does not align it."""

        def Pack(self, builder: Any) -> Any:
            content = self.data
            if content:
                builder.StartVector(1, len(content), ALIGNMENT)
                builder.head -= len(content)
                builder.Bytes[builder.head : builder.head + len(content)] = content
                packed = builder.EndVector()
            schema.BufferStart(builder)
            if content:
                schema.BufferAddData(builder, packed)
            return schema.BufferEnd(builder)

    kept: dict[bytes, int] = {b"": 0}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            buffer = model.buffers[tensor.buffer]
            if buffer.offset or buffer.size:
                raise ValueError("data outside the flatbuffer, as in files of over 2 GB")
            content = b"" if buffer.data is None else np.asarray(buffer.data, np.uint8).tobytes()
            tensor.buffer = kept.setdefault(content, len(kept))
    model.buffers = [Aligned(content) for content in kept]
