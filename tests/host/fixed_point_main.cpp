// Triples of int32 (x, multiplier, shift) on stdin; on stdout, for each, four int32:
// MultiplyByQuantizedMultiplier(x, multiplier, shift), SaturatingRoundingDoublingHighMul(x, multiplier),
// RoundingDivideByPowerOfTwo(x, |shift|) and NarrowHighMul(x / 2, multiplier modulo 2^30 + 2^30).
#include <cstdio>
#include <cstdlib>

#include "kernels/fixed_point.h"

int main() {
    int32_t in[3];
    while (std::fread(in, sizeof(in), 1, stdin) == 1) {
        const int32_t out[4] = {
            kerf::MultiplyByQuantizedMultiplier(in[0], in[1] & INT32_MAX, in[2]),
            kerf::SaturatingRoundingDoublingHighMul(in[0], in[1]),
            kerf::RoundingDivideByPowerOfTwo(in[0], std::abs(in[2])),
            kerf::NarrowHighMul(in[0] / 2, (static_cast<uint32_t>(in[1]) & 0x3fffffff) | 0x40000000),
        };
        std::fwrite(out, sizeof(out), 1, stdout);
    }
}
