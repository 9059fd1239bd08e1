// Stands for an Arduino core in tests/host/arduino_api_port.cpp: registers and time are variables, Serial is a list of
// writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#define F_CPU 600000000L

struct Restart {};

struct Port {
    std::vector<std::string> writes;
    bool listening = true;

    void begin(unsigned long) {}
    explicit operator bool() const { return listening; }
    int read() { return -1; }
    void flush() {}
    size_t write(const uint8_t* bytes, size_t count) {
        if (!listening) return 0;
        writes.emplace_back(reinterpret_cast<const char*>(bytes), count);
        return count;
    }
};
inline Port Serial;

struct Chip {
    [[noreturn]] void restart() { throw Restart(); }
};
inline Chip ESP;

inline uint64_t now_us;
inline unsigned long micros() {
    return static_cast<uint32_t>(now_us++);
}
inline void delay(unsigned long) {}
inline void yield() {}

namespace kerf::port {
inline uint32_t demcr, dwt_ctrl, dwt_cyccnt, aircr;
}
