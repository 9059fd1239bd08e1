#include "bench/bench.h"

#include "bench/state.h"
#include "bench/text.h"
#include "bench/wire.h"
#include "model/model.h"
#include "port/busy.h"
#include "port/port.h"

namespace kerf::bench {

Setup setup_result = {};
uint8_t received[kMaxReceivedBytes];

namespace {

constexpr uint8_t kFaultRecord = 0xe1;

Decoder decoder(received);
uint64_t ticks_before = 0;  // counted before the latest start_clock()

uint32_t tensors_crc32(model::Tensor (*tensor)(uint32_t), uint32_t count) {
    uint32_t crc = 0;
    for (uint32_t i = 0; i < count; ++i) {
        const model::Tensor t = tensor(i);
        crc = crc32(t.data, t.bytes, crc);
    }
    return crc;
}

}  // namespace

void start_clock() {
    ticks_before += port::ticks();
    port::start_ticks();
}

uint64_t run_ticks() {
    return ticks_before + port::ticks();
}

uint64_t to_microseconds(uint64_t ticks) {
    const uint32_t hz = port::clock().hz;
    return ticks / hz * 1'000'000 + ticks % hz * 1'000'000 / hz;
}

uint32_t inputs_crc32() {
    return tensors_crc32(model::input, model::kDescriptor.input_count);
}

uint32_t outputs_crc32() {
    return tensors_crc32(model::output, model::kDescriptor.output_count);
}

void start() {
    port::set_busy(false);
    port::start_ticks();
    setup_result.status = model::setup();
    setup_result.ticks = port::ticks();
    setup_result.detail = setup_result.status == model::Status::kOk ? 0 : model::detail();
    native::boot();
    mlperf::boot();
}

void step() {
    uint8_t byte;
    if (!port::read(&byte)) {
        port::idle();
        return;
    }
    switch (decoder.feed(byte)) {
        case Decoder::Event::kText:
            if (!native::paused()) {
                mlperf::take(byte);
            }
            break;
        case Decoder::Event::kDelimiter:
            mlperf::abandon_command();
            break;
        case Decoder::Event::kFrame:
            native::take(decoder.frame());
            break;
        case Decoder::Event::kNone:
            break;
    }
}

void report_fault(const Fault& fault) {
    {
        uint8_t wire[kMaxWireBytes];  // its own: the latest answer may be half written
        Payload payload(wire);
        const uint32_t words[] = {fault.kind, fault.pc,   fault.lr,      fault.psr,
                                  fault.cfsr, fault.hfsr, fault.address, fault.sp};
        for (const uint32_t word : words) {
            payload.u32(word);
        }
        port::write(wire, payload.frame(kFaultRecord, 0));
    }
    Text text;
    text << "\r\ne-[fault " << fault.kind << " pc ";
    text.hex(fault.pc, 8) << " lr ";
    text.hex(fault.lr, 8) << "]\r\n";
}

}  // namespace kerf::bench

void kerf::model::report_damage(uint32_t op, uint32_t offset, uint32_t line) {
    bench::Fault fault{};
    fault.kind = bench::kOutside;
    fault.pc = offset;
    fault.psr = op;
    fault.address = line;
    bench::report_fault(fault);
}
