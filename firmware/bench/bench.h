// The bench: drives the model over the serial port and measures it (docs/protocol.md). A port's main() is
//
//     port::init(); bench::start(); for (;;) bench::step();
//
// and its fault handlers call report_fault(), so that a crash becomes a record on the wire instead of silence.
#pragma once

#include <stdint.h>

namespace kerf::bench {

// Sets up the model, measures how long that takes, and announces the boot.
void start();

// Handles the bytes that have arrived, or calls port::idle() if there are none. Never waits for the host.
void step();

enum FaultKind : uint32_t {
    kHardFault = 1,
    kMemManage = 2,
    kBusFault = 3,
    kUsageFault = 4,
    kStackOverflow = 5,
    kAssert = 6,   // address = the line, if known
    kOther = 7,    // an unexpected exception; the low 9 bits of psr are its number
    kOutside = 8,  // a write outside a tensor; psr = the operator, pc = the arena's byte, address = the line
};

// The registers at the time of the exception; 0 where the core has no such register (Cortex-M0 has no CFSR).
// cfsr, hfsr and address (MMFAR or BFAR, when the CFSR says it is valid): ARMv7-M ARM B3.2.
struct Fault {
    uint32_t kind;  // a FaultKind
    uint32_t pc;
    uint32_t lr;
    uint32_t psr;
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t address;
    uint32_t sp;
};

// Sends the record, in binary and as one ASCII line. Safe in a fault handler: it takes no locks, uses a small buffer on
// the stack, and calls only port::write(). It returns; the port decides what happens next (halt, or reset()).
void report_fault(const Fault& fault);

}  // namespace kerf::bench
