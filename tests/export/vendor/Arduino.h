// Stands for the core of an Arduino board: what the sketch of an export uses, and a main() that runs it once.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

inline unsigned long micros() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<unsigned long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

inline void delay(unsigned long) {
    std::exit(0);
}

struct SerialPort {
    bool is_open = false;
    void begin(unsigned long) { is_open = true; }
    void println(const char* line) {
        if (is_open) std::puts(line);
    }
};
inline SerialPort Serial;

void setup();
void loop();

int main() {
    setup();
    for (;;) loop();
}
