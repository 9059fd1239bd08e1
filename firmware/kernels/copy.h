// The same bytes in the same order: a variable read or assigned, or a RESHAPE that cannot be one piece of memory.
#pragma once

#include <cstdint>
#include <cstring>

namespace kerf {

struct CopyParams {
    int32_t bytes;
};

// The two may overlap. At one address, which the compiler knows then, nothing is left to do.
inline void copy(const CopyParams& params, const void* input, void* output) {
    if (input != output) std::memmove(output, input, static_cast<size_t>(params.bytes));
}

}  // namespace kerf
