// ARG_MAX and ARG_MIN: the index of the largest or smallest element along one dimension; of equal ones, the first.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"

namespace kerf {

//   outer, size, inner  the input is [outer][size][inner], the output [outer][inner]
struct ArgParams {
    int32_t outer;
    int32_t size;
    int32_t inner;
};

// Better is Greater or Less; NaN never wins a comparison. Must equal TFLM: reference_ops::ArgMinMax in
// reference/arg_min_max.h.
template <typename Better, typename T>
inline void arg(const ArgParams& params, const T* input, int32_t* output) {
    for (int32_t i = 0; i < params.outer; ++i) {
        for (int32_t j = 0; j < params.inner; ++j) {
            const T* next = input + j;
            T best = *next;
            int32_t position = 0;
            for (int32_t k = 1; k < params.size; ++k) {
                next += params.inner;
                if (Better()(*next, best)) {
                    best = *next;
                    position = k;
                }
            }
            *output++ = position;
        }
        input += params.size * params.inner;
    }
}

}  // namespace kerf
