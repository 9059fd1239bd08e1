// Every panic (exception, abort, watchdog, stack overflow) becomes a record on the wire; then ESP-IDF halts the chip.
// The linker calls this handler instead of ESP-IDF's (-Wl,--wrap=esp_panic_handler in the board table, as described in
// ESP-IDF's build system guide); the other core has been stopped by then.
#include "bench/bench.h"
#include "ports/espidf/parts.h"
#include "ports/espidf/vendor.h"

extern "C" {

void __real_esp_panic_handler(panic_info_t* info);

// The record's psr is the exception number: EXCCAUSE, Xtensa ISA Reference Manual, table 4-64; above 63, ESP-IDF's own.
void __wrap_esp_panic_handler(panic_info_t* info) {
    using kerf::bench::FaultKind;
    kerf::bench::Fault fault{};
    fault.kind = g_panic_abort ? FaultKind::kAssert : FaultKind::kOther;
    fault.pc = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(info->addr));
    if (info->frame != nullptr) {
        const auto* const frame = static_cast<const XtExcFrame*>(info->frame);
        // The top two bits of a return address say how far the register window moved; in code addresses they are 01.
        fault.lr = (static_cast<uint32_t>(frame->a0) & 0x3FFFFFFF) | 0x40000000;
        fault.sp = static_cast<uint32_t>(frame->a1);
        if (!g_panic_abort) {
            fault.psr = static_cast<uint32_t>(frame->exccause);
            fault.address = static_cast<uint32_t>(frame->excvaddr);
        }
    }
    kerf::port::send_without_driver();
    kerf::bench::report_fault(fault);
    __real_esp_panic_handler(info);
}
}
