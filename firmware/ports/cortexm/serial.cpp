// The serial link: bytes are received by interrupt into a ring buffer, so that none is lost while the bench is busy,
// and sent by polling, so that a fault handler can send, too.
#include "port/port.h"
#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"
#include "ports/cortexm/handlers.h"
#include "ports/cortexm/init.h"

namespace {

constexpr uint32_t kRingBytes = 64;  // a protocol frame: the host waits for the answer before it sends another
static_assert((kRingBytes & (kRingBytes - 1)) == 0);

uint8_t ring[kRingBytes];
volatile uint32_t head;  // total bytes received: only written by the interrupt
volatile uint32_t tail;  // total bytes read: only written by read()

bool full() {
    return head - tail == kRingBytes;
}

}  // namespace

// When the ring is full, bytes stay in the UART: on a real board they are lost there, an emulator holds them back.
void receive_handler() {
    uint8_t byte;
    while (!full() && kerf::chip::take_byte(&byte)) {
        ring[head % kRingBytes] = byte;
        head = head + 1;
    }
    if (full()) kerf::core::disable_interrupt(kerf::chip::kReceiveInterrupt);
}

namespace kerf::port {

void init_serial() {
    core::enable_interrupt(chip::kReceiveInterrupt);
}

bool read(uint8_t* byte) {
    if (tail == head) return false;
    const bool was_full = full();
    *byte = ring[tail % kRingBytes];
    asm volatile("" ::: "memory");  // read the byte before the interrupt may overwrite it
    tail = tail + 1;
    if (was_full) core::enable_interrupt(chip::kReceiveInterrupt);
    return true;
}

void write(const uint8_t* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) chip::send_byte(bytes[i]);
}

// With interrupts disabled, none can come between the test and wfi, and a pending one still ends wfi (ARMv7-M ARM
// B1.5.19).
void idle() {
    const core::InterruptLock lock;
    if (head == tail) asm volatile("dsb\n wfi" ::: "memory");
}

}  // namespace kerf::port
