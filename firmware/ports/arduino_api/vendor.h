// The Arduino API of whichever core PlatformIO builds with, and the registers that all Cortex-M have. Its headers cause
// warnings with the firmware's flags, which are suppressed by including them as system headers.
#pragma once
#pragma GCC system_header

#include <Arduino.h>

#include <cstdint>

namespace kerf::port {

// Armv7-M Architecture Reference Manual: C1.6.5 (DEMCR), C1.8.7 (DWT_CTRL, DWT_CYCCNT), B3.2.6 (AIRCR).
inline volatile uint32_t& demcr = *reinterpret_cast<volatile uint32_t*>(0xE000EDFC);
inline volatile uint32_t& dwt_ctrl = *reinterpret_cast<volatile uint32_t*>(0xE0001000);
inline volatile uint32_t& dwt_cyccnt = *reinterpret_cast<volatile uint32_t*>(0xE0001004);
inline volatile uint32_t& aircr = *reinterpret_cast<volatile uint32_t*>(0xE000ED0C);

}  // namespace kerf::port
