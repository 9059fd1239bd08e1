// Weights that are stored narrower than they are used, and widened one by one on the way to the multiplication. Each
// type here walks over its filter as a pointer would: *, [], +, += and ++ behind.
#pragma once

#include <cstdint>
#include <cstring>

namespace kerf {

// The float of IEEE 754 binary16 bits that are no infinity or NaN, exactly, subnormal ones too: the bits of a number
// 2^112 times smaller, whose exponent has another bias.
inline float WidenFloat16(uint16_t half) {
    const uint32_t sign_and_rest = static_cast<uint32_t>(static_cast<int32_t>(static_cast<int16_t>(half)));
    const uint32_t bits = (sign_and_rest << 13) & 0x8fffffffu;
    float small;
    std::memcpy(&small, &bits, sizeof(small));
    return small * 0x1p112f;
}

class Float16Weights {
  public:
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

}  // namespace kerf
