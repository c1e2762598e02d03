// SPDX-License-Identifier: Apache-2.0
#include "bpf_call_seam.hpp"

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace {

// Process-wide by nature: this stands in for a function of the C library.
int failing_call = 0;
int failing_error = 0;
int call_count = 0;

}  // namespace

/// Takes the place of the C library's function for libbpf as well, which makes every bpf() call through it.
extern "C" long syscall(long number, ...) noexcept {
    va_list arguments;
    va_start(arguments, number);
    long values[6];
    for (long& value : values) {
        value = va_arg(arguments, long);
    }
    va_end(arguments);
    if (number == __NR_bpf && ++call_count == failing_call) {
        errno = failing_error;
        return -1;
    }
    using Syscall = long (*)(long, ...);
    static const auto real = reinterpret_cast<Syscall>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

namespace rudder::test {

void fail_bpf_call(int n, int error) {
    failing_call = n;
    failing_error = error;
    call_count = 0;
}

int bpf_calls() { return call_count; }

}  // namespace rudder::test
