// The loop of known length by which the bench calibrates an emulator's clock.
#include "port/port.h"
#include "ports/espidf/vendor.h"

namespace kerf::port {

// Two instructions per turn, which are spelled alike for Xtensa and RISC-V. The timer's interrupt would add its own.
uint32_t spin(uint32_t turns) {
    if (turns == 0) return 0;
    uint32_t left = turns;
    portDISABLE_INTERRUPTS();
    asm volatile(
        "1: addi %0, %0, -1\n"
        "   bnez %0, 1b\n"
        : "+r"(left));
    portENABLE_INTERRUPTS();
    return 2 * turns;
}

}  // namespace kerf::port
