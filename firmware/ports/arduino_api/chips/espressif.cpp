// Every chip of Espressif.
#include "ports/arduino_api/parts.h"
#include "ports/arduino_api/vendor.h"

namespace kerf::port {

void restart() {
    ESP.restart();
    for (;;) {
    }
}

}  // namespace kerf::port
