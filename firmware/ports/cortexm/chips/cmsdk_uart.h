// The APB UART of Arm's Cortex-M System Design Kit (DDI 0479, chapter 4.3), on all MPS boards.
#pragma once

#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"

namespace kerf::chip {

template <uintptr_t kBase>
struct CmsdkUart {
    static constexpr core::Register kData{kBase + 0x00};
    static constexpr core::Register kState{kBase + 0x04};      // bit 0 transmitter full, 1 byte received
    static constexpr core::Register kControl{kBase + 0x08};    // bit 0 transmit, 1 receive, 3 receive interrupt
    static constexpr core::Register kInterrupt{kBase + 0x0C};  // bit 1 receive; written 1 to clear
    static constexpr core::Register kDivider{kBase + 0x10};    // at least 16

    static void init(uint32_t clock_hz) {
        kDivider.write(clock_hz / 115200);
        kControl.write(1u << 0 | 1u << 1 | 1u << 3);
    }

    // Clear the interrupt first, so that a byte that arrives in between raises it again.
    static bool take_byte(uint8_t* byte) {
        kInterrupt.write(1u << 1);
        if (!kState.any(1u << 1)) return false;
        *byte = static_cast<uint8_t>(kData.read());
        return true;
    }

    static void send_byte(uint8_t byte) {
        while (kState.any(1u << 0)) {
        }
        kData.write(byte);
    }
};

}  // namespace kerf::chip
