// Triples of int32 (x, multiplier, shift) on stdin; on stdout, for each, three int32:
// MultiplyByQuantizedMultiplier(x, multiplier, shift), SaturatingRoundingDoublingHighMul(x, multiplier) and
// RoundingDivideByPowerOfTwo(x, |shift|).
#include <cstdio>
#include <cstdlib>

#include "kernels/fixed_point.h"

int main() {
    int32_t in[3];
    while (std::fread(in, sizeof(in), 1, stdin) == 1) {
        const int32_t out[3] = {
            kerf::MultiplyByQuantizedMultiplier(in[0], in[1] & INT32_MAX, in[2]),
            kerf::SaturatingRoundingDoublingHighMul(in[0], in[1]),
            kerf::RoundingDivideByPowerOfTwo(in[0], std::abs(in[2])),
        };
        std::fwrite(out, sizeof(out), 1, stdout);
    }
}
