// nRF52840 as the nRF52840 DK wires it: TXD on P0.06, RXD on P0.08. Its clock is 64 MHz from reset, from an internal
// oscillator that is accurate enough for 115200 baud.
//
// For Renode, whose UART with DMA delivers only the first received byte (renode/renode#796).
#include "ports/cortexm/chips/nrf_uart.h"

namespace kerf::chip {

namespace {
using Uart = NrfUart<6, 8>;
}

const uint32_t kReceiveInterrupt = Uart::kInterrupt;

void init() {
    Uart::init();
}
uint32_t clock_hz() {
    return 64'000'000;
}
bool take_byte(uint8_t* byte) {
    return Uart::take_byte(byte);
}
void send_byte(uint8_t byte) {
    Uart::send_byte(byte);
}

}  // namespace kerf::chip
