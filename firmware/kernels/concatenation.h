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

// Inputs have as many rows as the output and do not overlap it; one tensor may be several inputs. Unit: see CopyRun().
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
