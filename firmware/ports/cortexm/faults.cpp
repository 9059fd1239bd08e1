// Every unexpected exception ends here: it becomes a record on the wire and halts the board.
#include "baremetal/halt.h"
#include "baremetal/linker.h"
#include "bench/bench.h"
#include "port/port.h"
#include "ports/cortexm/core.h"
#include "ports/cortexm/handlers.h"
#include "ports/cortexm/init.h"

namespace {

using kerf::bench::Fault;
using kerf::bench::FaultKind;
using namespace kerf::core;

// ARMv7-M ARM B1.5.6: what exception entry pushes; with floating point in use, 18 more words follow.
struct Frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, psr;
};
constexpr uint32_t kFloatFrameWords = 18;
constexpr uint32_t kExcReturnNoFloat = 1u << 4;
constexpr uint32_t kPsrPadded = 1u << 9;  // one word was pushed to align the frame to 8 bytes

FaultKind kind_of(uint32_t exception) {
    switch (exception) {
        case 3:
            return FaultKind::kHardFault;
        case 4:
            return FaultKind::kMemManage;
        case 5:
            return FaultKind::kBusFault;
        case 6:
            return FaultKind::kUsageFault;
        default:
            return FaultKind::kOther;
    }
}

}  // namespace

[[noreturn]] void kerf::baremetal::halt() {
    kSysTickControl.write(0);
    asm volatile("cpsid i" ::: "memory");
    for (;;) asm volatile("wfi");
}

// `frame` is the stack pointer at entry of the handler. After a stack overflow it is below the stack, where nothing can
// be read: then the record has no registers.
extern "C" [[noreturn, gnu::used]] void kerf_fault(const Frame* frame, uint32_t exc_return) {
    uint32_t exception;
    asm volatile("mrs %0, ipsr" : "=r"(exception));
    Fault fault{};
    fault.kind = kind_of(exception);
    fault.sp = reinterpret_cast<uintptr_t>(frame);
    if constexpr (kHasFaultStatus) {
        fault.cfsr = kCfsr.read();
        fault.hfsr = kHfsr.read();
        if ((fault.cfsr & kCfsrMmfarValid) != 0) fault.address = kMmfar.read();
        if ((fault.cfsr & kCfsrBfarValid) != 0) fault.address = kBfar.read();
    }
    if (fault.sp < reinterpret_cast<uintptr_t>(__stack_limit) || (fault.cfsr & kCfsrStackErrors) != 0) {
        fault.kind = FaultKind::kStackOverflow;
        fault.psr = exception;
    } else {
        fault.lr = frame->lr;
        fault.pc = frame->pc;
        fault.psr = fault.kind == FaultKind::kOther ? exception : frame->psr;
        fault.sp += sizeof(Frame);
        if ((exc_return & kExcReturnNoFloat) == 0) fault.sp += kFloatFrameWords * sizeof(uint32_t);
        if ((frame->psr & kPsrPadded) != 0) fault.sp += sizeof(uint32_t);
    }
    kerf::bench::report_fault(fault);
    kerf::baremetal::halt();
}

// Passes the frame on. If too little stack is left for report_fault(), the stack pointer is reset to the top: its
// contents are no longer needed. Thumb-1 instructions only, for the M0.
[[gnu::naked]] void fault_handler() {
    asm volatile(
        ".syntax unified\n"
        "   cpsid i\n"
        "   mov r0, sp\n"
        "   mov r1, lr\n"
        "   ldr r2, =__stack_limit + 768\n"
        "   cmp r0, r2\n"
        "   bhs 1f\n"
        "   ldr r2, =__stack_top\n"
        "   mov sp, r2\n"
        "1: ldr r2, =kerf_fault\n"
        "   bx r2\n"
        "   .ltorg\n");
}

namespace kerf::port {

void init_faults() {
    if constexpr (kHasFaultStatus) {
        kShcsr.set(kShcsrFaultsEnabled);
        kCcr.set(kCcrTrapDivideByZero);
    }
}

}  // namespace kerf::port
