// The MLPerf-Tiny-compatible dialect: ASCII commands ended by '%', replies in lines, each reply ended by "m-ready"
// (docs/protocol.md, "MLPerf-Tiny-compatible dialect").
//
// The buffer that `db` fills is in port::spare_ram(), because an invocation may overwrite the model's inputs: input 0
// is copied from the buffer before every inference, outside the timed window.
#include <math.h>
#include <string.h>

#include "bench/state.h"
#include "bench/text.h"
#include "model/model.h"
#include "port/port.h"

namespace kerf::bench::mlperf {
namespace {

using model::DbEncoding;
using model::DType;
using model::Status;
using model::Tensor;

constexpr const char* kEnd = "]\r\n";

size_t command_size = 0;  // characters in `received`

uint32_t db_expected = 0;  // bytes, from `db load`
uint32_t db_loaded = 0;

size_t element_bytes(DType dtype) {
    constexpr uint8_t kBytes[] = {4, 1, 1, 2, 4, 8, 1, 2};
    return kBytes[static_cast<size_t>(dtype)];
}

float real_value(const Tensor& tensor, size_t i) {
    const float scale = tensor.scale == 0.0f ? 1.0f : tensor.scale;
    int32_t quantized = 0;
    switch (tensor.dtype) {
        case DType::kFloat32:
            return static_cast<const float*>(tensor.data)[i];
        case DType::kInt8:
            quantized = static_cast<const int8_t*>(tensor.data)[i];
            break;
        case DType::kInt16:
            quantized = static_cast<const int16_t*>(tensor.data)[i];
            break;
        case DType::kInt32:
            quantized = static_cast<const int32_t*>(tensor.data)[i];
            break;
        case DType::kUint8:
        case DType::kBool:
            quantized = static_cast<const uint8_t*>(tensor.data)[i];
            break;
        case DType::kInt64:
            return static_cast<float>(static_cast<const int64_t*>(tensor.data)[i]);
        case DType::kFloat16:
            return NAN;  // no model has float16 outputs
    }
    return static_cast<float>(quantized - tensor.zero_point) * scale;
}

float db_float(size_t i) {
    float value;
    memcpy(&value, port::spare_ram().data + sizeof(float) * i, sizeof(value));
    return value;
}

// How many bytes of the buffer input 0 needs.
uint32_t db_needed() {
    const Tensor input = model::input(0);
    return model::kDescriptor.db_encoding == DbEncoding::kFloat32
               ? static_cast<uint32_t>(input.bytes / element_bytes(input.dtype) * sizeof(float))
               : input.bytes;
}

void fill_input() {
    const Tensor input = model::input(0);
    const uint8_t* from = port::spare_ram().data;
    auto* to = static_cast<uint8_t*>(input.data);
    if (model::kDescriptor.db_encoding == DbEncoding::kUint8ToInt8) {
        for (uint32_t i = 0; i < input.bytes; ++i) {
            to[i] = from[i] ^ 0x80;  // uint8 - 128 as int8
        }
    } else if (model::kDescriptor.db_encoding == DbEncoding::kAsIs || input.dtype == DType::kFloat32) {
        memcpy(to, from, input.bytes);
    } else {
        const bool is_int16 = input.dtype == DType::kInt16;
        const bool is_uint8 = input.dtype == DType::kUint8;
        const float lowest = is_int16 ? -32768.0f : (is_uint8 ? 0.0f : -128.0f);
        const float highest = is_int16 ? 32767.0f : (is_uint8 ? 255.0f : 127.0f);
        for (size_t i = 0; i < input.bytes / element_bytes(input.dtype); ++i) {
            const float q = roundf(db_float(i) / input.scale) + static_cast<float>(input.zero_point);
            // The host may send NaN, which no integer can represent: it becomes the lowest value.
            const float clamped = q > highest ? highest : (q >= lowest ? q : lowest);
            const auto quantized = static_cast<int32_t>(clamped);
            if (is_int16) {
                static_cast<int16_t*>(input.data)[i] = static_cast<int16_t>(quantized);
            } else {
                to[i] = static_cast<uint8_t>(quantized);  // int8 in two's complement
            }
        }
    }
}

// The anomaly detector's result is a single number: the mean square error of the reconstruction.
bool is_anomaly_detector() {
    const model::Descriptor& m = model::kDescriptor;
    return strncmp(m.mlperf_id, "ad", 2) == 0 && m.db_encoding == DbEncoding::kFloat32 &&
           db_needed() / sizeof(float) == model::output(0).bytes / element_bytes(model::output(0).dtype);
}

void say_results(Text& text) {
    const Tensor output = model::output(0);
    const size_t elements = output.bytes / element_bytes(output.dtype);
    text << "m-results-[";
    if (is_anomaly_detector()) {
        float sum = 0.0f;
        for (size_t i = 0; i < elements; ++i) {
            const float error = db_float(i) - real_value(output, i);
            sum += error * error;
        }
        text.milli(sum / static_cast<float>(elements));
    } else {
        for (size_t i = 0; i < elements; ++i) {
            if (i > 0) {
                text << ',';
            }
            text.milli(real_value(output, i));
        }
    }
    text << kEnd;
}

void say_lap(Text& text, uint64_t ticks) {
    text << "m-lap-us-" << static_cast<uint32_t>(to_microseconds(ticks)) << "\r\n";
}

// Runs `count` inferences; `ticks` counts only the inferences.
Status run(uint32_t count, uint64_t* ticks) {
    *ticks = 0;
    for (uint32_t i = 0; i < count; ++i) {
        fill_input();
        start_clock();
        const Status status = model::invoke(nullptr);
        *ticks += port::ticks();
        if (status != Status::kOk) {
            return status;
        }
    }
    return Status::kOk;
}

void infer(Text& text, uint32_t count, uint32_t warm_ups) {
    if (setup_result.status != Status::kOk) {
        text << "e-[The model is not ready: status " << static_cast<uint32_t>(setup_result.status) << " detail "
             << setup_result.detail << kEnd;
        return;
    }
    if (db_loaded == 0 || db_loaded < db_expected || db_loaded != db_needed()) {
        text << "e-[The model takes " << db_needed() << " bytes, the buffer holds " << db_loaded << kEnd;
        return;
    }
    uint64_t ticks;
    text << "m-warmup-start-" << warm_ups << "\r\n";
    text.flush();
    Status status = run(warm_ups, &ticks);
    if (status == Status::kOk) {
        text << "m-warmup-done\r\nm-infer-start-" << count << "\r\n";
        const uint64_t begin = run_ticks();
        say_lap(text, begin);
        text.flush();
        status = run(count, &ticks);
        if (status == Status::kOk) {
            say_lap(text, begin + ticks);  // without the time for filling the input between inferences
            text << "m-infer-done\r\n";
            say_results(text);
            return;
        }
    }
    text << "e-[The inference failed: status " << static_cast<uint32_t>(status) << " detail " << model::detail()
         << kEnd;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// The next word of *at, null-terminated in place; "" if there is none.
char* next_word(char** at) {
    char* word = *at;
    while (*word == ' ') {
        ++word;
    }
    char* end = word;
    while (*end != '\0' && *end != ' ') {
        ++end;
    }
    *at = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

// The C library's strcmp() is optimized for speed and takes over 700 bytes on Arm.
bool same(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a) {
        ++b;
    }
    return *a == *b;
}

// Decimal digits; `fallback` for "", 0 for what is not a number of at most nine digits.
uint32_t number(const char* word, uint32_t fallback) {
    if (*word == '\0') {
        return fallback;
    }
    uint32_t value = 0;
    for (int digits = 0; *word != '\0'; ++word, ++digits) {
        if (*word < '0' || *word > '9' || digits == 9) {
            return 0;
        }
        value = value * 10 + static_cast<uint32_t>(*word - '0');
    }
    return value;
}

void db_load(Text& text, uint32_t bytes) {
    db_expected = 0;
    db_loaded = 0;
    if (bytes == 0) {
        text << "e-[Command 'db load' must be >0 bytes]\r\n";
    } else if (bytes > port::spare_ram().size) {
        text << "e-[The buffer takes at most " << static_cast<uint64_t>(port::spare_ram().size) << " bytes]\r\n";
    } else {
        db_expected = bytes;
        text << "m-[Expecting " << bytes << " bytes]\r\n";
    }
}

void db_print(Text& text) {
    for (uint32_t i = 0; i < db_loaded; ++i) {
        text << (i % 8 == 0 ? "m-buffer-" : "-");
        text.hex(port::spare_ram().data[i], 2);
        if (i % 8 == 7 || i + 1 == db_loaded) {
            text << "\r\n";
        }
    }
}

void db_bytes(Text& text, const char* digits) {
    if (strlen(digits) % 2 != 0) {
        text << "e-[Insufficent number of hex digits]\r\n";  // spelled as in the reference
        return;
    }
    for (const char* at = digits; *at != '\0'; at += 2) {
        if (hex_digit(at[0]) < 0 || hex_digit(at[1]) < 0) {
            text << "e-[Invalid hex digit '" << at[0] << at[1] << "']\r\n";
            return;
        }
    }
    const bool was_full = db_loaded == db_expected;
    for (; *digits != '\0' && db_loaded < db_expected; digits += 2) {
        port::spare_ram().data[db_loaded++] = static_cast<uint8_t>(hex_digit(digits[0]) << 4 | hex_digit(digits[1]));
    }
    if (!was_full && db_loaded == db_expected) {
        text << "m-load-done\r\n";
    }
}

void carry_out(Text& text) {
    char* rest = reinterpret_cast<char*>(received);
    const char* verb = next_word(&rest);
    const auto is = [&verb](const char* name) { return same(verb, name); };
    if (is("name")) {
        text << "m-name-dut-[kerf]\r\n";
    } else if (is("profile")) {
        text << "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" << model::kDescriptor.mlperf_id << kEnd;
    } else if (is("timestamp")) {
        say_lap(text, run_ticks());
    } else if (is("help")) {
        text << "kerf, MLPerf-Tiny-compatible protocol; model " << model::kDescriptor.name << ", runtime "
             << model::kDescriptor.runtime << "\r\nname% profile% timestamp% help% results%\r\n"
             << "db load BYTES% db HEX% db print% infer TIMES [WARM_UPS]%\r\n";
    } else if (is("db")) {
        const char* argument = next_word(&rest);
        if (same(argument, "load")) {
            db_load(text, number(next_word(&rest), 0));
        } else if (same(argument, "print")) {
            db_print(text);
        } else {
            db_bytes(text, argument);
        }
    } else if (is("infer")) {
        const uint32_t count = number(next_word(&rest), 1);
        const uint32_t warm_ups = number(next_word(&rest), 10);
        if (count == 0) {
            text << "e-[Command 'infer' needs a number of inferences above 0]\r\n";
        } else {
            infer(text, count, warm_ups);
        }
    } else if (is("results")) {
        if (setup_result.status == Status::kOk) {
            say_results(text);
        }
    } else {
        text << "e-[Unknown command: " << verb << kEnd;
    }
}

}  // namespace

void boot() {
    // The binary boot record came first; for a host that reads lines, the line break ends it.
    Text text;
    text << "\r\nm-timestamp-mode-performance\r\n";
    say_lap(text, run_ticks());
    text << "m-init-done\r\nm-ready\r\n";
}

void take(uint8_t byte) {
    const bool printable = byte >= ' ' && byte <= '~';
    const bool letter = byte >= 'a' && byte <= 'z';
    if (!printable || (command_size == 0 && !letter)) {
        return;  // line breaks that some hosts add, and noise
    }
    if (byte != '%') {
        // As in the reference, further characters of an overlong command overwrite the last one.
        command_size = command_size < kMaxCommand ? command_size + 1 : command_size;
        received[command_size - 1] = byte;
        return;
    }
    received[command_size] = '\0';
    command_size = 0;
    Text text;
    carry_out(text);
    text << "m-ready\r\n";
}

void abandon_command() {
    command_size = 0;
}

void drop_input() {
    db_expected = db_loaded = 0;
}

}  // namespace kerf::bench::mlperf
