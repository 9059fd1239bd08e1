// Weights that are stored narrower than they are used, and widened before they are multiplied. Each type walks over its
// filter like a pointer: *, [], +, += and postfix ++.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/window.h"

namespace kerf {

// The exact float value of IEEE 754 binary16 bits, including subnormal numbers, but not infinity or NaN.
inline float WidenFloat16(uint16_t half) {
#if defined(__ARM_FP) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
    // Every Cortex-M FPU can do it, but GCC only provides the type, __fp16, with a flag of its own.
    float wide;
    asm("vcvtb.f32.f16 %0, %1" : "=t"(wide) : "t"(static_cast<uint32_t>(half)));
    return wide;
#else
    // As float32 bits it is 2^112 times too small, because the exponents have different biases.
    const uint32_t sign_and_rest = static_cast<uint32_t>(static_cast<int32_t>(static_cast<int16_t>(half)));
    const uint32_t bits = (sign_and_rest << 13) & 0x8fffffffu;
    float small;
    memcpy(&small, &bits, sizeof(small));
    return small * 0x1p112f;
#endif
}

class Float16Weights {
  public:
    using Wide = float;
    explicit Float16Weights(const uint16_t* bits) : bits_(bits) {}
    float operator*() const { return WidenFloat16(*bits_); }
    float operator[](int32_t i) const { return WidenFloat16(bits_[i]); }
    Float16Weights operator+(int32_t elements) const { return Float16Weights(bits_ + elements); }
    Float16Weights& operator+=(int32_t elements) {
        bits_ += elements;
        return *this;
    }
    Float16Weights operator++(int) { return Float16Weights(bits_++); }

  private:
    const uint16_t* bits_;
};

// Numbers from -8 to 7, two per byte, the first in the lower half.
class Int4Weights {
  public:
    using Wide = int8_t;
    explicit Int4Weights(const uint8_t* packed, int32_t index = 0) : packed_(packed), index_(index) {}
    int32_t operator*() const { return (*this)[0]; }
    int32_t operator[](int32_t i) const {
        const int32_t at = index_ + i;
        return (at & 1) != 0 ? High(packed_[at >> 1]) : Low(packed_[at >> 1]);
    }
    Int4Weights operator+(int32_t elements) const { return Int4Weights(packed_, index_ + elements); }
    Int4Weights& operator+=(int32_t elements) {
        index_ += elements;
        return *this;
    }
    Int4Weights operator++(int) { return Int4Weights(packed_, index_++); }

    // The address of the next weight if it is the first of a byte, else null.
    const uint8_t* whole_bytes() const { return (index_ & 1) == 0 ? packed_ + (index_ >> 1) : nullptr; }

    static int32_t Low(uint8_t byte) { return static_cast<int8_t>(static_cast<uint8_t>(byte << 4)) >> 4; }
    static int32_t High(uint8_t byte) { return static_cast<int8_t>(byte) >> 4; }

  private:
    const uint8_t* packed_;
    int32_t index_;
};

// Filters that are each used many times, and therefore widened into `wide`, `at_once` at a time.
template <typename Narrow>
class FiltersToWiden {
  public:
    using Wide = typename Narrow::Wide;
    template <typename Bits>
    FiltersToWiden(const Bits* filter, uint8_t* wide, int32_t at_once)
        : at_once(at_once), filter_(filter), wide_(reinterpret_cast<Wide*>(wide)) {}

    // The next `count` weights, valid until the next call.
    const Wide* Next(int32_t count) {
        for (int32_t i = 0; i < count; ++i) wide_[i] = static_cast<Wide>(filter_[i]);
        filter_ += count;
        return wide_;
    }

    const int32_t at_once;

  private:
    Narrow filter_;
    Wide* wide_;
};

// Like window.h's, but if all four filters start at whole bytes, as they do if a filter has an even number of weights,
// each byte is loaded once.
template <typename Sum, typename Input, typename Product>
inline void AddProductsToFour(Sum (&sums)[4], const Input* input, Int4Weights filter, int32_t filter_step,
                              int32_t count, Product product) {
    const uint8_t* bytes = filter.whole_bytes();
    if (bytes == nullptr || filter_step % 2 != 0) {
        for (; count > 0; --count) {
            const Input element = *input++;
            for (int32_t i = 0; i < 4; ++i) sums[i] += product(element, filter[i * filter_step]);
            filter += 1;
        }
        return;
    }
    Sum sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    const int32_t step = filter_step / 2;
    for (; count >= 2; count -= 2) {
        const Input first = input[0], second = input[1];
        const uint8_t byte0 = bytes[0], byte1 = bytes[step], byte2 = bytes[2 * step], byte3 = bytes[3 * step];
        sum0 += product(first, Int4Weights::Low(byte0));
        sum1 += product(first, Int4Weights::Low(byte1));
        sum2 += product(first, Int4Weights::Low(byte2));
        sum3 += product(first, Int4Weights::Low(byte3));
        sum0 += product(second, Int4Weights::High(byte0));
        sum1 += product(second, Int4Weights::High(byte1));
        sum2 += product(second, Int4Weights::High(byte2));
        sum3 += product(second, Int4Weights::High(byte3));
        input += 2;
        ++bytes;
    }
    // Not count > 0: GCC 12 then drops the comparison for a Cortex-M55 at -Os and adds one product too many.
    if (count % 2 != 0) {
        sum0 += product(*input, Int4Weights::Low(bytes[0]));
        sum1 += product(*input, Int4Weights::Low(bytes[step]));
        sum2 += product(*input, Int4Weights::Low(bytes[2 * step]));
        sum3 += product(*input, Int4Weights::Low(bytes[3 * step]));
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

}  // namespace kerf
