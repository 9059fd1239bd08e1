// This machine as a board: the serial link is a loopback TCP socket.
//
//     firmware.elf PORT     serves on PORT (0: any free one) and prints "listening on PORT"
//
// It boots when the first client connects, which therefore gets the boot message. One client at a time; it may
// disconnect and reconnect. What is written without a client is lost, as on a UART.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/bench.h"
#include "port/port.h"

namespace {

using Steady = std::chrono::steady_clock;

Steady::time_point origin;
const char* program;
int server = -1;
int client = -1;
uint8_t received[4096];
size_t received_begin, received_end;
uint8_t spare[65536];

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

void listen_on(uint16_t number) {
    server = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    socklen_t length = sizeof address;
    if (bind(server, reinterpret_cast<sockaddr*>(&address), length) != 0) fail("bind");
    if (listen(server, 1) != 0) fail("listen");
    getsockname(server, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("listening on %u\n", static_cast<unsigned>(ntohs(address.sin_port)));
    std::fflush(stdout);
}

void hang_up() {
    close(client);
    client = -1;
}

// Waits up to `milliseconds` (-1: without a limit) for a client or for bytes from it.
void wait_for_input(int milliseconds) {
    pollfd waiting{client >= 0 ? client : server, POLLIN, 0};
    if (poll(&waiting, 1, milliseconds) <= 0) return;
    if (client < 0) {
        client = accept(server, nullptr, nullptr);
        const int on = 1;
        if (client >= 0) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return;
    }
    const ssize_t count = ::read(client, received, sizeof received);
    if (count <= 0) return hang_up();
    received_begin = 0;
    received_end = static_cast<size_t>(count);
}

}  // namespace

namespace kerf::port {

void init() {
    origin = Steady::now();
}

bool read(uint8_t* byte) {
    if (received_begin == received_end) wait_for_input(0);
    if (received_begin == received_end) return false;
    *byte = received[received_begin++];
    return true;
}

void write(const uint8_t* bytes, size_t count) {
    if (client < 0) wait_for_input(0);
    while (client >= 0 && count > 0) {
        const ssize_t sent = ::write(client, bytes, count);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return hang_up();
        bytes += sent;
        count -= static_cast<size_t>(sent);
    }
}

void idle() {
    wait_for_input(100);
}

Clock clock() {
    return {TickUnit::kMicroseconds, 1'000'000};
}

void kerf_start_ticks() {
    origin = Steady::now();
}

uint64_t kerf_ticks() {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - origin).count());
}

uint32_t spin(uint32_t) {
    return 0;
}

uint32_t stack_used_bytes() {
    return 0;
}
uint32_t stack_size_bytes() {
    return 0;
}

Span spare_ram() {
    return {spare, sizeof spare};
}

// A new process image that inherits both sockets: as on a board, the link survives the reset.
void reset() {
    char server_text[16], client_text[16];
    std::snprintf(server_text, sizeof server_text, "%d", server);
    std::snprintf(client_text, sizeof client_text, "%d", client);
    execl(program, program, "--inherit", server_text, client_text, static_cast<char*>(nullptr));
    fail(program);
}

}  // namespace kerf::port

int main(int argc, char** argv) {
    program = argv[0];
    std::signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && std::strcmp(argv[1], "--inherit") == 0) {
        server = std::atoi(argv[2]);
        client = std::atoi(argv[3]);
    } else if (argc == 2) {
        listen_on(static_cast<uint16_t>(std::atoi(argv[1])));
        wait_for_input(-1);
    } else {
        std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    kerf::port::init();
    kerf::bench::start();
    for (;;) kerf::bench::step();
}
