// Sliding windows and sums over them, as shared by CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and the pools.
//
// Sums of int8 products are uint32_t: addition modulo 2^32 gives the same numbers as TFLM's int32_t accumulators, and
// stays defined when a bias makes them overflow. Floats are added one by one, in TFLM's order.
#pragma once

#include <algorithm>
#include <cstdint>

namespace kerf {

// The taps of a filter axis that fall inside the input: first … last - 1, none if first >= last.
struct TapRange {
    int32_t first, last;
};

// For a window whose first tap lies at `origin`, which is negative inside the padding.
inline TapRange TapsInside(int32_t origin, int32_t input_size, int32_t filter_size, int32_t dilation) {
    if (origin >= 0 && origin + (filter_size - 1) * dilation < input_size) return {0, filter_size};
    const int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t last = origin < input_size ? (input_size - origin + dilation - 1) / dilation : 0;
    return {first, std::min(last, filter_size)};
}

// sum + product(input[0], filter[0]) + product(input[1], filter[1]) + …, `count` products, added in this order.
// Weights, here and below, walks over a filter: a pointer, or a class of weights.h.
template <typename Sum, typename Input, typename Weights, typename Product>
inline Sum AddProducts(Sum sum, const Input* input, Weights filter, int32_t count, Product product) {
    for (; count >= 4; count -= 4) {
        sum += product(input[0], filter[0]);
        sum += product(input[1], filter[1]);
        sum += product(input[2], filter[2]);
        sum += product(input[3], filter[3]);
        input += 4;
        filter += 4;
    }
    for (; count > 0; --count) sum += product(*input++, *filter++);
    return sum;
}

// Four sums at once over the same input, with filters that are `filter_step` elements apart.
template <typename Sum, typename Input, typename Weights, typename Product>
inline void AddProductsToFour(Sum (&sums)[4], const Input* input, Weights filter, int32_t filter_step, int32_t count,
                              Product product) {
    Sum sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    Weights filter1 = filter + filter_step;
    Weights filter2 = filter1 + filter_step;
    Weights filter3 = filter2 + filter_step;
    for (const Input* end = input + count; input < end; ++input) {
        const Input element = *input;
        sum0 += product(element, *filter++);
        sum1 += product(element, *filter1++);
        sum2 += product(element, *filter2++);
        sum3 += product(element, *filter3++);
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

}  // namespace kerf
