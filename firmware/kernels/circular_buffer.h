// CIRCULAR_BUFFER of TFLM, a custom operator: the last `slots` inputs, the oldest first. The output keeps its contents
// from one inference to the next. Must equal EvalInt8 in tensorflow/lite/micro/kernels/circular_buffer.cc.
//
//   input   [depth]
//   output  [slots][depth]
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf {

// Sizes are at least 1.
struct CircularBufferParams {
    int32_t slots, depth;
};

inline void circular_buffer_int8(const CircularBufferParams& p, const int8_t* input, int8_t* output) {
    const auto kept = static_cast<uint32_t>((p.slots - 1) * p.depth), added = static_cast<uint32_t>(p.depth);
    memmove(output, output + added, kept);
    memcpy(output + kept, input, added);
}

}  // namespace kerf
