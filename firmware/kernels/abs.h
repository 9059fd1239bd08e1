// ABS for int16. For int8 see table.h, for float32 functions.h.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

//   multiplier, shift  input scale / output scale
struct AbsInt16Params {
    int32_t count;
    int32_t multiplier;
    int32_t shift;
};

// Zero points are 0. The output may share the input's memory. Must equal TFLM: AbsEvalQuantized in
// micro/kernels/elementwise.cc.
inline void abs_int16(const AbsInt16Params& params, const int16_t* input, int16_t* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        const int32_t magnitude = input[i] < 0 ? -input[i] : input[i];
        output[i] = Saturate<int16_t>(MultiplyByQuantizedMultiplier(magnitude, params.multiplier, params.shift));
    }
}

}  // namespace kerf
