// The port for boards with the Arduino API on Mbed OS (Nano 33 BLE): entry, and the serial link over USB CDC.
#include "bench/bench.h"
#include "port/port.h"
#include "ports/arduino/parts.h"
#include "ports/arduino/vendor.h"

namespace kerf::port {

// Waits for somebody who listens: USB says when there is one (the terminal's DTR), and what is written before is lost.
// So is what arrives while the terminal is still opening the port, because it then empties its buffer.
void init() {
    constexpr unsigned long kOpeningMilliseconds = 100;
    init_memory();
    init_ticks();
    while (!_SerialUSB.connected()) delay(1);
    delay(kOpeningMilliseconds);
}

bool read(uint8_t* byte) {
    const int received = _SerialUSB.read();
    if (received < 0) return false;
    *byte = static_cast<uint8_t>(received);
    return true;
}

// A bulk transfer ends with a packet that is not full (USB 2.0, 5.8.3). Mbed sends no empty one after a full one, so
// after 64 bytes the host would go on waiting: no packet is ever full.
void write(const uint8_t* bytes, size_t count) {
    constexpr size_t kPacketBytes = CDC_MAX_PACKET_SIZE - 1;
    while (count > 0) {
        const size_t part = count < kPacketBytes ? count : kPacketBytes;
        if (_SerialUSB.write(bytes, part) != part) return;  // nobody listens any more
        bytes += part;
        count -= part;
    }
}

// Lets other threads run but never sleeps: asleep, the cycle counter stands still. Reads the clock, which loses whole
// turns of RTC1 when nothing else does for 512 s.
void idle() {
    (void)ticks();
    rtos::ThisThread::yield();
}

// write() returns once the packet is in the USB controller; the host fetches it within a frame or two of 1 ms.
void reset() {
    delay(20);
    NVIC_SystemReset();
}

}  // namespace kerf::port

// Mbed's main thread calls these two; USB is up by then.
void setup() {
    kerf::port::init();
    kerf::port::report_last_crash();
    kerf::bench::start();
}

void loop() {
    kerf::bench::step();
}
