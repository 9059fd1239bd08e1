// From reset to main(), and the trap vectors.
#include <stdint.h>

#include "baremetal/linker.h"
#include "ports/riscv/core.h"

extern "C" {
using Function = void (*)();
extern const Function __init_array_begin[], __init_array_end[];
int main();

// Until .data and .bss are set, no variable may be used.
[[noreturn, gnu::used]] void kerf_start() {
    const uint32_t* source = __data_source;
    for (uint32_t* word = __data_begin; word != __data_end; ++word) *word = *source++;
    for (uint32_t* word = __bss_begin; word != __bss_end; ++word) *word = 0;
    for (const Function* init = __init_array_begin; init != __init_array_end; ++init) (*init)();
    main();
    for (;;) asm volatile("wfi");
}

// The machine starts with the first instruction in flash. The linker may express addresses relative to gp only after gp
// has been set.
[[gnu::naked, gnu::section(".vectors"), gnu::used]] void reset_handler() {
    asm volatile(
        "   csrw mie, zero\n"
        "   .option push\n"
        "   .option norelax\n"
        "   la gp, __global_pointer$\n"
        "   .option pop\n"
        "   la sp, __stack_top\n"
        "   la t0, trap_vectors + 1\n"  // + 1: vectored
        "   csrw mtvec, t0\n"
        "   j kerf_start\n");
}

// Volume II, 3.1.7: exceptions go to the first entry, interrupt n to the n-th after it. Of these, only
// machine external interrupts (11) are enabled.
[[gnu::naked, gnu::section(".vectors"), gnu::used, gnu::aligned(64)]] void trap_vectors() {
    asm volatile(
        "   .option push\n"
        "   .option norvc\n"
        "   j fault_handler\n"
        "   .rept 10\n"
        "   j fault_handler\n"
        "   .endr\n"
        "   j receive_handler\n"
        "   .option pop\n");
}
}
