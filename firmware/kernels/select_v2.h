// SELECT_V2: elements of one tensor where a condition is true, else of another, with broadcasting, for any type.
//
// The output is dense. It may share the memory of an operand with as many elements.
#pragma once

#include <stdint.h>

namespace kerf {

// As in broadcast.h, for three operands: five loops, outermost first, and the strides of each operand in elements.
struct SelectParams {
    int32_t shape[5];
    int32_t condition_strides[5];
    int32_t true_strides[5];
    int32_t false_strides[5];
};

// Must equal TFLM: reference_ops::Select and BroadcastSelect5DSlow in reference/select.h.
template <typename T>
inline void select_v2(const SelectParams& p, const bool* condition, const T* if_true, const T* if_false, T* output) {
    const auto place = [](const int32_t (&strides)[5], int32_t i, int32_t j, int32_t k, int32_t l) {
        return i * strides[0] + j * strides[1] + k * strides[2] + l * strides[3];
    };
    for (int32_t i = 0; i < p.shape[0]; ++i) {
        for (int32_t j = 0; j < p.shape[1]; ++j) {
            for (int32_t k = 0; k < p.shape[2]; ++k) {
                for (int32_t l = 0; l < p.shape[3]; ++l) {
                    const bool* which = condition + place(p.condition_strides, i, j, k, l);
                    const T* a = if_true + place(p.true_strides, i, j, k, l);
                    const T* b = if_false + place(p.false_strides, i, j, k, l);
                    for (int32_t m = 0; m < p.shape[4]; ++m) {
                        *output++ = *which ? *a : *b;
                        which += p.condition_strides[4];
                        a += p.true_strides[4];
                        b += p.false_strides[4];
                    }
                }
            }
        }
    }
}

}  // namespace kerf
