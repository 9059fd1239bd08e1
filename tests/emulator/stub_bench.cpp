// Stands in for firmware/bench, so that a port is tested alone. One command byte, its arguments, one reply, all
// little-endian; test_boot.py drives it.
#include <string.h>

#include "bench/bench.h"
#include "port/port.h"

namespace {

using namespace kerf;

uint8_t next_byte() {
    uint8_t byte;
    while (!port::read(&byte)) port::idle();
    return byte;
}

uint32_t next_word() {
    uint32_t word = 0;
    for (int shift = 0; shift < 32; shift += 8) word |= static_cast<uint32_t>(next_byte()) << shift;
    return word;
}

template <typename T>
void send(const T& value) {
    uint8_t bytes[sizeof value];
    memcpy(bytes, &value, sizeof value);
    port::write(bytes, sizeof bytes);
}

// Takes `bytes` of stack and writes to all of them.
[[gnu::noinline]] void use_stack(uint32_t bytes) {
    volatile uint8_t* block = static_cast<volatile uint8_t*>(__builtin_alloca(bytes));
    for (uint32_t i = 0; i < bytes; ++i) block[i] = 1;
}

volatile uint32_t endless = 0xFFFFFFFF;

[[gnu::noinline]] uint32_t overflow(uint32_t depth) {
    volatile uint32_t block[16];
    block[depth % 16] = depth;
    if (depth == endless) return 0;
    return overflow(depth + 1) + block[3];
}

volatile uint32_t zero = 0;
volatile uint32_t initialised = 0x12345678;

void fault(char kind) {
    switch (kind) {
        case 'u':
            __builtin_trap();
            break;
        case 'd':
            zero = 1000 / zero;
            break;
        case 'r':
            zero = *reinterpret_cast<volatile uint32_t*>(0xE8000000);
            break;
        case 's':
            zero = overflow(0);
            break;
        case 'a':
            __builtin_abort();
    }
}

}  // namespace

namespace kerf::bench {

void start() {
    port::write(reinterpret_cast<const uint8_t*>("BOOT\n"), 5);
}

void step() {
    switch (next_byte()) {
        case 'e': {  // echo
            const uint32_t count = next_word();
            for (uint32_t i = 0; i < count; ++i) send(next_byte());
            break;
        }
        case 'i':  // what the port says of itself
            send(port::clock().hz);
            send(port::stack_size_bytes());
            send(static_cast<uint32_t>(port::spare_ram().size));
            send(uint32_t{initialised});
            send(uint32_t{zero});
            break;
        case 's': {  // a loop of known length
            const uint32_t turns = next_word();
            port::start_ticks();
            const uint64_t before = port::ticks();
            const uint32_t instructions = port::spin(turns);
            const uint64_t after = port::ticks();
            send(instructions);
            send(after - before);
            break;
        }
        case 'm': {  // does the clock ever go backwards, and how many steps is it read in
            const uint32_t count = next_word();
            uint64_t last = 0;
            uint32_t backwards = 0;
            port::start_ticks();
            for (uint32_t i = 0; i < count; ++i) {
                const uint64_t now = port::ticks();
                backwards += now < last ? 1 : 0;
                last = now;
            }
            send(backwards);
            send(last);
            break;
        }
        case 'k': {  // stack: high-water mark before and after using so much of it
            const uint32_t bytes = next_word();
            send(port::stack_used_bytes());
            use_stack(bytes);
            send(port::stack_used_bytes());
            break;
        }
        case 'f':
            fault(static_cast<char>(next_byte()));
            break;
        case 'r':
            port::reset();
    }
}

void report_fault(const Fault& fault) {
    port::write(reinterpret_cast<const uint8_t*>("F"), 1);
    send(fault);
}

}  // namespace kerf::bench
