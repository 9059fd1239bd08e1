// The serial link: bytes are received by interrupt into a ring buffer, so that none is lost while the bench is busy,
// and sent by polling, so that a fault handler can send, too.
#include "port/port.h"
#include "ports/riscv/core.h"
#include "ports/riscv/init.h"

namespace {

using namespace kerf::core;

constexpr uint32_t kRingBytes = 64;  // a protocol frame: the host waits for the answer before it sends another
static_assert((kRingBytes & (kRingBytes - 1)) == 0);

uint8_t ring[kRingBytes];
volatile uint32_t head;  // total bytes received: only written by the interrupt
volatile uint32_t tail;  // total bytes read: only written by read()

bool full() {
    return head - tail == kRingBytes;
}

}  // namespace

// When the ring is full, bytes stay in the UART and its interrupt is off.
extern "C" [[gnu::interrupt("machine"), gnu::used]] void receive_handler() {
    const uint32_t claimed = kPlicClaim.read();
    while (!full() && (kUartStatus.read() & 1) != 0) {
        ring[head % kRingBytes] = kUartData.read();
        head = head + 1;
    }
    if (full()) kUartInterrupts.write(0);
    kPlicClaim.write(claimed);
}

namespace kerf::port {

void init_serial() {
    kUartFifo.write(1);
    kUartInterrupts.write(1);
    kPlicPriority.write(1);
    kPlicThreshold.write(0);
    kPlicEnable.write(1u << kUartInterrupt);
    asm volatile("csrs mie, %0" ::"r"(kExternalInterrupt));
    asm volatile("csrs mstatus, %0" ::"r"(kInterruptsOn) : "memory");
}

bool read(uint8_t* byte) {
    if (tail == head) return false;
    const bool was_full = full();
    *byte = ring[tail % kRingBytes];
    asm volatile("" ::: "memory");  // read the byte before the interrupt may overwrite it
    tail = tail + 1;
    if (was_full) kUartInterrupts.write(1);
    return true;
}

void write(const uint8_t* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        while ((kUartStatus.read() & 1u << 5) == 0) {
        }
        kUartData.write(bytes[i]);
    }
}

// With interrupts disabled, none can come between the test and wfi.
void idle() {
    const InterruptLock lock;
    if (head == tail) asm volatile("wfi" ::: "memory");
}

}  // namespace kerf::port
