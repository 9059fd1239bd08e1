// Runs the firmware's codec and text writer on this machine: `wire_test MODE < input`.
//
//   streams   lines of hex; for each: "F type seq payload" per frame, "B bad text"
//   encode    lines "type seq payload"; for each: the frame's bytes as hex
//   milli     float32 words, little-endian; for each: the text
//   numbers   uint64 words, little-endian; for each: the text
#include "bench/wire.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/text.h"
#include "port/port.h"

void kerf::port::write(const uint8_t* bytes, size_t count) {
    std::fwrite(bytes, 1, count, stdout);
}

namespace {

using namespace kerf::bench;

char line[1 << 20];

size_t from_hex(const char* hex, uint8_t* bytes) {
    size_t count = 0;
    unsigned value;
    for (; std::sscanf(hex, "%2x", &value) == 1; hex += 2) bytes[count++] = static_cast<uint8_t>(value);
    return count;
}

void print_hex(const uint8_t* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) std::printf("%02x", static_cast<unsigned>(bytes[i]));
}

void streams() {
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        // Exact size on the heap: the sanitizer sees one byte too far.
        std::unique_ptr<uint8_t[]> bytes(new uint8_t[sizeof line / 2]);
        const size_t count = from_hex(line, bytes.get());
        std::unique_ptr<uint8_t[]> text(new uint8_t[count + 1]);
        size_t text_size = 0;
        const std::unique_ptr<uint8_t[]> buffer(new uint8_t[kMaxDecodedBytes]);
        Decoder decoder(buffer.get());
        for (size_t i = 0; i < count; ++i) {
            switch (decoder.feed(bytes[i])) {
                case Decoder::Event::kText:
                    text[text_size++] = bytes[i];
                    break;
                case Decoder::Event::kFrame: {
                    const Frame frame = decoder.frame();
                    std::printf("F %d %d ", frame.type, frame.seq);
                    print_hex(frame.payload, frame.size);
                    std::printf("\n");
                    break;
                }
                default:
                    break;
            }
        }
        std::printf("B %u ", static_cast<unsigned>(decoder.bad_frames()));
        print_hex(text.get(), text_size);
        std::printf("\n");
    }
}

void encode() {
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        int type, seq, at = 0;
        if (std::sscanf(line, "%d %d %n", &type, &seq, &at) < 2) std::abort();
        uint8_t bytes[256];
        const size_t count = from_hex(line + at, bytes);
        const std::unique_ptr<uint8_t[]> wire(new uint8_t[kMaxWireBytes]);
        Payload payload(wire.get());
        payload.bytes(bytes, count);
        const size_t size = payload.frame(static_cast<uint8_t>(type), static_cast<uint8_t>(seq));
        print_hex(wire.get(), size);
        std::printf("\n");
    }
}

template <typename T, typename Write>
void each(Write write) {
    T value;
    while (std::fread(&value, sizeof value, 1, stdin) == 1) {
        Text text;
        write(text, value);
        text << '\n';
    }
}

}  // namespace

int main(int argc, char** argv) {
    const char* mode = argc > 1 ? argv[1] : "";
    if (std::strcmp(mode, "streams") == 0) streams();
    if (std::strcmp(mode, "encode") == 0) encode();
    if (std::strcmp(mode, "milli") == 0) each<float>([](Text& text, float value) { text.milli(value); });
    if (std::strcmp(mode, "numbers") == 0) each<uint64_t>([](Text& text, uint64_t value) { text << value; });
}
