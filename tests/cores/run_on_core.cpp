// Runs a rendered model on an emulated core, without ports, bench or serial line: samples come from a file of the host
// and outputs go to another, by semihosting. Both hold every input (output) of the first sample, then of the next.
//
// Exit code of QEMU: 0, or 1 when a file could not be used, setup or an inference failed, or the core took a fault.
#include <stdint.h>

#include "model/model.h"

extern "C" {
extern uint32_t __stack_top[];
extern uint32_t __data_begin[], __data_end[], __data_source[], __bss_begin[], __bss_end[];
void reset_handler();
void fault_handler();
}

namespace {

// Arm's semihosting, "Semihosting for AArch32 and AArch64", M profile, which RISC-V shares except for the instruction
// ("RISC-V Semihosting", 3.1).
enum Call : uint32_t { kOpen = 0x01, kClose = 0x02, kWrite = 0x05, kRead = 0x06, kExitExtended = 0x20 };
constexpr uint32_t kReadBinary = 1, kWriteBinary = 5;  // fopen's "rb" and "wb"
constexpr uint32_t kApplicationExit = 0x20026;

uint32_t call(Call number, const void* block) {
#if defined(__riscv)
    register uint32_t a0 asm("a0") = number;
    register const void* a1 asm("a1") = block;
    asm volatile(
        "   .balign 16\n"  // while RVC is on: without it, too few bytes are left for the linker to align them again
        "   .option push\n"
        "   .option norvc\n"
        "   slli x0, x0, 0x1f\n"
        "   ebreak\n"
        "   srai x0, x0, 7\n"
        "   .option pop\n"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    return a0;
#else
    register uint32_t r0 asm("r0") = number;
    register const void* r1 asm("r1") = block;
    asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#endif
}

[[noreturn]] void leave(uint32_t code) {
    const uint32_t block[] = {kApplicationExit, code};
    for (;;) call(kExitExtended, block);
}

uint32_t address(const void* pointer) {
    return reinterpret_cast<uint32_t>(pointer);
}

uint32_t open(const char* name, uint32_t length, uint32_t mode) {
    const uint32_t block[] = {address(name), mode, length};
    const uint32_t file = call(kOpen, block);
    if (file == UINT32_MAX) leave(1);
    return file;
}

// Both return how many bytes were not read or written.
uint32_t read(uint32_t file, void* data, uint32_t bytes) {
    const uint32_t block[] = {file, address(data), bytes};
    return call(kRead, block);
}

uint32_t write(uint32_t file, const void* data, uint32_t bytes) {
    const uint32_t block[] = {file, address(data), bytes};
    return call(kWrite, block);
}

void run() {
    using namespace kerf;
    const uint32_t samples = open("samples", 7, kReadBinary), outputs = open("outputs", 7, kWriteBinary);
    if (model::setup() != model::Status::kOk) leave(1);
    for (;;) {
        for (uint32_t i = 0; i < model::kDescriptor.input_count; ++i) {
            const model::Tensor tensor = model::input(i);
            if (read(samples, tensor.data, tensor.bytes) != 0) {
                call(kClose, &outputs);
                leave(0);
            }
        }
        if (model::invoke(nullptr) != model::Status::kOk) leave(1);
        for (uint32_t i = 0; i < model::kDescriptor.output_count; ++i) {
            const model::Tensor tensor = model::output(i);
            if (write(outputs, tensor.data, tensor.bytes) != 0) leave(1);
        }
    }
}

}  // namespace

// Of a model with guards: the operator and the byte go to the file "damage".
void kerf::model::report_damage(uint32_t op, uint32_t offset, uint32_t) {
    const uint32_t words[] = {op, offset};
    const uint32_t file = open("damage", 6, kWriteBinary);
    write(file, words, sizeof(words));
    call(kClose, &file);
}

extern "C" {

[[gnu::used]] void start() {
    for (uint32_t *from = __data_source, *to = __data_begin; to < __data_end;) *to++ = *from++;
    for (uint32_t* to = __bss_begin; to < __bss_end;) *to++ = 0;
#if defined(__ARM_ARCH) && !defined(__ARM_FEATURE_UNALIGNED)
    // CCR.UNALIGN_TRP: what the core that this is compiled for cannot do is a fault on the one that it runs on, too.
    auto& configuration = *reinterpret_cast<volatile uint32_t*>(0xe000ed14);
    configuration = configuration | 1u << 3;
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *reinterpret_cast<volatile uint32_t*>(0xe000ed88) = 0xfu << 20;  // CPACR: the FPU, and Helium with it
    asm volatile("dsb\n\tisb" ::: "memory");
#endif
    run();
}

#if defined(__riscv)

[[gnu::naked, gnu::section(".vectors"), gnu::used]] void reset_handler() {
    asm volatile(
        "   .option push\n"
        "   .option norelax\n"
        "   la gp, __global_pointer$\n"
        "   .option pop\n"
        "   la sp, __stack_top\n"
        "   la t0, fault_handler\n"
        "   csrw mtvec, t0\n"
        "   j start\n");
}

[[gnu::aligned(4)]] void fault_handler() {
    leave(1);
}

#else

void reset_handler() {
    start();
}

void fault_handler() {
    leave(1);
}

[[gnu::section(".vectors"), gnu::used]] const void* const vectors[16] = {
    __stack_top,
    reinterpret_cast<const void*>(reset_handler),
    reinterpret_cast<const void*>(fault_handler),
    reinterpret_cast<const void*>(fault_handler),
    reinterpret_cast<const void*>(fault_handler),
    reinterpret_cast<const void*>(fault_handler),
    reinterpret_cast<const void*>(fault_handler),
};

#endif

}  // extern "C"
