// A crash becomes a record on the wire in two steps. USB needs interrupts, threads and a host that polls, none of which
// is available in a fault handler: Mbed's handler calls the hook below, which leaves the record in RAM and restarts the
// board; the next start sends it before anything else.
#include <cstring>

#include "bench/bench.h"
#include "port/port.h"
#include "ports/arduino/parts.h"
#include "ports/arduino/vendor.h"

namespace {

using kerf::bench::Fault;
using kerf::bench::FaultKind;

// `check` distinguishes a record from what is in RAM after power-up.
struct Kept {
    uint32_t mark;
    Fault fault;
    uint32_t check;
};
static_assert(sizeof(Kept) <= kerf::port::kKeptBytes);
constexpr uint32_t kMark = 0x6B657266;  // "kerf"

uint32_t check_of(const Fault& fault) {
    uint32_t words[sizeof(Fault) / sizeof(uint32_t)];
    std::memcpy(words, &fault, sizeof(words));
    uint32_t sum = kMark;
    for (const uint32_t word : words) sum = (sum << 5 | sum >> 27) ^ word;
    return sum;
}

FaultKind kind_of(const mbed_error_ctx& error) {
    switch (error.error_status) {
        case MBED_ERROR_HARDFAULT_EXCEPTION:
            return FaultKind::kHardFault;
        case MBED_ERROR_MEMMANAGE_EXCEPTION:
            return FaultKind::kMemManage;
        case MBED_ERROR_BUSFAULT_EXCEPTION:
            return FaultKind::kBusFault;
        case MBED_ERROR_USAGEFAULT_EXCEPTION:
            return FaultKind::kUsageFault;
        default:
            break;
    }
    return MBED_GET_ERROR_CODE(error.error_status) == MBED_ERROR_CODE_STACK_OVERFLOW ? FaultKind::kStackOverflow
                                                                                     : FaultKind::kAssert;
}

bool in_ram(uint32_t address) {
    return address >= MBED_RAM_START && address <= MBED_RAM_START + MBED_RAM_SIZE - sizeof(mbed_fault_context_t);
}

}  // namespace

// Overrides Mbed's empty hook (mbed_error.h). Called for every error, fatal or not, in the context where it happened;
// for an exception, error_value points to the registers that Mbed's handler saved.
extern "C" void mbed_error_hook(const mbed_error_ctx* error) {
    if (!mbed_get_error_in_progress()) return;  // a warning
    Kept kept{};
    kept.mark = kMark;
    Fault& fault = kept.fault;
    fault.kind = kind_of(*error);
    fault.pc = error->error_address;
    fault.sp = error->thread_current_sp;
    const bool is_exception = fault.kind >= FaultKind::kHardFault && fault.kind <= FaultKind::kUsageFault;
    if (is_exception && in_ram(error->error_value)) {
        const auto* const context = reinterpret_cast<const mbed_fault_context_t*>(error->error_value);
        fault.lr = context->LR_reg;
        fault.psr = context->xPSR;
        fault.cfsr = SCB->CFSR;
        fault.hfsr = SCB->HFSR;
        if ((fault.cfsr & SCB_CFSR_MMARVALID_Msk) != 0) fault.address = SCB->MMFAR;
        if ((fault.cfsr & SCB_CFSR_BFARVALID_Msk) != 0) fault.address = SCB->BFAR;
    }
    kept.check = check_of(fault);
    std::memcpy(kerf::port::kept_ram(), &kept, sizeof(kept));
    NVIC_SystemReset();
}

namespace kerf::port {

void report_last_crash() {
    Kept kept;
    std::memcpy(&kept, kept_ram(), sizeof(kept));
    if (kept.mark != kMark || kept.check != check_of(kept.fault)) return;
    std::memset(kept_ram(), 0, sizeof(kept));
    bench::report_fault(kept.fault);
}

}  // namespace kerf::port
