// SPDX-License-Identifier: Apache-2.0
#include "bpf_call_seam.hpp"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace {

struct Failure {
    int number = 0;
    int error = 0;
    int count = 0;

    bool is_due() {
        const bool is_it = ++count == number;
        if (is_it) {
            errno = error;
        }
        return is_it;
    }
};

// Process-wide by nature: these stand in for functions of the C library.
Failure bpf_failure;
int failing_command = rudder::test::k_any_command;
Failure send_failure;

bool is_counted(long number, long command) {
    return number == __NR_bpf && (failing_command == rudder::test::k_any_command || failing_command == command);
}

}  // namespace

// Both take the place of the C library's function for libbpf as well, which makes every bpf() call through the first.

extern "C" long syscall(long number, ...) noexcept {
    va_list arguments;
    va_start(arguments, number);
    long values[6];
    for (long& value : values) {
        value = va_arg(arguments, long);
    }
    va_end(arguments);
    if (is_counted(number, values[0]) && bpf_failure.is_due()) {
        return -1;
    }
    using Syscall = long (*)(long, ...);
    static const auto real = reinterpret_cast<Syscall>(dlsym(RTLD_NEXT, "syscall"));
    return real(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

extern "C" ssize_t send(int socket, const void* bytes, size_t size, int flags) {
    if (send_failure.is_due()) {
        return -1;
    }
    using Send = ssize_t (*)(int, const void*, size_t, int);
    static const auto real = reinterpret_cast<Send>(dlsym(RTLD_NEXT, "send"));
    return real(socket, bytes, size, flags);
}

namespace rudder::test {

void fail_bpf_call(int n, int error, int command) {
    bpf_failure = {n, error};
    failing_command = command;
}

int bpf_calls() { return bpf_failure.count; }

void fail_send(int n, int error) { send_failure = {n, error}; }

int sends() { return send_failure.count; }

}  // namespace rudder::test
