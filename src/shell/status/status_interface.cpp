// SPDX-License-Identifier: Apache-2.0
#include "shell/status/status_interface.hpp"

#include <array>
#include <malloc.h>
#include <string_view>
#include <utility>

namespace rudder {
namespace {

/// What is made at one go: some tenths of a millisecond's work.
constexpr std::size_t k_piece_bytes = std::size_t{1} << 15;
constexpr std::size_t k_large_bytes = std::size_t{1} << 20;

struct Method {
    std::string_view name;
    Document (*report)(const SharedSnapshot&);
};
constexpr std::array k_methods = {
    Method{"io.rudder.Status.Rules", report_rules},           Method{"io.rudder.Status.Stats", report_stats},
    Method{"io.rudder.Status.Interfaces", report_interfaces}, Method{"io.rudder.Status.Maps", report_maps},
    Method{"io.rudder.Status.Internals", report_internals},   Method{"io.rudder.Status.Config", report_config},
};

/// Writes a report, and lets go of it.
class ReportWriter {
public:
    explicit ReportWriter(Document report) : report_(std::move(report)) {}

    bool operator()(std::string& out) {
        const std::size_t begin = out.size();
        const bool is_more = report_.write(out, k_piece_bytes);
        bytes_ += out.size() - begin;
        if (!is_more) finish();
        return is_more;
    }

private:
    /// Of a large policy the snapshot was large, too; glibc would keep its pages.
    void finish() {
        report_ = Document(std::string());
        if (bytes_ > k_large_bytes) (void)malloc_trim(0);
    }

    Document report_;
    std::size_t bytes_ = 0;
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

varlink::Answer answer_status(const varlink::Call& call, const std::function<Snapshot()>& take_snapshot) {
    for (const Method& method : k_methods) {
        if (call.method != method.name) continue;
        return varlink::reply_in_pieces(ReportWriter(method.report(std::make_shared<const Snapshot>(take_snapshot()))));
    }
    return varlink::method_not_found(call);
}

}  // namespace rudder
