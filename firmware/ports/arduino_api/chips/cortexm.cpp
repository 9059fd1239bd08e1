// Every Cortex-M: a restart by SYSRESETREQ.
#include "ports/arduino_api/parts.h"
#include "ports/arduino_api/vendor.h"

namespace kerf::port {

void restart() {
    aircr = 0x05FA0004;  // VECTKEY, SYSRESETREQ
    for (;;) {
    }
}

}  // namespace kerf::port
