// CONCATENATION and PACK: tensors joined along one dimension, for any type.
#pragma once

#include <stdint.h>

#include "kernels/move.h"

namespace kerf {

//   rows         product of the dimensions before the axis
//   chunk_bytes  for each input, bytes of one row: the product of its dimensions from the axis on
template <int Inputs>
struct ConcatenationParams {
    int32_t rows;
    int32_t chunk_bytes[Inputs];
};

namespace internal {

// One chunk of each input, one after the other.
template <int Unit, typename Input, typename... Inputs>
inline void JoinRow(const int32_t* chunk_bytes, int32_t row, uint8_t* output, const Input* input,
                    const Inputs*... inputs) {
    CopyRun<Unit>(output, reinterpret_cast<const uint8_t*>(input) + row * *chunk_bytes, *chunk_bytes);
    if constexpr (sizeof...(inputs) > 0) JoinRow<Unit>(chunk_bytes + 1, row, output + *chunk_bytes, inputs...);
}

}  // namespace internal

// Inputs have as many rows as the output and do not overlap it; one tensor may be several inputs. Unit: see CopyRun().
// Must equal TFLM: reference_ops::Concatenation in reference/concatenation.h, PackImpl in micro/kernels/pack.cc.
template <int Unit, typename... Inputs>
inline void concatenation(const ConcatenationParams<sizeof...(Inputs)>& params, void* output, const Inputs*... inputs) {
    uint8_t* next = static_cast<uint8_t*>(output);
    if constexpr (sizeof...(inputs) <= kUnrolledParts) {
        int32_t bytes = 0;
        for (const int32_t chunk : params.chunk_bytes) bytes += chunk;
        for (int32_t row = 0; row < params.rows; ++row, next += bytes) {
            internal::JoinRow<Unit>(params.chunk_bytes, row, next, inputs...);
        }
        return;
    }
    const void* const sources[] = {inputs...};
    for (int32_t row = 0; row < params.rows; ++row) {
        const int32_t* bytes = params.chunk_bytes;
        for (const void* source : sources) {
            const int32_t chunk = *bytes++;
            CopyRun<Unit>(next, static_cast<const uint8_t*>(source) + row * chunk, chunk);
            next += chunk;
        }
    }
}

}  // namespace kerf
