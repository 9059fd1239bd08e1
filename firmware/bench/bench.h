// The bench: drives the model over the serial port and measures it (docs/protocol.md). A port's main() is
//
//     port::init(); bench::start(); for (;;) bench::step();
//
// and its fault handlers end in report_fault(), so that a crash is a record on the wire and never silence.
#pragma once

#include <cstdint>

namespace kerf::bench {

// Makes the model ready, measures how long that takes, and announces the boot.
void start();

// Handles the bytes that have arrived; port::idle() when there are none. Never waits for the other side.
void step();

enum FaultKind : uint32_t {
    kHardFault = 1,
    kMemManage = 2,
    kBusFault = 3,
    kUsageFault = 4,
    kStackOverflow = 5,
    kAssert = 6,  // address = the line, where known
    kOther = 7,   // an exception nobody expected; psr's low 9 bits are its number
};

// The registers as the exception found them; 0 where the core has no such register (Cortex-M0 has no CFSR).
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

// Sends the record, binary and as one ASCII line. Safe in a fault handler: no locks, a small buffer of its own on the
// stack, nothing but port::write(). Returns; the port decides what a dead board does next (halt, or reset()).
void report_fault(const Fault& fault);

}  // namespace kerf::bench
