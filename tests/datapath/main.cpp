// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "datapath.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr int k_skip = 77;
Datapath* the_datapath = nullptr;
Topology* the_topology = nullptr;

int skip(const std::string& why) {
    std::fprintf(stderr, "skipped: %s\n", why.c_str());
    return k_skip;
}

/// A namespace of our own: clone redirects of test runs are real. /sys/class/net shows it after a fresh mount.
bool enter_private_network() {
    return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0;
}

bool make_devices() {
    bool is_made = ip_command("link set lo up");
    for (const std::string name : {"in0", "out0", "out1", "out2"}) {
        is_made = is_made && ip_command("link add " + name + " type veth peer name p-" + name) &&
                  ip_command("link set " + name + " up") && ip_command("link set p-" + name + " up");
        const Link link = device(name);
        the_topology->links.emplace(link.ifindex, link);
    }
    return is_made;
}

}  // namespace

namespace rudder::test {
Datapath& datapath() { return *the_datapath; }
const Topology& topology() { return *the_topology; }
}  // namespace rudder::test

int main(int argc, char** argv) {
    if (geteuid() != 0) {
        return skip("needs root: network namespaces, CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
    }
    if (!enter_private_network()) {
        return skip("needs CAP_SYS_ADMIN for a private network namespace");
    }
    Topology topology;
    the_topology = &topology;
    if (!make_devices()) {
        return skip("needs ip(8) and veth devices");
    }
    std::string why;
    const auto loaded = Datapath::load(why);
    if (!loaded) {
        return geteuid() == 0 && access("/sys/kernel/btf/vmlinux", R_OK) != 0 ? skip(why) : (std::fprintf(stderr, "%s\n", why.c_str()), 1);
    }
    the_datapath = loaded.get();
    return Catch::Session().run(argc, argv);
}
