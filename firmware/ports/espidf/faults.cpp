// Every panic (exception, abort, watchdog, stack overflow) becomes a record on the wire; then ESP-IDF halts the chip.
// The linker calls this handler instead of ESP-IDF's (-Wl,--wrap=esp_panic_handler in the board table, as described in
// ESP-IDF's build system guide); the other core has been stopped by then.
#include "bench/bench.h"
#include "ports/espidf/parts.h"
#include "ports/espidf/vendor.h"

namespace {

struct Registers {
    uint32_t lr, sp, cause, address;
};

#if CONFIG_IDF_TARGET_ARCH_RISCV
// mcause: The RISC-V Instruction Set Manual, Volume II, table 3.6.
Registers registers(const void* frame) {
    const auto& saved = *static_cast<const RvExcFrame*>(frame);
    return {static_cast<uint32_t>(saved.ra), static_cast<uint32_t>(saved.sp), static_cast<uint32_t>(saved.mcause),
            static_cast<uint32_t>(saved.mtval)};
}
#else
// EXCCAUSE: Xtensa ISA Reference Manual, table 4-64; above 63, ESP-IDF's own. The top two bits of a return address say
// how far the register window moved; in code addresses they are 01.
Registers registers(const void* frame) {
    const auto& saved = *static_cast<const XtExcFrame*>(frame);
    return {(static_cast<uint32_t>(saved.a0) & 0x3FFFFFFF) | 0x40000000, static_cast<uint32_t>(saved.a1),
            static_cast<uint32_t>(saved.exccause), static_cast<uint32_t>(saved.excvaddr)};
}
#endif

}  // namespace

extern "C" {

void __real_esp_panic_handler(panic_info_t* info);

// The record's psr is the exception number.
void __wrap_esp_panic_handler(panic_info_t* info) {
    using kerf::bench::FaultKind;
    kerf::bench::Fault fault{};
    fault.kind = g_panic_abort ? FaultKind::kAssert : FaultKind::kOther;
    fault.pc = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(info->addr));
    if (info->frame != nullptr) {
        const Registers saved = registers(info->frame);
        fault.lr = saved.lr;
        fault.sp = saved.sp;
        if (!g_panic_abort) {
            fault.psr = saved.cause;
            fault.address = saved.address;
        }
    }
    kerf::port::send_without_driver();
    kerf::bench::report_fault(fault);
    __real_esp_panic_handler(info);
}
}
