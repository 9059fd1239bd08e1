// L2_POOL_2D, portable: the root mean square of a sliding window. Must equal L2Pool in TFLM's
// tensorflow/lite/kernels/internal/reference/pooling.h, summed in the same order. Layouts and params: pool_2d.h.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/pool_2d.h"

namespace kerf {

template <const Pool2DFloat32Params& p>
inline void l2_pool_2d_float32(const float* input, float* output) {
    internal::Pool2D(
        p, input, output, 0.0f, [](float sum, float element) { return sum + element * element; },
        [](float sum, int32_t count) {
            return Clamp(sqrtf(sum / static_cast<float>(count)), p.activation_min, p.activation_max);
        });
}

}  // namespace kerf
