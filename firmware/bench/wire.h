// The frame codec of the native dialect (docs/protocol.md): 0x00 COBS(type, seq, payload, CRC-32) 0x00, at most 64
// bytes, little-endian. tools/protocol.py is the other end; both are tested with tests/vectors/protocol.json.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace kerf::bench {

inline constexpr size_t kMaxWireBytes = 64;                 // larger USB CDC writes get lost on the Nano 33 BLE
inline constexpr size_t kMaxBodyBytes = kMaxWireBytes - 2;  // between the delimiters
inline constexpr size_t kMaxDecodedBytes = kMaxBodyBytes - 1;
inline constexpr size_t kMaxPayloadBytes = kMaxDecodedBytes - 2 - 4;
static_assert(kMaxBodyBytes < 'A', "a letter must not be mistaken for a COBS code byte");

// CRC-32 as in zlib and Ethernet; pass the previous result to continue. 0 for no bytes.
uint32_t crc32(const void* bytes, size_t count, uint32_t crc = 0);

// A payload, built where its frame will be: `wire` takes kMaxWireBytes. Appends little-endian numbers. What does not
// fit is dropped; all records are known to fit.
class Payload {
  public:
    explicit Payload(uint8_t* wire) : wire_(wire) {}

    void u8(uint8_t value) { bytes(&value, 1); }
    void u16(uint16_t value) { number(value, 2); }
    void u32(uint32_t value) { number(value, 4); }
    void u64(uint64_t value) { number(value, 8); }
    void bytes(const void* from, size_t count);

    // Completes the frame on the wire, including both delimiters; returns its length. Nothing may be appended after it.
    size_t frame(uint8_t type, uint8_t seq);

  private:
    void number(uint64_t value, size_t count);

    uint8_t* wire_;
    size_t size_ = 0;
};

// A little-endian number of `count` bytes, 1 … 8.
uint64_t load(const uint8_t* bytes, size_t count);
void store(uint8_t* bytes, uint64_t value, size_t count);

struct Frame {
    uint8_t type;
    uint8_t seq;
    const uint8_t* payload;
    size_t size;
    uint32_t crc;
};

// Finds frames in a stream that also carries text and noise. A byte above 62 where COBS has a code byte cannot be part
// of a frame, so it and what follows are text: a lost delimiter never swallows an ASCII command.
class Decoder {
  public:
    enum class Event : uint8_t {
        kNone,       // more bytes are needed
        kText,       // the byte is not part of a frame
        kDelimiter,  // 0x00 without a valid frame before it
        kFrame,      // frame() is valid until the next feed()
    };

    // `buffer` takes kMaxDecodedBytes. Its contents matter only from a delimiter until the next feed() after a frame.
    explicit constexpr Decoder(uint8_t* buffer) : decoded_(buffer) {}

    Event feed(uint8_t byte);
    Frame frame() const;

    // Frame candidates that turned out not to be frames.
    uint32_t bad_frames() const { return bad_; }

  private:
    bool finish();

    uint8_t* decoded_;
    uint8_t size_ = 0;        // of decoded_
    uint8_t until_code_ = 0;  // data bytes before the next code byte
    bool any_ = false;        // a code byte has been seen since the delimiter
    bool in_frame_ = false;
    uint32_t bad_ = 0;
};

}  // namespace kerf::bench
