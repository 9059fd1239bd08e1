// SVDF, portable: a dense layer over time, its filters factored into features of one input and weights of the last
// `memory` features. Must equal TFLM's EvalIntegerSvdfReference and EvalFloatSvdfReference in
// tensorflow/lite/micro/kernels/svdf_common.cc, summed in the same order.
//
//   input            [batches][input_depth]
//   weights_feature  [units * rank][input_depth]
//   weights_time     [units * rank][memory]
//   bias             [units], may be null
//   output           [batches][units]
//   state            [batches][units * rank][memory], oldest feature first; kept from one inference to the next
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/fixed_point.h"
#include "kernels/float_products.h"
#include "kernels/window.h"

namespace kerf {

// Sizes are at least 1. input_offset and state_offset are negated zero points, output_offset is the output's zero point
// (-128 … 127).
struct SvdfInt8Params {
    int32_t batches, input_depth, units, rank, memory;
    int32_t input_offset, state_offset, output_offset;
    int32_t feature_multiplier, feature_shift;
    int32_t output_multiplier, output_shift;
};

struct SvdfFloat32Params {
    int32_t batches, input_depth, units, rank, memory;
    float activation_min, activation_max;
};

namespace internal {

// feature(sum) turns a sum over the input into an element of the state, product(input, weight) is one of its terms.
// time_product(element, weight) is one term of a filter's sum over the state, start(unit) the initial value of the sum
// of a unit's filters, and finish(sum) turns that into an output.
template <typename Sum, typename Params, typename Input, typename State, typename Output, typename Product,
          typename Feature, typename TimeProduct, typename Start, typename Finish>
inline void Svdf(const Params& p, const Input* input, const Input* weights_feature, const State* weights_time,
                 Output* output, State* state, Product product, Feature feature, TimeProduct time_product, Start start,
                 Finish finish) {
    const int32_t filters = p.units * p.rank;
    const auto push = [&](State* row, Sum sum) {
        memmove(row, row + 1, static_cast<uint32_t>(p.memory - 1) * sizeof(State));
        row[p.memory - 1] = feature(sum);
    };
    for (int32_t batch = 0; batch < p.batches; ++batch, input += p.input_depth) {
        const Input* weights = weights_feature;
        State* row = state;
        int32_t filter = 0;
        for (; filter + 4 <= filters; filter += 4, weights += 4 * p.input_depth) {
            Sum sums[4] = {};
            AddProductsToFour(sums, input, weights, p.input_depth, p.input_depth, product);
            for (const Sum sum : sums) {
                push(row, sum);
                row += p.memory;
            }
        }
        for (; filter < filters; ++filter, weights += p.input_depth, row += p.memory) {
            push(row, AddProducts(Sum{}, input, weights, p.input_depth, product));
        }
        const State* time = weights_time;
        for (int32_t unit = 0; unit < p.units; ++unit) {
            Sum sum = start(unit);
            for (int32_t i = 0; i < p.rank; ++i, state += p.memory, time += p.memory) {
                sum += AddProducts(Sum{}, state, time, p.memory, time_product);
            }
            *output++ = finish(sum);
        }
    }
}

template <typename State>
inline void SvdfInt8(const SvdfInt8Params& p, const int8_t* input, const int8_t* weights_feature,
                     const State* weights_time, const int32_t* bias, int8_t* output, State* state) {
    Svdf<uint32_t>(
        p, input, weights_feature, weights_time, output, state,
        [offset = p.input_offset](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in + offset)); },
        [&p](uint32_t sum) {
            const int32_t scaled =
                MultiplyByQuantizedMultiplier(static_cast<int32_t>(sum), p.feature_multiplier, p.feature_shift);
            // The zero point is added after the limits have been applied, and the sum wraps around.
            return static_cast<State>(static_cast<uint32_t>(Saturate<State>(scaled) - p.state_offset));
        },
        [offset = p.state_offset](int32_t element, int32_t weight) {
            return static_cast<uint32_t>(weight * (element + offset));
        },
        [bias](int32_t unit) { return bias != nullptr ? static_cast<uint32_t>(bias[unit]) : uint32_t{0}; },
        [&p](uint32_t sum) {
            return RequantizeToInt8(sum, 0, p.output_multiplier, p.output_shift, p.output_offset, -128, 127);
        });
}

}  // namespace internal

inline void svdf_int8(const SvdfInt8Params& p, const int8_t* input, const int8_t* weights_feature,
                      const int8_t* weights_time, const int32_t* bias, int8_t* output, int8_t* state) {
    internal::SvdfInt8(p, input, weights_feature, weights_time, bias, output, state);
}

// The state is int16, and so are the weights of time.
inline void svdf_int8_int16(const SvdfInt8Params& p, const int8_t* input, const int8_t* weights_feature,
                            const int16_t* weights_time, const int32_t* bias, int8_t* output, int16_t* state) {
    internal::SvdfInt8(p, input, weights_feature, weights_time, bias, output, state);
}

inline void svdf_float32(const SvdfFloat32Params& p, const float* input, const float* weights_feature,
                         const float* weights_time, const float* bias, float* output, float* state) {
    internal::Svdf<float>(
        p, input, weights_feature, weights_time, output, state, FloatProduct(), [](float sum) { return sum; },
        FloatProduct(), [bias](int32_t unit) { return bias != nullptr ? bias[unit] : 0.0f; },
        [&p](float sum) { return Clamp(sum, p.activation_min, p.activation_max); });
}

}  // namespace kerf
