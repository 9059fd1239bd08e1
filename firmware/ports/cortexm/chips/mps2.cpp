// MPS2 with a Cortex-M FPGA image (AN385, AN386, AN500): CMSDK UART 0, a fixed clock.
#include "baremetal/linker.h"
#include "ports/cortexm/chips/cmsdk_uart.h"

namespace kerf::chip {

namespace {

using core::Register;
using Uart = CmsdkUart<0x40004000>;

constexpr Register kMpuControl{0xE000ED94};
constexpr Register kMpuBase{0xE000ED9C};
constexpr Register kMpuAttributes{0xE000EDA0};

// On this chip, writes below the RAM are ignored instead of raising a fault, so a stack overflow would go unnoticed.
// An MPU region without access, the 32 KB below, makes it a fault, as on the other chips (ARMv7-M ARM B3.5).
void guard_stack() {
    constexpr uint32_t kSizeLog2 = 15;
    const uint32_t below = reinterpret_cast<uintptr_t>(__stack_limit) - (1u << kSizeLog2);
    kMpuBase.write(below | 1u << 4 | 0);                                    // region 0
    kMpuAttributes.write(1u << 28 | 0u << 24 | (kSizeLog2 - 1) << 1 | 1u);  // no execution, no access
    kMpuControl.write(1u << 2 | 1u);                                        // the default map everywhere else
    asm volatile("dsb\n isb" ::: "memory");
}

}  // namespace

const uint32_t kReceiveInterrupt = 0;

void init() {
    guard_stack();
    Uart::init(clock_hz());
}

uint32_t clock_hz() {
    return 25'000'000;
}
bool take_byte(uint8_t* byte) {
    return Uart::take_byte(byte);
}
void send_byte(uint8_t byte) {
    Uart::send_byte(byte);
}

}  // namespace kerf::chip
