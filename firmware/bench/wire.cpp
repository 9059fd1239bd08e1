#include "bench/wire.h"

#include <string.h>

namespace kerf::bench {

uint32_t crc32(const void* bytes, size_t count, uint32_t crc) {
    // Polynomial 0xEDB88320 (reflected), four bits at a time: 64 bytes of table instead of 1,024.
    static constexpr uint32_t kTable[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                            0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                            0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const auto* at = static_cast<const uint8_t*>(bytes);
    crc = ~crc;
    for (size_t i = 0; i < count; ++i) {
        crc ^= at[i];
        crc = (crc >> 4) ^ kTable[crc & 15];
        crc = (crc >> 4) ^ kTable[crc & 15];
    }
    return ~crc;
}

// On the wire: delimiter, first COBS code, type, seq, payload, CRC, delimiter.
constexpr size_t kContentAt = 2;
constexpr size_t kPayloadAt = kContentAt + 2;

void Payload::bytes(const void* from, size_t count) {
    if (count == 0 || count > kMaxPayloadBytes - size_) {
        return;
    }
    memcpy(wire_ + kPayloadAt + size_, from, count);
    size_ += count;
}

void Payload::number(uint64_t value, size_t count) {
    uint8_t encoded[8];
    store(encoded, value, count);
    bytes(encoded, count);
}

uint64_t load(const uint8_t* bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = count; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void store(uint8_t* bytes, uint64_t value, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    }
}

size_t Payload::frame(uint8_t type, uint8_t seq) {
    wire_[kContentAt] = type;
    wire_[kContentAt + 1] = seq;
    size_t end = kPayloadAt + size_;
    store(wire_ + end, crc32(wire_ + kContentAt, end - kContentAt), 4);
    end += 4;

    // COBS in place: every zero is replaced by the distance to the next one. A frame is shorter than 254 bytes, so no
    // run is split, and no byte moves.
    wire_[0] = 0;
    size_t code_at = 1;
    for (size_t i = kContentAt; i < end; ++i) {
        if (wire_[i] == 0) {
            wire_[code_at] = static_cast<uint8_t>(i - code_at);
            code_at = i;
        }
    }
    wire_[code_at] = static_cast<uint8_t>(end - code_at);
    wire_[end] = 0;
    return end + 1;
}

Decoder::Event Decoder::feed(uint8_t byte) {
    if (byte == 0) {
        const bool valid = in_frame_ && any_ && finish();
        bad_ += in_frame_ && any_ && !valid;
        in_frame_ = !valid;
        any_ = false;
        until_code_ = 0;
        if (!valid) {
            size_ = 0;
        }
        return valid ? Event::kFrame : Event::kDelimiter;
    }
    if (!in_frame_) {
        return Event::kText;
    }
    if (!any_) {
        size_ = 0;  // kept until now for frame()
    }
    const bool is_code = until_code_ == 0;
    if ((is_code && byte > kMaxBodyBytes) || (any_ && size_ == kMaxDecodedBytes)) {
        bad_ += any_;
        in_frame_ = false;
        return Event::kText;
    }
    if (!is_code) {
        decoded_[size_++] = byte;
        --until_code_;
        return Event::kNone;
    }
    if (any_) {
        decoded_[size_++] = 0;
    }
    any_ = true;
    until_code_ = static_cast<uint8_t>(byte - 1);
    return Event::kNone;
}

bool Decoder::finish() {
    constexpr size_t kMinDecodedBytes = 6;
    if (until_code_ != 0 || size_ < kMinDecodedBytes) {
        return false;
    }
    return crc32(decoded_, size_ - 4U) == load(decoded_ + size_ - 4, 4);
}

Frame Decoder::frame() const {
    return {decoded_[0], decoded_[1], decoded_ + 2, size_ - 6U, static_cast<uint32_t>(load(decoded_ + size_ - 4, 4))};
}

}  // namespace kerf::bench
