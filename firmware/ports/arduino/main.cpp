// The port for boards with the Arduino API on Mbed OS (Nano 33 BLE): entry, and the serial link over USB CDC.
#include "bench/bench.h"
#include "port/port.h"
#include "ports/arduino/parts.h"
#include "ports/arduino/vendor.h"

namespace kerf::port {

// Waits for a listener: USB reports when there is one (the terminal's DTR), and what is written before that is lost. So
// is what arrives while the terminal is still opening the port, because it flushes its buffer then.
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

// A bulk transfer ends with a packet that is not full (USB 2.0, 5.8.3). Mbed does not send an empty packet after a full
// one, so after 64 bytes the host would keep waiting. Therefore no packet is ever full.
void write(const uint8_t* bytes, size_t count) {
    constexpr size_t kPacketBytes = CDC_MAX_PACKET_SIZE - 1;
    while (count > 0) {
        const size_t part = count < kPacketBytes ? count : kPacketBytes;
        if (_SerialUSB.write(bytes, part) != part) return;  // the listener is gone
        bytes += part;
        count -= part;
    }
}

// Lets other threads run but never sleeps, because the cycle counter stops during sleep. Reads the clock, which would
// miss a wrap of RTC1 if nothing else read it for 512 s.
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
