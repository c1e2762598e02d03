// SPDX-License-Identifier: Apache-2.0
#include "shell/status/status_interface.hpp"

#include <array>
#include <malloc.h>
#include <string_view>
#include <utility>

namespace rudder {
namespace {

constexpr std::size_t k_large_bytes = std::size_t{1} << 20;

struct Method {
    std::string_view name;
    std::string (*report)(const Snapshot&);
};
constexpr std::array k_methods = {
    Method{"io.rudder.Status.Rules", report_rules},           Method{"io.rudder.Status.Stats", report_stats},
    Method{"io.rudder.Status.Interfaces", report_interfaces}, Method{"io.rudder.Status.Maps", report_maps},
    Method{"io.rudder.Status.Internals", report_internals},   Method{"io.rudder.Status.Config", report_config},
};

}  // namespace

varlink::Interface status_interface() {
    return {"io.rudder.Status",
            "# What rudderd runs, as rudderstat(1) shows it. Read-only.\n"
            "interface io.rudder.Status\n\n"
            "# The rules of the running generation in the order they are looked at\n"
            "method Rules() -> ()\n"
            "# Packet and byte counters of rules and targets, and why packets were not treated\n"
            "method Stats() -> ()\n"
            "# Devices and the hooks on them\n"
            "method Interfaces() -> ()\n"
            "# BPF maps and their memory\n"
            "method Maps() -> ()\n"
            "# The daemon's own state and the choices made for this kernel\n"
            "method Internals() -> ()\n"
            "# Files of the running set and the findings of the last load\n"
            "method Config() -> ()\n"};
}

std::string answer_status(const varlink::Call& call, const std::function<Snapshot()>& take_snapshot) {
    for (const Method& method : k_methods) {
        if (call.method != method.name) continue;
        std::string report = method.report(take_snapshot());
        // Of a large policy the snapshot was large, too; glibc would keep its pages.
        if (report.size() > k_large_bytes) (void)malloc_trim(0);
        return varlink::reply(std::move(report));
    }
    return varlink::method_not_found(call);
}

}  // namespace rudder
