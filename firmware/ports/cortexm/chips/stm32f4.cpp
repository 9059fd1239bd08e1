// STM32F407 (RM0090) as the Discovery board wires it: 8 MHz crystal, USART1 on PB6 (TX) and PB7 (RX). PA9, the usual
// TX pin, carries the USB connector's 5 V there.
//
// The same binary runs in emulators, which do not model the RCC, or only part of it: every wait is bounded, and if a
// clock does not start, the chip keeps its reset clock, which clock_hz() then reports.
#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"

namespace kerf::chip {

namespace {

using core::Register;

constexpr uintptr_t kRcc = 0x40023800;
constexpr Register kRccControl{kRcc + 0x00};  // CR
constexpr Register kRccPll{kRcc + 0x04};      // PLLCFGR
constexpr Register kRccConfig{kRcc + 0x08};   // CFGR
constexpr Register kRccAhb1Enable{kRcc + 0x30};
constexpr Register kRccApb2Enable{kRcc + 0x44};
constexpr Register kFlashAccess{0x40023C00};  // ACR

constexpr uintptr_t kPortB = 0x40020400;
constexpr Register kPortMode{kPortB + 0x00};
constexpr Register kPortPull{kPortB + 0x0C};
constexpr Register kPortFunctionLow{kPortB + 0x20};

constexpr uintptr_t kUsart1 = 0x40011000;
constexpr Register kUsartStatus{kUsart1 + 0x00};  // bit 3 overrun, 5 byte received, 7 transmitter empty
constexpr Register kUsartData{kUsart1 + 0x04};
constexpr Register kUsartBaud{kUsart1 + 0x08};
constexpr Register kUsartControl{kUsart1 + 0x0C};  // bit 2 receive, 3 transmit, 5 receive interrupt, 13 on

constexpr uint32_t kResetHz = 16'000'000;  // HSI
constexpr uint32_t kPllHz = 168'000'000;

uint32_t hz = kResetHz;

// The crystal starts within a few milliseconds (at 16 MHz an iteration takes about 0.5 us).
bool wait_for(Register reg, uint32_t mask, uint32_t value) {
    for (uint32_t turns = 0; turns < 20'000; ++turns) {
        if ((reg.read() & mask) == value) return true;
    }
    return false;
}

// 8 MHz / 8 * 336 / 2 = 168 MHz; APB1 42 MHz, APB2 84 MHz. Voltage scale 1, which this needs, is the reset value.
bool raise_clock() {
    kRccControl.set(1u << 16);  // HSEON
    if (!wait_for(kRccControl, 1u << 17, 1u << 17)) return false;
    kRccPll.write(8u << 0 | 336u << 6 | 0u << 16 | 1u << 22 | 7u << 24);
    kRccControl.set(1u << 24);  // PLLON
    if (!wait_for(kRccControl, 1u << 25, 1u << 25)) return false;
    // 5 wait states, prefetch, instruction and data cache (RM0090 3.5.1); they must be set before the switch.
    kFlashAccess.write(5u << 0 | 1u << 8 | 1u << 9 | 1u << 10);
    if (!wait_for(kFlashAccess, 0xF, 5)) return false;
    kRccConfig.modify(7u << 10 | 7u << 13, 5u << 10 | 4u << 13);
    kRccConfig.modify(3u << 0, 2u << 0);
    if (wait_for(kRccConfig, 3u << 2, 2u << 2)) return true;
    kRccConfig.clear(3u << 0);
    return false;
}

// `clock_hz` of APB2.
constexpr uint32_t baud_divider(uint32_t clock_hz) {
    return (clock_hz + 115200 / 2) / 115200;
}

}  // namespace

const uint32_t kReceiveInterrupt = 37;

// The serial port comes first, at the reset clock: until it is enabled, whatever arrives is lost.
void init() {
    kRccAhb1Enable.set(1u << 1);  // GPIOB
    kRccApb2Enable.set(1u << 4);  // USART1
    kRccApb2Enable.read();        // ES0182 2.1.13: a peripheral needs two cycles after its clock is on
    kPortFunctionLow.modify(0xFFu << 24, 0x77u << 24);
    kPortPull.modify(3u << 14, 1u << 14);  // an open RX line reads as idle
    kPortMode.modify(0xFu << 12, 0xAu << 12);
    kUsartBaud.write(baud_divider(kResetHz));
    kUsartControl.write(1u << 2 | 1u << 3 | 1u << 5 | 1u << 13);
    if (raise_clock()) {
        hz = kPllHz;
        kUsartBaud.write(baud_divider(kPllHz / 2));
    }
}

uint32_t clock_hz() {
    return hz;
}

// Reading the status and then the data also clears an overrun, which would otherwise keep the interrupt pending
// forever.
bool take_byte(uint8_t* byte) {
    if (!kUsartStatus.any(1u << 5 | 1u << 3)) return false;
    *byte = static_cast<uint8_t>(kUsartData.read());
    return true;
}

void send_byte(uint8_t byte) {
    while (!kUsartStatus.any(1u << 7)) {
    }
    kUsartData.write(byte);
}

}  // namespace kerf::chip
