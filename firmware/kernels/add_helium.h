// ADD of two int8 tensors of the same shape for cores with Helium. Must equal add_int8() of add.h.
//
// The common scale is twice the larger one, so the operand with the larger scale only needs a shift.
#pragma once

#include <stdint.h>

#include "kernels/helium.h"

namespace kerf {

//   count                      elements
//   coarse_offset              of the operand with the larger scale: its negated zero point
//   fine_offset                of the other operand, likewise
//   …_multiplier, …_shift      see MultiplyByQuantizedMultiplier: fine_shift -31 … 0, output_shift -31 … -1
//   output_min, output_max     the fused activation, within int8
struct AddInt8HeliumParams {
    int32_t count;
    int32_t coarse_offset, fine_offset;
    int32_t fine_multiplier, fine_shift;
    int32_t output_multiplier, output_shift, output_zero_point;
    int32_t output_min, output_max;
};

namespace helium {

// Four of eight elements, already multiplied by 2^3 (coarse) and 2^4 (fine).
template <bool kNegatives, bool kFineNegatives>
inline int32x4_t AddFour(const AddInt8HeliumParams& p, int32x4_t coarse, int32x4_t fine) {
    const int32x4_t scaled = Scale<kFineNegatives>(fine, p.fine_multiplier, p.fine_shift);
    return Scale<kNegatives>(vaddq_s32(coarse, scaled), p.output_multiplier, p.output_shift);
}

template <bool kNegatives, bool kFineNegatives>
inline int16x8_t AddEight(const AddInt8HeliumParams& p, int16x8_t coarse, int16x8_t fine) {
    const int16x8_t a = vshlq_n_s16(vaddq_n_s16(coarse, static_cast<int16_t>(p.coarse_offset)), 3);
    const int16x8_t b = vshlq_n_s16(vaddq_n_s16(fine, static_cast<int16_t>(p.fine_offset)), 4);
    const int32x4_t even = AddFour<kNegatives, kFineNegatives>(p, vshllbq_n_s16(a, 16), vshllbq_n_s16(b, 16));
    const int32x4_t odd = AddFour<kNegatives, kFineNegatives>(p, vshlltq_n_s16(a, 16), vshlltq_n_s16(b, 16));
    return ToInt8(even, odd, p.output_zero_point);
}

template <bool kNegatives, bool kFineNegatives>
[[gnu::noinline]] void AddInt8(const AddInt8HeliumParams& params, const int8_t* coarse, const int8_t* fine,
                               int8_t* output) {
    const AddInt8HeliumParams p = params;  // the output might overwrite what is referred to
    int32_t left = p.count;
    for (; left >= 8; left -= 8, coarse += 8, fine += 8, output += 8) {
        const int16x8_t sums = AddEight<kNegatives, kFineNegatives>(p, vldrbq_s16(coarse), vldrbq_s16(fine));
        vstrbq_s16(output, sums);
    }
    const mve_pred16_t some = vctp16q(static_cast<uint32_t>(left));
    const int16x8_t a = vldrbq_z_s16(coarse, some), b = vldrbq_z_s16(fine, some);
    const int16x8_t sums = AddEight<kNegatives, kFineNegatives>(p, a, b);
    vstrbq_p_s16(output, sums, some);
}

}  // namespace helium

// The output may share its memory with either operand.
template <const AddInt8HeliumParams& p>
inline void add_int8_helium(const int8_t* coarse, const int8_t* fine, int8_t* output) {
    helium::AddInt8<(p.output_min != p.output_zero_point), (p.fine_shift < 0)>(p, coarse, fine, output);
    if (helium::NarrowerThanInt8(p.output_min, p.output_max)) {
        helium::ClampAll(output, p.count, p.output_min, p.output_max);
    }
}

}  // namespace kerf
