// STRIDED_SLICE: elements at regular distances, for any type.
//
// The output is written from front to back. It may share memory with the input as long as writes never overtake reads.
#pragma once

#include <cstdint>
#include <cstring>

namespace kerf {

// All in bytes: the offset of the first element, four nested loops, outermost first, and how many contiguous bytes the
// innermost copies each time. Steps may be negative.
struct StridedSliceParams {
    int32_t first;
    int32_t counts[4];
    int32_t steps[4];
    int32_t run;
};

inline void strided_slice(const StridedSliceParams& p, const void* input, void* output) {
    const auto* const first = static_cast<const uint8_t*>(input) + p.first;
    auto* to = static_cast<uint8_t*>(output);
    for (int32_t i = 0; i < p.counts[0]; ++i) {
        for (int32_t j = 0; j < p.counts[1]; ++j) {
            for (int32_t k = 0; k < p.counts[2]; ++k) {
                const uint8_t* from = first + i * p.steps[0] + j * p.steps[1] + k * p.steps[2];
                for (int32_t l = 0; l < p.counts[3]; ++l) {
                    std::memmove(to, from, static_cast<size_t>(p.run));
                    from += p.steps[3];
                    to += p.run;
                }
            }
        }
    }
}

}  // namespace kerf
