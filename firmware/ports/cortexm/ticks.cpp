// The clock: SysTick on the processor clock. On hardware it counts cycles, in QEMU virtual time, which -icount ties to
// the number of instructions. (DWT CYCCNT would work on hardware, but no emulator models it and the M0 has none.)
//
// Its 24 bits wrap every 2^24 ticks; the interrupt that extends them is included in the measurement: a handful of
// instructions per 16.8 million ticks, the same number in every run because start_ticks() sets the phase.
#include "port/port.h"
#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"
#include "ports/cortexm/handlers.h"
#include "ports/cortexm/init.h"

namespace {

volatile uint32_t wraps;

// The register counts down and wraps from 0 to 0xFFFFFF, so its negative is the time since the last wrap.
uint32_t elapsed() {
    return (0u - kerf::core::kSysTickValue.read()) & kerf::core::kSysTickMask;
}

}  // namespace

void systick_handler() {
    wraps = wraps + 1;
}

namespace kerf::port {

using namespace core;

void kerf_init_ticks() {
    kSysTickReload.write(kSysTickMask);
    kSysTickValue.write(0);
    kSysTickControl.write(7);
}

Clock clock() {
    return {TickUnit::kCycles, chip::clock_hz()};
}

void kerf_start_ticks() {
    const InterruptLock lock;
    kSysTickValue.write(0);
    kIcsr.write(kIcsrPendStClr);
    wraps = 0;
}

uint64_t kerf_ticks() {
    const InterruptLock lock;
    uint32_t low = elapsed();
    uint32_t high = wraps;
    if (kIcsr.any(kIcsrPendStSet)) {  // it wrapped after the lock was taken, before or after `low` was read
        low = elapsed();
        high += 1;
    }
    return (static_cast<uint64_t>(high) << 24) | low;
}

// Two instructions before the loop, two per iteration, two after it. Not inlined and without a frame, so that the
// compiler adds none.
[[gnu::naked, gnu::noinline, gnu::aligned(16)]] uint32_t spin([[maybe_unused]] uint32_t turns) {
    asm volatile(
        ".syntax unified\n"
        "   lsls r1, r0, #1\n"
        "   adds r1, #4\n"
        "1: subs r0, #1\n"
        "   bne 1b\n"
        "   movs r0, r1\n"
        "   bx lr\n");
}

}  // namespace kerf::port
