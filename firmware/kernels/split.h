// SPLIT, SPLIT_V and UNPACK: a tensor split along one dimension, for any type.
#pragma once

#include <stdint.h>

#include "kernels/move.h"

namespace kerf {

//   rows         product of the dimensions before the axis
//   chunk_bytes  for each output, bytes of one row: the product of its dimensions from the axis on
template <int Outputs>
struct SplitParams {
    int32_t rows;
    int32_t chunk_bytes[Outputs];
};

namespace internal {

// One chunk of each output.
template <int Unit, typename Output, typename... Outputs>
inline void SplitRow(const int32_t* chunk_bytes, int32_t row, const uint8_t* input, Output* output,
                     Outputs*... outputs) {
    CopyRun<Unit>(reinterpret_cast<uint8_t*>(output) + row * *chunk_bytes, input, *chunk_bytes);
    if constexpr (sizeof...(outputs) > 0) SplitRow<Unit>(chunk_bytes + 1, row, input + *chunk_bytes, outputs...);
}

}  // namespace internal

// Outputs have as many rows as the input and do not overlap it. Unit: see CopyRun().
// Must equal TFLM: SplitImpl in micro/kernels/split.cc and split_v.cc, UnpackImpl in unpack.cc.
template <int Unit, typename... Outputs>
inline void split(const SplitParams<sizeof...(Outputs)>& params, const void* input, Outputs*... outputs) {
    const uint8_t* next = static_cast<const uint8_t*>(input);
    if constexpr (sizeof...(outputs) <= kUnrolledParts) {
        int32_t bytes = 0;
        for (const int32_t chunk : params.chunk_bytes) bytes += chunk;
        for (int32_t row = 0; row < params.rows; ++row, next += bytes) {
            internal::SplitRow<Unit>(params.chunk_bytes, row, next, outputs...);
        }
        return;
    }
    void* const parts[] = {outputs...};
    for (int32_t row = 0; row < params.rows; ++row) {
        const int32_t* bytes = params.chunk_bytes;
        for (void* part : parts) {
            const int32_t chunk = *bytes++;
            CopyRun<Unit>(static_cast<uint8_t*>(part) + row * chunk, next, chunk);
            next += chunk;
        }
    }
}

}  // namespace kerf
