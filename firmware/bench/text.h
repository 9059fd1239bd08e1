// Writes the ASCII lines of the MLPerf dialect and of fault reports: no printf, at most 64 bytes per port::write().
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace kerf::bench {

class Text {
  public:
    Text() = default;
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    ~Text() { flush(); }

    Text& operator<<(const char* text);
    Text& operator<<(char c);
    Text& operator<<(uint64_t value);
    Text& operator<<(uint32_t value) { return *this << uint64_t{value}; }
    Text& hex(uint32_t value, int digits);

    // The same digits as printf("%.3f"), in integer arithmetic: the exact binary value, ties to even.
    Text& milli(float value);

    void flush();

  private:
    char buffer_[64];  // larger USB CDC writes get lost on the Nano 33 BLE
    size_t size_ = 0;
};

}  // namespace kerf::bench
