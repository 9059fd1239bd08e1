#include "bench/text.h"

#include <string.h>

#include "port/port.h"

namespace kerf::bench {

void Text::flush() {
    if (size_ > 0) {
        port::write(reinterpret_cast<const uint8_t*>(buffer_), size_);
        size_ = 0;
    }
}

Text& Text::operator<<(char c) {
    if (size_ == sizeof(buffer_)) {
        flush();
    }
    buffer_[size_++] = c;
    return *this;
}

Text& Text::operator<<(const char* text) {
    while (*text != '\0') {
        *this << *text++;
    }
    return *this;
}

Text& Text::operator<<(uint64_t value) {
    char digits[21];
    char* at = digits + sizeof(digits) - 1;
    *at = '\0';
    do {
        *--at = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return *this << static_cast<const char*>(at);
}

Text& Text::hex(uint32_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) {
        *this << "0123456789abcdef"[value >> (4 * i) & 15];
    }
    return *this;
}

Text& Text::milli(float value) {
    // IEEE 754 binary32: value = mantissa * 2^exponent.
    uint32_t bits;
    static_assert(sizeof(bits) == sizeof(value));
    memcpy(&bits, &value, sizeof(bits));
    const uint32_t biased = bits >> 23 & 0xff;
    const uint32_t fraction = bits & 0x7fffff;
    if (biased == 0xff && fraction != 0) {
        return *this << "nan";
    }
    if (bits >> 31 != 0) {
        *this << '-';
    }
    if (biased == 0xff) {
        return *this << "inf";
    }
    const uint64_t mantissa = biased == 0 ? fraction : fraction | 0x800000;
    const int exponent = (biased == 0 ? 1 : static_cast<int>(biased)) - 150;

    if (exponent >= 0) {
        // An integer of up to 128 bits: decimal digits by repeated division.
        uint32_t words[5] = {};
        const int word = exponent / 32;
        const uint64_t shifted = mantissa << (exponent % 32);
        words[word] = static_cast<uint32_t>(shifted);
        words[word + 1] = static_cast<uint32_t>(shifted >> 32);
        char reversed[40];
        size_t count = 0;
        bool more = true;
        while (more) {
            uint32_t rest = 0;
            more = false;
            for (int i = 4; i >= 0; --i) {
                const uint64_t part = uint64_t{rest} << 32 | words[i];
                words[i] = static_cast<uint32_t>(part / 10);
                rest = static_cast<uint32_t>(part % 10);
                more = more || words[i] != 0;
            }
            reversed[count++] = static_cast<char>('0' + rest);
        }
        while (count > 0) {
            *this << reversed[--count];
        }
        return *this << ".000";
    }

    // mantissa * 1000 is below 2^34, so a shift by 36 or more leaves less than half a thousandth.
    const int shift = -exponent;
    uint64_t thousandths = 0;
    if (shift < 36) {
        const uint64_t scaled = mantissa * 1000;
        const uint64_t half = uint64_t{1} << (shift - 1);
        const uint64_t rest = scaled & ((uint64_t{1} << shift) - 1);
        thousandths = scaled >> shift;
        thousandths += rest > half || (rest == half && (thousandths & 1) != 0);
    }
    const auto below = static_cast<uint32_t>(thousandths % 1000);
    *this << thousandths / 1000 << '.';
    return *this << static_cast<char>('0' + below / 100) << static_cast<char>('0' + below / 10 % 10)
                 << static_cast<char>('0' + below % 10);
}

}  // namespace kerf::bench
