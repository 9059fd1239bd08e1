// Functions of an int16 as tables of 513 values, one for every 128th argument, with linear interpolation.
#pragma once

#include <stdint.h>

namespace kerf {

// table[i] belongs to the argument (i - 256) * 128. Must equal TFLM: LUTLookup in tensorflow/lite/kernels/internal/
// common.h.
inline int32_t LookUp(int16_t argument, const int16_t* table) {
    table += 256 + (argument >> 7);
    const int32_t fraction = argument & 0x7f;
    const auto slope = static_cast<int16_t>(table[1] - table[0]);
    return table[0] + ((slope * fraction + 64) >> 7);
}

}  // namespace kerf
