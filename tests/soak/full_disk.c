// Preloaded into kerf and everything that it starts: after a number of writes to files, the disk is full.
//
// The file named by KERF_SOAK_WRITES is the counter that all processes share, 8 bytes; KERF_SOAK_ROOM is how many
// writes succeed. Standard output and error are not counted.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static long* writes;
static long room;

__attribute__((constructor)) static void begin(void) {
    const char* const name = getenv("KERF_SOAK_WRITES");
    const char* const most = getenv("KERF_SOAK_ROOM");
    const int file = name != NULL && most != NULL ? open(name, O_RDWR) : -1;
    if (file < 0) return;
    void* const shared = mmap(NULL, sizeof *writes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared == MAP_FAILED) return;
    writes = shared;
    room = atol(most);
}

static int is_full(void) {
    if (writes == NULL || __atomic_add_fetch(writes, 1, __ATOMIC_RELAXED) <= room) return 0;
    errno = ENOSPC;
    return 1;
}

static int is_file(int number) {
    struct stat found;
    return number > 2 && fstat(number, &found) == 0 && S_ISREG(found.st_mode);
}

ssize_t write(int number, const void* data, size_t size) {
    static ssize_t (*real)(int, const void*, size_t);
    if (real == NULL) real = (ssize_t (*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
    return is_file(number) && is_full() ? -1 : real(number, data, size);
}

// What a C program writes to a stream does not pass through write() above: its disk is full when it opens the file.
static FILE* opened(const char* function, const char* name, const char* mode) {
    FILE* (*const real)(const char*, const char*) = (FILE * (*)(const char*, const char*)) dlsym(RTLD_NEXT, function);
    return strpbrk(mode, "wa") != NULL && is_full() ? NULL : real(name, mode);
}

FILE* fopen(const char* name, const char* mode) {
    return opened("fopen", name, mode);
}

FILE* fopen64(const char* name, const char* mode) {
    return opened("fopen64", name, mode);
}
