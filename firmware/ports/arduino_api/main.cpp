// The port for any board with the Arduino API: entry, and the serial link over whatever `Serial` is there. It needs
// nothing of a particular core; the board's description chooses a file of clocks/ and one of chips/ (the board table).
// A crash leaves no record, because each core has its own fault handlers.
#include "bench/bench.h"
#include "port/port.h"
#include "ports/arduino_api/parts.h"
#include "ports/arduino_api/vendor.h"

namespace kerf::port {

// Native USB drops what is written before a program listens, and what arrives while the program opens the port.
void init() {
    constexpr unsigned long kOpeningMilliseconds = 100;
    init_memory();
    init_ticks();
    Serial.begin(115200);
    while (!Serial) delay(1);
    delay(kOpeningMilliseconds);
}

bool read(uint8_t* byte) {
    const int received = Serial.read();
    if (received < 0) return false;
    *byte = static_cast<uint8_t>(received);
    return true;
}

// No USB packet is ever full (64 bytes): not every core sends an empty packet after a full one, without which the host
// keeps waiting.
void write(const uint8_t* bytes, size_t count) {
    constexpr size_t kPacketBytes = 63;
    while (count > 0) {
        const size_t written = Serial.write(bytes, count < kPacketBytes ? count : kPacketBytes);
        if (written == 0) return;  // the listener is gone
        bytes += written;
        count -= written;
    }
    Serial.flush();
}

void idle() {
    yield();
}

uint32_t spin(uint32_t) {
    return 0;
}

void reset() {
    delay(20);
    restart();
}

}  // namespace kerf::port

void setup() {
    kerf::port::init();
    kerf::bench::start();
}

void loop() {
    kerf::bench::step();
}
