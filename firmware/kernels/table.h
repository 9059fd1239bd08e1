// Functions of one 8-bit element, as a table of all 256 results, which kerf computes at compile time: exact, about as
// small as the code it replaces, and only a few instructions per element.
#pragma once

#include <stdint.h>

namespace kerf {

struct TableParams {
    int32_t count;
};

// `table[i]` is the output for the input i - 128. The output may share the input's memory.
inline void table_int8(const TableParams& params, const int8_t* input, const int8_t* table, int8_t* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = table[input[i] + 128];
}

// `table[i]` is the output for the input i.
inline void table_uint8(const TableParams& params, const uint8_t* input, const uint8_t* table, uint8_t* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = table[input[i]];
}

}  // namespace kerf
