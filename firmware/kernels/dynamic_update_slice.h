// DYNAMIC_UPDATE_SLICE: a tensor with one slice replaced, at a position that may be computed, for any type.
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf {

//   bytes   of the tensor
//   last    the last position of the slice in each dimension; positions are clamped to 0 … last
//   counts  sizes of the slice
//   steps   bytes from one position of each dimension to the next, in the tensor
template <int Rank>
struct DynamicUpdateSliceParams {
    int32_t bytes;
    int32_t last[Rank];
    int32_t counts[Rank];
    int32_t steps[Rank];
};

namespace internal {

template <int Dimension, int Rank>
inline const uint8_t* UpdateSlice(const DynamicUpdateSliceParams<Rank>& p, const uint8_t* update, uint8_t* output) {
    if constexpr (Dimension == Rank - 1) {
        const int32_t run = p.counts[Dimension] * p.steps[Dimension];
        memmove(output, update, static_cast<size_t>(run));
        return update + run;
    } else {
        for (int32_t i = 0; i < p.counts[Dimension]; ++i) {
            update = UpdateSlice<Dimension + 1>(p, update, output + i * p.steps[Dimension]);
        }
        return update;
    }
}

}  // namespace internal

// The output has the shape of `input` and may have the same address. Must equal TFLM:
// micro/kernels/dynamic_update_slice.cc.
template <int Rank, typename Index>
inline void dynamic_update_slice(const DynamicUpdateSliceParams<Rank>& p, const void* input, const void* update,
                                 const Index* positions, void* output) {
    if (input != output) memmove(output, input, static_cast<size_t>(p.bytes));
    auto* to = static_cast<uint8_t*>(output);
    for (int32_t d = 0; d < Rank; ++d) {
        const Index at = positions[d];
        to += (at < 0 ? 0 : at > p.last[d] ? p.last[d] : static_cast<int32_t>(at)) * p.steps[d];
    }
    internal::UpdateSlice<0>(p, static_cast<const uint8_t*>(update), to);
}

}  // namespace kerf
