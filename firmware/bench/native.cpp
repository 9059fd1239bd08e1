// The native dialect: requests and answers in frames (docs/protocol.md, "Records").
//
// Stop-and-wait: the latest answer is kept as sent, and a request that is repeated byte for byte gets the same answer
// again, without doing the work twice.
#include <string.h>

#include "bench/bench.h"
#include "bench/identity.h"
#include "bench/state.h"
#include "bench/wire.h"
#include "model/model.h"
#include "port/busy.h"
#include "port/port.h"

namespace kerf::bench::native {
namespace {

enum Type : uint8_t {
    kHello = 0x01,
    kWrite = 0x02,
    kInvoke = 0x03,
    kRead = 0x05,
    kStats = 0x06,
    kCalibrate = 0x07,
    kReset = 0x08,
    kCapture = 0x09,
    kResume = 0x0a,
    kResetState = 0x0b,
    kStarted = 0x83,
    kDone = 0x84,
    kBoot = 0xe0,
    kRefusal = 0xff,
};
constexpr uint8_t kAnswer = 0x80;  // added to the request's type

enum Code : uint8_t {
    kNoSession = 1,
    kUnknownRequest = 2,
    kBadLength = 3,
    kOutOfRange = 4,
    kInputCrc = 5,
    kNotReady = 6,
    kBadVersion = 7,
    kBusy = 8,
};

enum Object : uint8_t { kOutput = 0, kOpTicks = 1, kText = 2, kInputInfo = 3, kOutputInfo = 4, kPaused = 5 };

constexpr uint16_t kCanProfile = 1, kCanCapture = 2, kKeepsState = 4;
constexpr uint8_t kProfile = 1;

// By index. These are addresses of the pointers, because the pointers' values are only known to other files, so copying
// them would need code at run time.
constexpr const char* const* kTexts[] = {
    &model::kDescriptor.name,
    &model::kDescriptor.mlperf_id,
    &model::kDescriptor.runtime,
    &model::kDescriptor.kernels,
    &kIdentity.target,
    &kIdentity.core,
    &kIdentity.build,
};

struct Bytes {
    const void* data;
    size_t size;
};

bool session_open = false;
uint32_t session = 0;
uint8_t wire[kMaxWireBytes];  // the latest answer; payloads are built here
size_t wire_bytes = 0;
uint32_t answered_crc = 0;  // of the request it answers

// Per-operator ticks, a little-endian uint64 each, are in the port's spare RAM, so they cost the model nothing.
uint32_t ops_timed = 0;
uint64_t op_started = 0;

bool can_profile() {
    return model::kDescriptor.op_count > 0 && port::spare_ram().size >= sizeof(uint64_t) * model::kDescriptor.op_count;
}

void after_op(uint32_t op, const void*, uint32_t) {
    const uint64_t taken = port::ticks() - op_started;
    if (op < model::kDescriptor.op_count) {
        store(port::spare_ram().data + sizeof(uint64_t) * op, taken, sizeof(uint64_t));
        ops_timed = op + 1;
    }
    op_started = port::ticks();  // the time of this function is not charged to an operator
}

// A captured inference pauses after an operator, so that the host can read that operator's output in place: it will be
// overwritten, and there is no RAM for a copy. Meanwhile the bench's loop runs inside the model's invoke().
constexpr uint32_t kNoOp = 0xffff;
uint32_t pause_after = kNoOp;
bool is_paused = false;
bool is_abandoned = false;  // a new session was opened, so the host does not wait for the end of this inference
uint8_t capture_seq = 0;    // of the latest CAPTURE or RESUME, which is answered by the next pause or the end
Bytes paused_output = {nullptr, 0};

void send(uint8_t type, uint8_t seq, Payload payload = Payload(wire)) {
    wire_bytes = payload.frame(type, seq);
    port::write(wire, wire_bytes);
}

void pause_op(uint32_t op, const void* output, uint32_t bytes) {
    if (op != pause_after) {
        return;
    }
    paused_output = {output, bytes};
    is_paused = true;
    Payload payload(wire);
    payload.u16(static_cast<uint16_t>(op));
    payload.u32(bytes);
    payload.u32(crc32(output, bytes));
    send(kCapture | kAnswer, capture_seq, payload);
    while (is_paused) {
        step();
    }
}

void refuse(const Frame& request, Code code, uint32_t detail, const char* text) {
    Payload payload(wire);
    payload.u8(code);
    payload.u32(detail);
    payload.bytes(text, strlen(text));
    send(kRefusal, request.seq, payload);
}

void hello(const Frame& request) {
    const uint8_t version = request.payload[0];
    if (version != kProtocolVersion) {
        refuse(request, kBadVersion, kProtocolVersion, "other protocol version");
        return;
    }
    session = static_cast<uint32_t>(load(request.payload + 1, 4));
    session_open = true;
    is_abandoned = is_paused;
    is_paused = false;
    pause_after = kNoOp;
    const port::Clock clock = port::clock();
    Payload payload(wire);
    payload.u8(kProtocolVersion);
    payload.u16(static_cast<uint16_t>((can_profile() ? kCanProfile : 0) |
                                      (model::kDescriptor.op_count > 0 ? kCanCapture : 0) |
                                      (model::kDescriptor.keeps_state ? kKeepsState : 0)));
    payload.u32(session);
    payload.bytes(model::kDescriptor.sha256, sizeof(model::kDescriptor.sha256));
    payload.u8(static_cast<uint8_t>(clock.unit));
    payload.u32(clock.hz);
    payload.u8(model::kDescriptor.input_count);
    payload.u8(model::kDescriptor.output_count);
    payload.u16(model::kDescriptor.op_count);
    payload.u8(static_cast<uint8_t>(setup_result.status));
    payload.u32(setup_result.detail);
    send(kHello | kAnswer, request.seq, payload);
}

void write(const Frame& request) {
    const uint8_t index = request.payload[0];
    const auto offset = static_cast<uint32_t>(load(request.payload + 1, 4));
    const auto count = static_cast<uint32_t>(request.size - 5);
    if (index >= model::kDescriptor.input_count) {
        refuse(request, kOutOfRange, model::kDescriptor.input_count, "no such input");
        return;
    }
    const model::Tensor input = model::input(index);
    if (offset > input.bytes || count > input.bytes - offset) {
        refuse(request, kOutOfRange, input.bytes, "beyond the end of the input");
        return;
    }
    memcpy(static_cast<uint8_t*>(input.data) + offset, request.payload + 5, count);
    Payload payload(wire);
    payload.u32(offset + count);
    send(kWrite | kAnswer, request.seq, payload);
}

bool has_inputs(const Frame& request, uint64_t wanted_crc) {
    const uint32_t crc = inputs_crc32();
    if (crc != wanted_crc) {
        refuse(request, kInputCrc, crc, "the inputs are not those of the CRC");
    }
    return crc == wanted_crc;
}

// An inference is over, which took so many ticks.
void send_done(uint8_t seq, model::Status status, uint64_t ticks) {
    port::set_busy(false);
    Payload payload(wire);
    payload.u8(static_cast<uint8_t>(status));
    payload.u32(status == model::Status::kOk ? 0 : model::detail());
    payload.u64(ticks);
    payload.u32(outputs_crc32());
    send(kDone, seq, payload);
}

void invoke(const Frame& request) {
    const bool profile = (request.payload[0] & kProfile) != 0;
    if (profile && !can_profile()) {
        refuse(request, kOutOfRange, 0, "no spare RAM for operator times");
        return;
    }
    if (!has_inputs(request, load(request.payload + 1, 4))) {
        return;
    }
    send(kStarted, request.seq);
    if (profile) {
        mlperf::drop_input();
        ops_timed = 0;
    }
    port::set_busy(!profile);  // a profiled inference takes longer, and would need more energy
    start_clock();
    op_started = 0;
    const model::Status status = model::invoke(profile ? after_op : nullptr);
    send_done(request.seq, status, port::ticks());
}

// Sets the operator after which to pause next. From here on, another request may overwrite `request`.
bool pause_next(const Frame& request) {
    const auto op = static_cast<uint32_t>(load(request.payload, 2));
    if (op != kNoOp && op >= model::kDescriptor.op_count) {
        refuse(request, kOutOfRange, model::kDescriptor.op_count, "no such operator");
        return false;
    }
    pause_after = op;
    capture_seq = request.seq;
    send(kStarted, request.seq);
    return true;
}

void capture(const Frame& request) {
    if (!has_inputs(request, load(request.payload + 2, 4)) || !pause_next(request)) {
        return;
    }
    is_abandoned = false;
    const model::Status status = model::invoke(pause_op);
    if (!is_abandoned) {
        send_done(capture_seq, status, 0);  // no time: most of it was spent waiting for the host
    }
}

void resume(const Frame& request) {
    if (!is_paused) {
        refuse(request, kOutOfRange, 0, "no inference is paused");
    } else if (pause_next(request)) {
        is_paused = false;
    }
}

constexpr size_t kInfoBytes = 13;

void describe(const model::Tensor& tensor, uint8_t* into) {
    uint32_t scale_bits;
    static_assert(sizeof(scale_bits) == sizeof(tensor.scale));
    memcpy(&scale_bits, &tensor.scale, sizeof(scale_bits));
    store(into, tensor.bytes, 4);
    store(into + 4, static_cast<uint8_t>(tensor.dtype), 1);
    store(into + 5, scale_bits, 4);
    store(into + 9, static_cast<uint32_t>(tensor.zero_point), 4);
}

bool is_ready(const Frame& request) {
    const bool ready = setup_result.status == model::Status::kOk;
    if (!ready) {
        refuse(request, kNotReady, setup_result.detail, "setup failed");
    }
    return ready;
}

void read(const Frame& request) {
    const uint8_t object = request.payload[0];
    if (object != kText && !is_ready(request)) {  // a firmware can always identify itself
        return;
    }
    const uint8_t index = request.payload[1];
    const auto offset = static_cast<uint32_t>(load(request.payload + 2, 4));
    size_t count = request.payload[6];

    const model::Descriptor& model = model::kDescriptor;
    Bytes from = {nullptr, 0};
    uint8_t info[kInfoBytes];
    bool known = false;
    switch (object) {
        case kOutput:
            known = index < model.output_count;
            if (known) {
                const model::Tensor output = model::output(index);
                from = {output.data, output.bytes};
            }
            break;
        case kOpTicks:
            known = index == 0;
            from = {port::spare_ram().data, sizeof(uint64_t) * ops_timed};
            break;
        case kPaused:
            known = is_paused && index == 0;
            if (known) {
                from = paused_output;
            }
            break;
        case kText: {
            known = index < sizeof(kTexts) / sizeof(kTexts[0]);
            if (known) {
                const char* const text = *kTexts[index];
                from = {text, strlen(text)};
            }
            break;
        }
        case kInputInfo:
        case kOutputInfo:
            known = index < (object == kInputInfo ? model.input_count : model.output_count);
            if (known) {
                describe(object == kInputInfo ? model::input(index) : model::output(index), info);
                from = {info, sizeof(info)};
            }
            break;
        default:
            break;
    }
    if (!known || offset > from.size) {
        refuse(request, kOutOfRange, static_cast<uint32_t>(from.size), "no such object, index or offset");
        return;
    }
    count = count < from.size - offset ? count : from.size - offset;
    count = count < kMaxPayloadBytes ? count : kMaxPayloadBytes;
    Payload payload(wire);
    payload.bytes(static_cast<const uint8_t*>(from.data) + offset, count);
    send(kRead | kAnswer, request.seq, payload);
}

void stats(const Frame& request) {
    Payload payload(wire);
    payload.u64(setup_result.ticks);
    payload.u32(port::stack_used_bytes());
    payload.u32(port::stack_size_bytes());
    payload.u32(model::kDescriptor.arena_bytes);
    payload.u32(model::arena_used_bytes());
    send(kStats | kAnswer, request.seq, payload);
}

void calibrate(const Frame& request) {
    const auto turns = static_cast<uint32_t>(load(request.payload, 4));
    if (turns == 0) {
        refuse(request, kOutOfRange, 0, "turns must be above 0");
        return;
    }
    start_clock();
    const uint32_t instructions = port::spin(turns);
    const uint64_t ticks = port::ticks();
    Payload payload(wire);
    payload.u32(instructions);
    payload.u64(ticks);
    send(kCalibrate | kAnswer, request.seq, payload);
}

void reset_state(const Frame& request) {
    const model::Status status = model::reset();
    Payload payload(wire);
    payload.u8(static_cast<uint8_t>(status));
    payload.u32(status == model::Status::kOk ? 0 : model::detail());
    send(kResetState | kAnswer, request.seq, payload);
}

void reset(const Frame& request) {
    send(kReset | kAnswer, request.seq);
    port::reset();
}

// A request: its payload has `bytes` bytes, or at least that many if `more` may follow.
struct Request {
    uint8_t type;
    uint8_t bytes;
    bool more;
    bool needs_model;
    bool when_paused;  // is allowed while an inference is paused
    void (*handle)(const Frame&);
};
constexpr Request kRequests[] = {
    {kHello, 5, true, false, true, hello},  // later versions may add fields
    {kWrite, 5, true, true, false, write},
    {kInvoke, 5, false, true, false, invoke},
    {kRead, 7, false, false, true, read},
    {kStats, 0, false, false, true, stats},
    {kCalibrate, 4, false, false, false, calibrate},
    {kReset, 0, false, false, true, reset},
    {kCapture, 6, false, true, false, capture},
    {kResume, 2, false, true, true, resume},
    {kResetState, 0, false, true, false, reset_state},
};

void answer(const Frame& request) {
    for (const Request& known : kRequests) {
        if (known.type != request.type) {
            continue;
        }
        if (request.size < known.bytes || (request.size > known.bytes && !known.more)) {
            refuse(request, kBadLength, known.bytes, "wrong length");
        } else if (known.type != kHello && !session_open) {
            refuse(request, kNoSession, 0, "say hello first");
        } else if (is_paused && !known.when_paused) {
            refuse(request, kBusy, pause_after, "an inference is paused");
        } else if (!known.needs_model || is_ready(request)) {
            known.handle(request);
        }
        return;
    }
    refuse(request, kUnknownRequest, request.type, "unknown request");
}

}  // namespace

bool paused() {
    return is_paused;
}

void boot() {
    Payload payload(wire);
    payload.u8(kProtocolVersion);
    payload.u8(static_cast<uint8_t>(setup_result.status));
    payload.u32(setup_result.detail);
    payload.u64(setup_result.ticks);
    send(kBoot, 0, payload);
    wire_bytes = 0;
}

void take(const Frame& frame) {
    // The CRC covers type, sequence number and payload: if it is equal, this is the same request again.
    if (session_open && frame.type != kHello && wire_bytes > 0 && frame.crc == answered_crc) {
        port::write(wire, wire_bytes);
        return;
    }
    answered_crc = frame.crc;
    answer(frame);
}

}  // namespace kerf::bench::native
