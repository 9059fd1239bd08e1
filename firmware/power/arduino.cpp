// A pin of any board with the Arduino API, by its number or name.
#include "power/arduino.h"

#include "port/busy.h"

namespace kerf::port {

void set_busy(bool busy) {
    digitalWrite(KERF_POWER_PIN, busy ? HIGH : LOW);
    pinMode(KERF_POWER_PIN, OUTPUT);  // after a reset it is an input
}

}  // namespace kerf::port
