// GATHER, GATHER_ND and EMBEDDING_LOOKUP: slices of a tensor at positions that may be computed, for any type.
//
// A position outside the tensor, on which interpreters fail, is clamped to the nearest one inside.
#pragma once

#include <stdint.h>

#include "kernels/move.h"

namespace kerf {

//   batches  product of the dimensions that tensor and positions share
//   outer    product of the other dimensions before the axis
//   size     of the axis
//   picked   positions per batch
//   run      bytes of a slice: the dimensions after the axis
struct GatherParams {
    int32_t batches, outer, size, picked, run;
};

// input [batches][outer][size][run], positions [batches][picked], output [batches][outer][picked][run]; input and
// output do not overlap. Unit: see CopyRun(). Must equal TFLM: Gather in micro/kernels/gather.cc.
template <int Unit, typename Index>
inline void gather(const GatherParams& p, const void* input, const Index* positions, void* output) {
    const auto* from = static_cast<const uint8_t*>(input);
    auto* to = static_cast<uint8_t*>(output);
    const int32_t last = p.size - 1;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t i = 0; i < p.outer; ++i) {
            for (int32_t j = 0; j < p.picked; ++j) {
                const Index position = positions[j];
                const int32_t inside = position < 0 ? 0 : position > last ? last : static_cast<int32_t>(position);
                CopyRun<Unit>(to, from + inside * p.run, p.run);
                to += p.run;
            }
            from += p.size * p.run;
        }
        positions += p.picked;
    }
}

//   picked  number of positions
//   Depth   number of outermost dimensions that a position indexes
//   sizes   of these dimensions
//   steps   bytes from one index of each to the next
//   run     bytes of a slice: the dimensions after these
template <int Depth>
struct GatherNdParams {
    int32_t picked;
    int32_t sizes[Depth];
    int32_t steps[Depth];
    int32_t run;
};

// positions [picked][Depth], output [picked][run]. Must equal TFLM: GatherNd in micro/kernels/gather_nd.cc.
template <int Unit, int Depth, typename Index>
inline void gather_nd(const GatherNdParams<Depth>& p, const void* input, const Index* positions, void* output) {
    auto* to = static_cast<uint8_t*>(output);
    for (int32_t i = 0; i < p.picked; ++i) {
        const auto* from = static_cast<const uint8_t*>(input);
        for (int32_t d = 0; d < Depth; ++d) {
            const Index position = *positions++;
            const int32_t last = p.sizes[d] - 1;
            from += (position < 0 ? 0 : position > last ? last : static_cast<int32_t>(position)) * p.steps[d];
        }
        CopyRun<Unit>(to, from, p.run);
        to += p.run;
    }
}

//   size    rows of the table
//   picked  number of positions
//   depth   elements of a row
struct EmbeddingLookupParams {
    int32_t size, picked, depth;
    float scale;
};

// Symmetrically quantized int8 rows, converted to float32. Must equal TFLM: EvalHybrid in
// micro/kernels/embedding_lookup.cc.
inline void embedding_lookup_int8_float32(const EmbeddingLookupParams& p, const int8_t* table, const int32_t* positions,
                                          float* output) {
    for (int32_t i = 0; i < p.picked; ++i) {
        const int32_t position = positions[i];
        const int8_t* row = table + (position < 0 ? 0 : position >= p.size ? p.size - 1 : position) * p.depth;
        for (int32_t j = 0; j < p.depth; ++j) *output++ = p.scale * static_cast<float>(row[j]);
    }
}

}  // namespace kerf
