// A pin of the STM32F4 (RM0090), by its port and number: 0x48 is PE8.
#include <stdint.h>

#include "port/busy.h"
#include "ports/cortexm/core.h"

namespace kerf::port {

void set_busy(bool busy) {
    constexpr uint32_t kGroup = (KERF_POWER_PIN) >> 4, kPin = (KERF_POWER_PIN) & 15;
    constexpr uintptr_t kGpio = 0x40020000 + 0x400 * kGroup;
    constexpr core::Register kClocks{0x40023830};      // RCC_AHB1ENR
    constexpr core::Register kMode{kGpio + 0x00};      // MODER: 1 in two bits is an output
    constexpr core::Register kSetReset{kGpio + 0x18};  // BSRR
    kClocks.set(1u << kGroup);
    kClocks.read();  // ES0182 2.1.13: a peripheral needs two cycles after its clock is on
    kSetReset.write(1u << (busy ? kPin : kPin + 16));
    kMode.modify(3u << 2 * kPin, 1u << 2 * kPin);
}

}  // namespace kerf::port
