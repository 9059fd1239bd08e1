// Copies bytes: reads or assigns a variable, or is a RESHAPE whose input and output cannot share memory.
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf {

struct CopyParams {
    int32_t bytes;
};

// The two may overlap. If they are the same, which the compiler can see, nothing is done.
inline void copy(const CopyParams& params, const void* input, void* output) {
    if (input != output) memmove(output, input, static_cast<size_t>(params.bytes));
}

}  // namespace kerf
