// The firmware's codec under libFuzzer. The input is a list of pieces: a byte n below 0x80 and n bytes as they come, or
// a byte from 0x80 on, a length, and so many bytes that are sent as a frame. Mutations alone would never find a CRC-32.
#include <cstdlib>
#include <cstring>

#include "bench/wire.h"

namespace {

using namespace kerf::bench;

struct Line {
    uint8_t decoded[kMaxDecodedBytes] = {};
    Decoder decoder{decoded};
    size_t frames = 0;
    Frame last = {};

    void feed(uint8_t byte) {
        if (decoder.feed(byte) != Decoder::Event::kFrame) return;
        ++frames;
        last = decoder.frame();
        if (last.size > kMaxPayloadBytes) std::abort();
        const uint8_t header[] = {last.type, last.seq};
        if (crc32(last.payload, last.size, crc32(header, 2)) != last.crc) std::abort();
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Line line;
    const uint8_t* const end = data + size;
    while (data < end) {
        const uint8_t kind = *data++;
        if (kind < 0x80) {
            for (uint8_t i = 0; i < kind && data < end; ++i) line.feed(*data++);
            continue;
        }
        size_t count = data < end ? *data++ % (kMaxPayloadBytes + 1) : 0;
        if (count > static_cast<size_t>(end - data)) count = static_cast<size_t>(end - data);
        uint8_t wire[kMaxWireBytes];
        Payload payload(wire);
        payload.bytes(data, count);
        const size_t bytes = payload.frame(kind, static_cast<uint8_t>(count));
        if (bytes > kMaxWireBytes) std::abort();
        const size_t before = line.frames;
        line.feed(0);  // whatever came before ends here
        for (size_t i = 0; i < bytes; ++i) line.feed(wire[i]);
        const Frame& found = line.last;
        if (line.frames <= before || found.type != kind || found.seq != count || found.size != count ||
            std::memcmp(found.payload, data, count) != 0) {
            std::abort();  // a whole frame was lost or changed
        }
        data += count;
    }
    return 0;
}
