// CONCATENATION of up to ten tensors along one dimension, for any type.
#pragma once

#include <cstdint>
#include <cstring>

namespace kerf {

//   rows         product of the dimensions before the axis
//   chunk_bytes  for each input, bytes of one row: the product of its dimensions from the axis on
struct ConcatenationParams {
    int32_t rows;
    int32_t chunk_bytes[10];
};

// Inputs have as many rows as the output and do not overlap it; one tensor may be several inputs.
// Must equal TFLM: reference_ops::Concatenation in reference/concatenation.h.
template <typename... Inputs>
inline void concatenation(const ConcatenationParams& params, void* output, const Inputs*... inputs) {
    const void* const sources[] = {inputs...};
    uint8_t* next = static_cast<uint8_t*>(output);
    for (int32_t row = 0; row < params.rows; ++row) {
        const int32_t* bytes = params.chunk_bytes;
        for (const void* source : sources) {
            const size_t chunk = static_cast<size_t>(*bytes++);
            std::memcpy(next, static_cast<const uint8_t*>(source) + static_cast<size_t>(row) * chunk, chunk);
            next += chunk;
        }
    }
}

}  // namespace kerf
