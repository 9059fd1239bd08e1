// From reset to main(): vector table, memory, FPU.
#include <cstddef>
#include <cstdint>

#include "baremetal/linker.h"
#include "ports/cortexm/core.h"
#include "ports/cortexm/handlers.h"

extern "C" {
using Function = void (*)();
extern const Function __init_array_begin[], __init_array_end[];
int main();

// Until .data and .bss are set, no variable may be used: C++17 [basic.start.static] has not happened yet.
[[noreturn]] void reset_handler() {
    using namespace kerf::core;
    if constexpr (kHasFpu) {
        kCpacr.set(kCpacrFpu);
        asm volatile("dsb\n isb" ::: "memory");
    }
    const uint32_t* source = __data_source;
    for (uint32_t* word = __data_begin; word != __data_end; ++word) *word = *source++;
    for (uint32_t* word = __bss_begin; word != __bss_end; ++word) *word = 0;
    for (const Function* init = __init_array_begin; init != __init_array_end; ++init) (*init)();
    main();
    for (;;) asm volatile("wfi");
}
}

namespace {

// ARMv7-M ARM B1.5.3: the first word is the stack pointer, entry n the handler of exception n. Device interrupts start
// at 16; only the UART's is ever enabled, so all of them point to its handler.
constexpr size_t kSystemExceptions = 16;
constexpr size_t kDeviceInterrupts = 96;

struct VectorTable {
    uint32_t* stack;
    Function reset;
    Function system[kSystemExceptions - 2];
    Function device[kDeviceInterrupts];
};

constexpr VectorTable make_vectors() {
    VectorTable table{__stack_top, reset_handler, {}, {}};
    for (Function& handler : table.system) handler = fault_handler;
    table.system[kSystemExceptions - 3] = systick_handler;
    for (Function& handler : table.device) handler = receive_handler;
    return table;
}

[[gnu::section(".vectors"), gnu::used]] constexpr VectorTable kVectors = make_vectors();
static_assert(sizeof(VectorTable) == 4 * (kSystemExceptions + kDeviceInterrupts));

}  // namespace
