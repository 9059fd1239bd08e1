// PAD and PADV2: a border of one value around a tensor.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"

namespace kerf {

// Five dimensions, outermost first, the leading ones of size 1 if unused. A dimension without padding is merged with
// the next outer one, so that the innermost row of NHWC images with padded H and W is W * C.
//   before, after  elements of padding on each side, not negative
//   value          of the padding
template <typename T>
struct PadParams {
    int32_t input_shape[5];
    int32_t before[5];
    int32_t after[5];
    T value;
};

template <typename T>
inline T* Fill(T* output, int32_t count, T value) {
    for (int32_t i = 0; i < count; ++i) *output++ = value;
    return output;
}

// Input and output do not overlap.
// Must equal TFLM: reference_ops::Pad and PadImageStyle in reference/pad.h.
template <typename T>
inline void pad(const PadParams<T>& params, const T* input, T* output) {
    int32_t size[5];
    for (int d = 0; d < 5; ++d) size[d] = params.before[d] + params.input_shape[d] + params.after[d];
    const auto inside = [&params](int d, int32_t index) {
        return index >= params.before[d] && index < params.before[d] + params.input_shape[d];
    };
    for (int32_t i0 = 0; i0 < size[0]; ++i0) {
        for (int32_t i1 = 0; i1 < size[1]; ++i1) {
            for (int32_t i2 = 0; i2 < size[2]; ++i2) {
                for (int32_t i3 = 0; i3 < size[3]; ++i3) {
                    if (!inside(0, i0) || !inside(1, i1) || !inside(2, i2) || !inside(3, i3)) {
                        output = Fill(output, size[4], params.value);
                        continue;
                    }
                    output = Fill(output, params.before[4], params.value);
                    memcpy(output, input, static_cast<size_t>(params.input_shape[4]) * sizeof(T));
                    input += params.input_shape[4];
                    output = Fill(output + params.input_shape[4], params.after[4], params.value);
                }
            }
        }
    }
}

}  // namespace kerf
