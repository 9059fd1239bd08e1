// The floats that WidenFloat16 makes of all 65,536 halves, on stdout.
#include <cstdio>

#include "kernels/weights.h"

int main() {
    for (uint32_t half = 0; half < 65536; ++half) {
        const float wide = kerf::WidenFloat16(static_cast<uint16_t>(half));
        std::fwrite(&wide, sizeof(wide), 1, stdout);
    }
}
