// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "network.hpp"

#include <bpf/bpf.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>

namespace {

constexpr int k_skip = 77;

int skip(const char* what) {
    std::fprintf(stderr, "skipped: %s\n", what);
    return k_skip;
}

}  // namespace

int main(int argument_count, char** arguments) {
    if (geteuid() != 0) {
        return skip("not root");
    }
    if (unshare(CLONE_NEWNET) != 0) {
        return skip("no private network namespace (unshare)");
    }
    const int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 4, 1, nullptr);
    if (map < 0) {
        return skip("bpf() is not allowed here");
    }
    close(map);
    if (!rudder::test::has_veth()) {
        return skip("no veth devices (or no ip command)");
    }
    return Catch::Session().run(argument_count, arguments);
}
