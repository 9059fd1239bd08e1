// The UART without DMA of Nordic's nRF51 and nRF52 series (nRF51 Reference Manual 3.0, chapter 29; nRF52840 Product
// Specification 1.1, chapter 6.33): in both at the same address, on interrupt 2.
#pragma once

#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"

namespace kerf::chip {

template <uint32_t kTransmitPin, uint32_t kReceivePin>
struct NrfUart {
    static constexpr uintptr_t kUart = 0x40002000;
    static constexpr core::Register kStartReceive{kUart + 0x000};
    static constexpr core::Register kStartTransmit{kUart + 0x008};
    static constexpr core::Register kByteReceived{kUart + 0x108};  // RXDRDY
    static constexpr core::Register kByteSent{kUart + 0x11C};      // TXDRDY
    static constexpr core::Register kInterruptSet{kUart + 0x304};
    static constexpr core::Register kEnable{kUart + 0x500};
    static constexpr core::Register kPinTransmit{kUart + 0x50C};
    static constexpr core::Register kPinReceive{kUart + 0x514};
    static constexpr core::Register kReceived{kUart + 0x518};
    static constexpr core::Register kTransmit{kUart + 0x51C};
    static constexpr core::Register kBaudRate{kUart + 0x524};

    static constexpr core::Register kPortSet{0x50000508};        // GPIO OUTSET
    static constexpr core::Register kPortDirection{0x50000518};  // GPIO DIRSET

    static constexpr uint32_t kInterrupt = 2;

    static void init() {
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

    // Clear the event before reading the byte, because reading moves the next one up in the UART's FIFO.
    static bool take_byte(uint8_t* byte) {
        if (kByteReceived.read() == 0) return false;
        kByteReceived.write(0);
        *byte = static_cast<uint8_t>(kReceived.read());
        return true;
    }

    static void send_byte(uint8_t byte) {
        kByteSent.write(0);
        kTransmit.write(byte);
        while (kByteSent.read() == 0) {
        }
    }
};

}  // namespace kerf::chip
