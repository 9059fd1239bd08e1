// Stands for Arduino and Mbed OS in tests/host/arduino_port.cpp: the registers are variables, USB is a list of packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct Restart {};

struct Registers {
    uint32_t DEMCR, CYCCNT, CTRL, COUNTER, CFSR, HFSR, MMFAR, BFAR;
};
inline Registers registers;
#define CoreDebug (&registers)
#define DWT (&registers)
#define NRF_RTC1 (&registers)
#define SCB (&registers)
#define CoreDebug_DEMCR_TRCENA_Msk (1u << 24)
#define DWT_CTRL_CYCCNTENA_Msk 1u
#define SCB_CFSR_MMARVALID_Msk (1u << 7)
#define SCB_CFSR_BFARVALID_Msk (1u << 15)
#define CDC_MAX_PACKET_SIZE 64

[[noreturn]] inline void NVIC_SystemReset() {
    throw Restart();
}
inline unsigned long millis() {
    return 0;
}
inline void delay(unsigned long) {}

struct Usb {
    std::vector<std::string> packets;
    bool listening = true;

    bool connected() { return listening; }
    int read() { return -1; }
    size_t write(const uint8_t* bytes, size_t count) {
        if (!listening) return 0;
        packets.emplace_back(reinterpret_cast<const char*>(bytes), count);
        return count;
    }
};
inline Usb _SerialUSB;

namespace rtos::ThisThread {
inline void yield() {}
}  // namespace rtos::ThisThread

constexpr int MBED_ERROR_HARDFAULT_EXCEPTION = -61;
constexpr int MBED_ERROR_MEMMANAGE_EXCEPTION = -62;
constexpr int MBED_ERROR_BUSFAULT_EXCEPTION = -63;
constexpr int MBED_ERROR_USAGEFAULT_EXCEPTION = -64;
constexpr int MBED_ERROR_CODE_STACK_OVERFLOW = 37;
#define MBED_GET_ERROR_CODE(status) (-(status))
#define MBED_RAM_START 0x20000000
#define MBED_RAM_SIZE 0x40000

struct mbed_error_ctx {
    int error_status;
    uint32_t error_address, error_value, thread_current_sp;
};
struct mbed_fault_context_t {
    uint32_t LR_reg, xPSR;
};
inline bool error_in_progress = true;
inline bool mbed_get_error_in_progress() {
    return error_in_progress;
}
