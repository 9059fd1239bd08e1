// Every exception ends here: it becomes a record on the wire and halts the board.
#include "baremetal/halt.h"
#include "baremetal/linker.h"
#include "bench/bench.h"
#include "port/port.h"
#include "ports/riscv/core.h"
#include "ports/riscv/init.h"

namespace {

using kerf::bench::Fault;
using kerf::bench::FaultKind;

// What the exception is called in the record, whose words are those of a Cortex-M: the kind, and bits of the CFSR
// (ARMv7-M ARM B3.2.15).
struct Cause {
    FaultKind kind;
    uint32_t cfsr;
    bool has_address;  // in mtval
};

constexpr uint32_t kFetchFault = 1u << 8, kAccessFault = 1u << 9, kAddressValid = 1u << 15, kUndefined = 1u << 16,
                   kUnaligned = 1u << 24;

// Volume II, table 3.6. Compilers emit ebreak (3) where the program must never come.
Cause cause_of(uint32_t exception) {
    switch (exception) {
        case 0:
        case 4:
        case 6:
            return {FaultKind::kUsageFault, kUnaligned, false};
        case 1:
            return {FaultKind::kBusFault, kFetchFault, false};
        case 2:
        case 3:
            return {FaultKind::kUsageFault, kUndefined, false};
        case 5:
        case 7:
            return {FaultKind::kBusFault, kAccessFault | kAddressValid, true};
        default:
            return {FaultKind::kOther, 0, false};
    }
}

}  // namespace

[[noreturn]] void kerf::baremetal::halt() {
    asm volatile("csrw mie, zero" ::: "memory");
    for (;;) asm volatile("wfi");
}

// The registers are those of the program that was interrupted.
extern "C" [[noreturn, gnu::used]] void kerf_fault(uint32_t sp, uint32_t ra) {
    uint32_t exception, address;
    Fault fault{};
    asm volatile("csrr %0, mcause" : "=r"(exception));
    asm volatile("csrr %0, mtval" : "=r"(address));
    asm volatile("csrr %0, mepc" : "=r"(fault.pc));
    const Cause cause = cause_of(exception);
    fault.lr = ra;
    fault.sp = sp;
    fault.psr = exception;
    if (sp < reinterpret_cast<uintptr_t>(__stack_limit)) {
        fault.kind = FaultKind::kStackOverflow;
    } else {
        fault.kind = cause.kind;
        fault.cfsr = cause.cfsr;
        if (cause.has_address) fault.address = address;
    }
    kerf::bench::report_fault(fault);
    kerf::baremetal::halt();
}

// If too little stack is left for report_fault(), the stack pointer is reset to the top: its contents are no longer
// needed.
extern "C" [[gnu::naked, gnu::used]] void fault_handler() {
    asm volatile(
        "   mv a0, sp\n"
        "   mv a1, ra\n"
        "   la t0, __stack_limit + 768\n"
        "   bgeu sp, t0, 1f\n"
        "   la sp, __stack_top\n"
        "1: j kerf_fault\n");
}

namespace kerf::port {

// Flash is made read-only, for machine mode, too (Volume II, 3.7: a locked region that ends where the stack begins).
// That makes a stack overflow a fault, since the stack is at the bottom of RAM, after flash.
void init_faults() {
    constexpr uint32_t kReadAndExecute = 0x5, kUpToAddress = 0x8, kLocked = 0x80;
    asm volatile("csrw pmpaddr0, %0" ::"r"(0x80000000u >> 2));
    asm volatile("csrw pmpaddr1, %0" ::"r"(reinterpret_cast<uintptr_t>(__stack_limit) >> 2));
    asm volatile("csrw pmpcfg0, %0" ::"r"((kReadAndExecute | kUpToAddress | kLocked) << 8) : "memory");
}

}  // namespace kerf::port
