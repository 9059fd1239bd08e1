// Which firmware this is. kerf renders it with every project (bench/identity.cpp), and the host reads it before
// measuring, so that it records what actually ran.
#pragma once

namespace kerf::bench {

struct Identity {
    const char* target;  // an environment of platformio.ini
    const char* core;    // GCC's -mcpu name
    const char* build;   // digest of all other sources and options of the project
};
extern const Identity kIdentity;

}  // namespace kerf::bench
