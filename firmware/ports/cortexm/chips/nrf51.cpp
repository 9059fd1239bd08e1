// nRF51822 as the BBC micro:bit wires it: TXD on P0.24, RXD on P0.25.
//
// For QEMU, whose M0 has a SysTick; the real chip does not.
#include "ports/cortexm/chips/nrf_uart.h"

namespace kerf::chip {

namespace {
using Uart = NrfUart<24, 25>;
}

const uint32_t kReceiveInterrupt = Uart::kInterrupt;

void init() {
    Uart::init();
}
uint32_t clock_hz() {
    return 16'000'000;
}
bool take_byte(uint8_t* byte) {
    return Uart::take_byte(byte);
}
void send_byte(uint8_t byte) {
    Uart::send_byte(byte);
}

}  // namespace kerf::chip
