// MPS3 with the SSE-300 image (AN547): CMSDK UART 0, a fixed clock.
#include "ports/cortexm/chips/cmsdk_uart.h"

namespace kerf::chip {

namespace {
using Uart = CmsdkUart<0x49303000>;
}

const uint32_t kReceiveInterrupt = 33;

void init() {
    Uart::init(clock_hz());
}
uint32_t clock_hz() {
    return 32'000'000;
}
bool take_byte(uint8_t* byte) {
    return Uart::take_byte(byte);
}
void send_byte(uint8_t byte) {
    Uart::send_byte(byte);
}

}  // namespace kerf::chip
