// FULLY_CONNECTED of int8 for cores with Helium. Must equal fully_connected_int8() of fully_connected.h.
//
// Multiplies four rows of weights at a time by a row of the input, 16 elements at once.
#pragma once

#include <stdint.h>

#include "kernels/fully_connected.h"
#include "kernels/helium.h"

namespace kerf {

namespace helium {

template <bool kNegatives>
inline void FullyConnectedInt8(const FullyConnectedInt8Params& p, const int8_t* input, const int8_t* packed,
                               int8_t* scratch, int8_t* output) {
    const int32_t chunks = Chunks(p.input_depth);
    for (int32_t batch = 0; batch < p.batches; ++batch, input += p.input_depth) {
        CopyRun(input, p.input_depth, scratch);  // weights beyond the end are 0
        const int8_t* from = packed;
        for (int32_t left = p.output_depth; left > 0; left -= 4) {
            const int32x4_t sums = SumsOfRow(scratch, from, chunks);
            const int32x4_t scaled = Scale<kNegatives>(sums, reinterpret_cast<const int32_t*>(from));
            const auto moved = vaddq_n_s32(scaled, p.output_offset);
            const auto limited =
                vminq_s32(vmaxq_s32(moved, vdupq_n_s32(p.activation_min)), vdupq_n_s32(p.activation_max));
            vstrbq_p_s32(output, limited, vctp32q(static_cast<uint32_t>(left)));
            from += 12 * sizeof(int32_t);
            output += left < 4 ? left : 4;
        }
    }
}

}  // namespace helium

template <const FullyConnectedInt8Params& p>
constexpr int32_t fully_connected_int8_helium_scratch_bytes() {
    return helium::kLanes * helium::Chunks(p.input_depth);
}

//   p        a filter_offset of 0
//   packed   for every four channels: [chunks][4][16] weights, biases, multipliers and shifts
//   scratch  fully_connected_int8_helium_scratch_bytes()
//   output   may begin below the input and overlap it, unless that overwrites a row that has not been read
template <const FullyConnectedInt8Params& p>
inline void fully_connected_int8_helium(const int8_t* input, const int8_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.filter_offset == 0);
    helium::FullyConnectedInt8<(p.activation_min != p.output_offset)>(p, input, packed,
                                                                      reinterpret_cast<int8_t*>(scratch), output);
}

}  // namespace kerf
