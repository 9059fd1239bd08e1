// The clock: mcycle. On hardware it counts cycles; in QEMU with -icount shift=0, it counts instructions.
#include "port/port.h"

namespace {

uint64_t start;

// The upper half may change between the two readings: then they are read again.
uint64_t cycles() {
    uint32_t high, low, again;
    do {
        asm volatile("csrr %0, mcycleh\n csrr %1, mcycle\n csrr %2, mcycleh" : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return (static_cast<uint64_t>(high) << 32) | low;
}

}  // namespace

namespace kerf::port {

// QEMU's machine has no clock frequency: with one instruction per nanosecond, it runs at 1 GHz.
Clock clock() {
    return {TickUnit::kCycles, 1'000'000'000};
}

void kerf_start_ticks() {
    start = cycles();
}

uint64_t kerf_ticks() {
    return cycles() - start;
}

// Two instructions before the loop, two per iteration, two after it. Not inlined and without a frame, so that the
// compiler adds none.
[[gnu::naked, gnu::noinline]] uint32_t spin([[maybe_unused]] uint32_t turns) {
    asm volatile(
        "   slli a1, a0, 1\n"
        "   addi a1, a1, 4\n"
        "1: addi a0, a0, -1\n"
        "   bnez a0, 1b\n"
        "   mv a0, a1\n"
        "   ret\n");
}

}  // namespace kerf::port
