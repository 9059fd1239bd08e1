// nRF51822 (Reference Manual 3.0, chapter 29, UART) as the BBC micro:bit wires it: TXD on P0.24, RXD on P0.25.
//
// For QEMU, which gives its M0 a SysTick; the silicon has none.
#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"

namespace kerf::chip {

namespace {

using core::Register;

constexpr uintptr_t kUart = 0x40002000;
constexpr Register kStartReceive{kUart + 0x000};
constexpr Register kStartTransmit{kUart + 0x008};
constexpr Register kByteReceived{kUart + 0x108};  // RXDRDY
constexpr Register kByteSent{kUart + 0x11C};      // TXDRDY
constexpr Register kInterruptSet{kUart + 0x304};
constexpr Register kEnable{kUart + 0x500};
constexpr Register kPinTransmit{kUart + 0x50C};
constexpr Register kPinReceive{kUart + 0x514};
constexpr Register kReceived{kUart + 0x518};
constexpr Register kTransmit{kUart + 0x51C};
constexpr Register kBaudRate{kUart + 0x524};

constexpr Register kPortSet{0x50000508};        // GPIO OUTSET
constexpr Register kPortDirection{0x50000518};  // GPIO DIRSET
constexpr uint32_t kTransmitPin = 24;
constexpr uint32_t kReceivePin = 25;

}  // namespace

const uint32_t kReceiveInterrupt = 2;

void init() {
    kPortSet.write(1u << kTransmitPin);
    kPortDirection.write(1u << kTransmitPin);
    kPinTransmit.write(kTransmitPin);
    kPinReceive.write(kReceivePin);
    kBaudRate.write(0x01D7E000);  // 115200
    kEnable.write(4);
    kInterruptSet.write(1u << 2);
    kStartTransmit.write(1);
    kStartReceive.write(1);
}

uint32_t clock_hz() {
    return 16'000'000;
}

// The event is cleared before the byte is read, because reading brings the next one up from the UART's FIFO.
bool take_byte(uint8_t* byte) {
    if (kByteReceived.read() == 0) return false;
    kByteReceived.write(0);
    *byte = static_cast<uint8_t>(kReceived.read());
    return true;
}

void send_byte(uint8_t byte) {
    kByteSent.write(0);
    kTransmit.write(byte);
    while (kByteSent.read() == 0) {
    }
}

}  // namespace kerf::chip
