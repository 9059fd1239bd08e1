// CONCATENATION and PACK: tensors side by side along one dimension, for any type.
#pragma once

#include <cstdint>

#include "kernels/move.h"

namespace kerf {

//   rows         product of the dimensions in front of the axis
//   chunk_bytes  for each input, bytes of one row: its size along the axis times what lies behind it
template <int Inputs>
struct ConcatenationParams {
    int32_t rows;
    int32_t chunk_bytes[Inputs];
};

// Inputs have as many rows as the output and do not overlap with it; one tensor may come several times. Unit: see
// CopyRun().
// Must equal TFLM: reference_ops::Concatenation in reference/concatenation.h, PackImpl in micro/kernels/pack.cc.
template <int Unit, typename... Inputs>
inline void concatenation(const ConcatenationParams<sizeof...(Inputs)>& params, void* output, const Inputs*... inputs) {
    const void* const sources[] = {inputs...};
    uint8_t* next = static_cast<uint8_t*>(output);
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
