// BROADCAST_ARGS: the shape to which tensors of two shapes broadcast.
#pragma once

#include <stdint.h>

namespace kerf {

// Numbers of dimensions; the result has as many as the longer shape.
struct BroadcastArgsParams {
    int32_t first_count, second_count, count;
};

// For shapes that do not broadcast, on which interpreters fail, the first shape wins. Must equal TFLM: BroadcastArgs in
// reference/broadcast_args.h.
template <typename T>
inline void broadcast_args(const BroadcastArgsParams& p, const T* first, const T* second, T* output) {
    for (int32_t i = 0; i < p.count; ++i) {
        const int32_t in_first = i - (p.count - p.first_count), in_second = i - (p.count - p.second_count);
        const T a = in_first < 0 ? T{1} : first[in_first];
        const T b = in_second < 0 ? T{1} : second[in_second];
        output[i] = a == 1 ? b : a;
    }
}

}  // namespace kerf
