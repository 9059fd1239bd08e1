// What this port uses of a RISC-V core in machine mode (The RISC-V Instruction Set Manual, Volume II: Privileged
// Architecture, chapter 3) and of QEMU's machine `virt`, which has SiFive's interrupt controller and a 16550 UART.
#pragma once

#include <stdint.h>

namespace kerf::core {

// A device register, as wide as T.
template <typename T>
class Register {
  public:
    explicit constexpr Register(uintptr_t address) : address_(address) {}
    T read() const { return *reinterpret_cast<volatile T*>(address_); }
    void write(T value) const { *reinterpret_cast<volatile T*>(address_) = value; }

  private:
    uintptr_t address_;
};

constexpr Register<uint32_t> kFinisher{0x00100000};  // SiFive's test device: ends or resets the machine
constexpr uint32_t kFinisherReset = 0x7777;

constexpr uint32_t kUartInterrupt = 10;
constexpr Register<uint32_t> kPlicPriority{0x0C000000 + 4 * kUartInterrupt};
constexpr Register<uint32_t> kPlicEnable{0x0C002000};  // of hart 0 in machine mode, interrupts 0 to 31
constexpr Register<uint32_t> kPlicThreshold{0x0C200000};
constexpr Register<uint32_t> kPlicClaim{0x0C200004};  // read: claims an interrupt; write: completes it

constexpr Register<uint8_t> kUartData{0x10000000};
constexpr Register<uint8_t> kUartInterrupts{0x10000001};  // bit 0: a byte has been received
constexpr Register<uint8_t> kUartFifo{0x10000002};        // bit 0: on
constexpr Register<uint8_t> kUartStatus{0x10000005};      // bit 0: a byte has been received, 5: one can be sent

constexpr uint32_t kInterruptsOn = 1u << 3;        // mstatus.MIE
constexpr uint32_t kExternalInterrupt = 1u << 11;  // mie.MEIE

// Interrupts are disabled while it exists. A pending interrupt still ends wfi (3.3.3).
class InterruptLock {
  public:
    InterruptLock() { asm volatile("csrrc %0, mstatus, %1" : "=r"(status_) : "r"(kInterruptsOn) : "memory"); }
    ~InterruptLock() { asm volatile("csrs mstatus, %0" ::"r"(status_ & kInterruptsOn) : "memory"); }
    InterruptLock(const InterruptLock&) = delete;
    InterruptLock& operator=(const InterruptLock&) = delete;

  private:
    uint32_t status_;
};

}  // namespace kerf::core
