// The registers every Cortex-M has (ARMv6-M, ARMv7-M and ARMv8-M Architecture Reference Manuals, chapter B3).
#pragma once

#include <cstdint>

namespace kerf::core {

// The core's features, derived from -mcpu.
#if defined(__ARM_ARCH_6M__)
constexpr bool kHasFaultStatus = false;  // ARMv6-M has only the HardFault, and no CFSR
#else
constexpr bool kHasFaultStatus = true;
#endif
#if defined(__ARM_FP)
constexpr bool kHasFpu = true;
#else
constexpr bool kHasFpu = false;
#endif

// One 32-bit device register.
class Register {
  public:
    explicit constexpr Register(uintptr_t address) : address_(address) {}
    uint32_t read() const { return *reinterpret_cast<volatile uint32_t*>(address_); }
    void write(uint32_t value) const { *reinterpret_cast<volatile uint32_t*>(address_) = value; }
    void set(uint32_t bits) const { write(read() | bits); }
    void clear(uint32_t bits) const { write(read() & ~bits); }
    // Replaces the bits of `mask`.
    void modify(uint32_t mask, uint32_t value) const { write((read() & ~mask) | value); }
    bool any(uint32_t bits) const { return (read() & bits) != 0; }

  private:
    uintptr_t address_;
};

constexpr Register kSysTickControl{0xE000E010};  // SYST_CSR: bit 0 on, 1 interrupt, 2 processor clock
constexpr Register kSysTickReload{0xE000E014};   // SYST_RVR: 24 bits
constexpr Register kSysTickValue{0xE000E018};    // SYST_CVR: counts down; a write sets it to 0
constexpr uint32_t kSysTickMask = 0xFFFFFF;

constexpr Register kIcsr{0xE000ED04};
constexpr uint32_t kIcsrPendStSet = 1u << 26;
constexpr uint32_t kIcsrPendStClr = 1u << 25;

constexpr Register kAircr{0xE000ED0C};
constexpr uint32_t kAircrResetRequest = 0x05FA0004;

constexpr Register kCcr{0xE000ED14};
constexpr uint32_t kCcrTrapDivideByZero = 1u << 4;
constexpr Register kShcsr{0xE000ED24};
constexpr uint32_t kShcsrFaultsEnabled = 7u << 16;  // MemManage, BusFault, UsageFault

constexpr Register kCfsr{0xE000ED28};
constexpr uint32_t kCfsrStackErrors = (1u << 4) | (1u << 12);  // MSTKERR, STKERR: pushing the frame failed
constexpr uint32_t kCfsrMmfarValid = 1u << 7;
constexpr uint32_t kCfsrBfarValid = 1u << 15;
constexpr Register kHfsr{0xE000ED2C};
constexpr Register kMmfar{0xE000ED34};
constexpr Register kBfar{0xE000ED38};

constexpr Register kCpacr{0xE000ED88};
constexpr uint32_t kCpacrFpu = 0xFu << 20;  // CP10, CP11: full access

inline void enable_interrupt(uint32_t irq) {
    Register(0xE000E100 + irq / 32 * 4).write(1u << irq % 32);
}
inline void disable_interrupt(uint32_t irq) {
    Register(0xE000E180 + irq / 32 * 4).write(1u << irq % 32);
    asm volatile("dsb\n isb" ::: "memory");
}

// Interrupts are disabled while it exists. A pending interrupt still ends wfi.
class InterruptLock {
  public:
    InterruptLock() {
        asm volatile("mrs %0, primask" : "=r"(primask_));
        asm volatile("cpsid i" ::: "memory");
    }
    ~InterruptLock() { asm volatile("msr primask, %0" ::"r"(primask_) : "memory"); }
    InterruptLock(const InterruptLock&) = delete;
    InterruptLock& operator=(const InterruptLock&) = delete;

  private:
    uint32_t primask_;
};

}  // namespace kerf::core
