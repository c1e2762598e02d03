// SPDX-License-Identifier: Apache-2.0
#include "lab.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <net/if.h>
#include <sched.h>

namespace rudder::bench {

namespace {

Result<Device> describe(const std::string& name) {
    std::string text;
    std::ifstream("/sys/class/net/" + name + "/address") >> text;
    const auto mac = parse_mac_address(text);
    const unsigned index = if_nametoindex(name.c_str());
    if (!mac || index == 0) return Error{"no device " + name, ENODEV};
    return Device{name, index, *mac};
}

}  // namespace

Status run_command(const std::string& command) {
    const int status = std::system((command + " >/dev/null 2>&1").c_str());
    if (status != 0) return Error{fmt::format("`{}` ended with status {}", command, status)};
    return {};
}

Status pin_to_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) return Error{"sched_setaffinity", errno};
    return {};
}

Result<Lab> make_lab() {
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return Error{"unshare a network namespace", errno};
    for (const char* command : {
             "mount --make-rprivate / && mount -t sysfs sysfs /sys",
             "ip link set lo up",
             "ip link add gen0 type veth peer name in0",
             "ip link add out0 type veth peer name sink0",
             "ip link set gen0 up && ip link set in0 up && ip link set out0 up && ip link set sink0 up",
             "ip addr add 192.0.2.1/24 dev in0 && ip addr add 198.51.100.1/24 dev out0",
             "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.in0.rp_filter=0",
         })
        if (auto status = run_command(command); !status) return status.error();
    Lab lab;
    for (auto [name, device] : {std::pair{"gen0", &lab.generator}, {"in0", &lab.input}, {"out0", &lab.output}, {"sink0", &lab.sink}}) {
        auto found = describe(name);
        if (!found) return found.error();
        *device = found.value();
    }
    const auto via_sink = fmt::format("ip neigh add 198.51.100.2 lladdr {} dev out0 nud permanent && "
                                      "ip route add default via 198.51.100.2", to_string(lab.sink.mac));
    if (auto status = run_command(via_sink); !status) return status.error();
    return lab;
}

}  // namespace rudder::bench
