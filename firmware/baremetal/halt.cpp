#include "baremetal/halt.h"

#include <stdlib.h>

#include "bench/bench.h"

using kerf::bench::Fault;
using kerf::bench::FaultKind;

namespace {

[[noreturn]] void report_assert(const void* caller, uint32_t line) {
    Fault fault{};
    fault.kind = FaultKind::kAssert;
    fault.pc = reinterpret_cast<uintptr_t>(caller);
    fault.address = line;
    fault.sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    kerf::bench::report_fault(fault);
    kerf::baremetal::halt();
}

}  // namespace

// Called by assert() and abort(): the C library's own versions would pull in stdio and signals.
extern "C" [[noreturn]] void __assert_func(const char*, int line, const char*, const char*) {
    report_assert(__builtin_return_address(0), static_cast<uint32_t>(line));
}

extern "C" [[noreturn]] void abort() {
    report_assert(__builtin_return_address(0), 0);
}
