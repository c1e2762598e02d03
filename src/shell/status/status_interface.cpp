// SPDX-License-Identifier: Apache-2.0
#include "shell/status/status_interface.hpp"

#include <array>
#include <malloc.h>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace rudder {
namespace {

/// What is made at one go: some tenths of a millisecond's work.
constexpr std::size_t k_piece_bytes = std::size_t{1} << 15;
constexpr std::size_t k_many_rules = 10'000;

struct Method {
    std::string_view name;
    Document (*report)(const SharedSnapshot&);
};
constexpr std::array k_methods = {
    Method{"io.rudder.Status.Rules", report_rules},           Method{"io.rudder.Status.Stats", report_stats},
    Method{"io.rudder.Status.Interfaces", report_interfaces}, Method{"io.rudder.Status.Maps", report_maps},
    Method{"io.rudder.Status.Internals", report_internals},   Method{"io.rudder.Status.Config", report_config},
};

/// One report, made of a snapshot that is taken when the first piece is asked for.
class ReportWriter {
public:
    ReportWriter(const Method& method, std::function<Snapshot()> take_snapshot) : method_(method), take_snapshot_(std::move(take_snapshot)) {}
    ReportWriter(const ReportWriter&) = delete;
    ReportWriter& operator=(const ReportWriter&) = delete;
    /// Of a large policy the snapshot was large, too; glibc would keep its pages.
    ~ReportWriter() {
        report_.reset();
        if (is_large_) (void)malloc_trim(0);
    }

    bool write(std::string& out) {
        if (!report_) {
            const auto snapshot = std::make_shared<const Snapshot>(take_snapshot_());
            is_large_ = snapshot->policy->rules.size() > k_many_rules;
            report_ = method_.report(snapshot);
        }
        return report_->write(out, k_piece_bytes);
    }

private:
    const Method& method_;
    std::function<Snapshot()> take_snapshot_;
    std::optional<Document> report_;
    bool is_large_ = false;
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
        const auto writer = std::make_shared<ReportWriter>(method, take_snapshot);
        return varlink::reply_in_pieces([writer](std::string& out) { return writer->write(out); });
    }
    return varlink::method_not_found(call);
}

}  // namespace rudder
