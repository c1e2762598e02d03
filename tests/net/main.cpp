// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
    constexpr int k_skipped = 77;
    if (::unshare(CLONE_NEWNET) != 0) {
        std::fprintf(stderr, "skipped: cannot make a network namespace (%s); run as root\n", std::strerror(errno));
        return k_skipped;
    }
    return Catch::Session().run(argc, argv);
}
