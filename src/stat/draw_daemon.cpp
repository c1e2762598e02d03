// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include <fmt/format.h>

/// The documents about the daemon itself: internals and config.
namespace rudder::stat {
namespace {

using Fact = std::pair<std::string, Cell>;

std::string draw_facts(const std::vector<Fact>& facts) {
    Table table({false, false}, {{"FACT", Column::text}, {"VALUE", Column::wrapped}});
    for (const auto& [name, value] : facts) table.add({name, value});
    return table.to_text();
}

std::string uptime_of(const Json& document) {
    const std::uint64_t seconds = number_of(document, "uptime_us") / 1'000'000;
    return fmt::format("{}d {:02}:{:02}:{:02}", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string last_load_of(const Json& load, const char* accepted_key, const char* time_key) {
    return fmt::format("{}, {}", is_true(load, accepted_key) ? "accepted" : "rejected", utc_time_of(load, time_key));
}

std::string load_times_text(const Json& document) {
    const Json* times = find(document, "last_load_times");
    if (times == nullptr) return "-";
    std::string text;
    for (const char* step : {"read", "judge", "compile", "stage", "publish", "finish", "audit"}) {
        const std::uint64_t us = number_of(*times, (std::string(step) + "_us").c_str());
        text += fmt::format("{}{} {}.{} ms", text.empty() ? "" : ", ", step, us / 1000, us / 100 % 10);
    }
    return text;
}

std::string draw_features(const Json& document, const TableStyle& style) {
    Table table(style, {{"FEATURE", Column::text}, {"CHOSEN", Column::text}, {"WHY", Column::wrapped}});
    for_each(document, "features", [&table](const Json& feature) {
        table.add({text_of(feature, "name"), text_of(feature, "chosen"), text_of(feature, "why")});
    });
    return table.to_text();
}

std::string image_text(const Json& document) {
    const Json* image = find(document, "image");
    if (image == nullptr) return "-";
    return fmt::format("{} bytes in tier {}: {} rules ({} deferred), {} targets, {} hooks", text_of(*image, "bytes"),
                       text_of(*image, "tier"), text_of(*image, "rules"), text_of(*image, "rules_deferred"),
                       text_of(*image, "targets"), text_of(*image, "hooks"));
}

std::string joins_text(const Json& document) {
    const Json* joins = find(document, "joins");
    if (joins == nullptr) return "-";
    return fmt::format("{} multicast groups joined, {} failed, on {} sockets", text_of(*joins, "joined"),
                       text_of(*joins, "failed"), text_of(*joins, "sockets"));
}

std::string flow_cache_text(const Json& document) {
    const Json* cache = find(document, "flow_cache");
    if (cache == nullptr) return "-";
    return fmt::format("{} entries; {} hits and {} misses since start", text_of(*cache, "max_entries"), text_of(*cache, "hits"),
                       text_of(*cache, "misses"));
}

std::string limits_text(const Json& document) {
    const Json* limits = find(document, "limits");
    if (limits == nullptr) return "-";
    return fmt::format("{} rules, {} targets a rule", text_of(*limits, "rules"), text_of(*limits, "targets_per_rule"));
}

std::string log_text(const Json& document) {
    const Json* log = find(document, "log");
    if (log == nullptr) return "-";
    const std::string totals = fmt::format("{} late and {} lost since start", text_of(*log, "entries_late"), text_of(*log, "entries_lost"));
    if (number_of(*log, "entries_waiting") == 0) return "complete, " + totals;
    return fmt::format("{}, {} entries wait ({}), {}", is_true(*log, "is_degraded") ? "degraded" : "busy",
                       text_of(*log, "entries_waiting"), text_of(*log, "reason"), totals);
}

std::string draw_files(const Json& document, const TableStyle& style) {
    Table table(style, {{"FILE", Column::text}, {"BYTES", Column::number}, {"SHA256", Column::text}});
    for_each(document, "files", [&table](const Json& file) {
        table.add({text_of(file, "path"), text_of(file, "bytes"), text_of(file, "sha256")});
    });
    return table.to_text();
}

}  // namespace

std::string draw_internals(const Json& document, const TableStyle& style) {
    const std::string facts = draw_facts({
        {"version", text_of(document, "version")},
        {"kernel", text_of(document, "kernel_release")},
        {"state", text_of(document, "state")},
        {"generation",
         fmt::format("{}, {}", text_of(document, "generation"), utc_time_of(document, "published_unix_us"))},
        {"started", fmt::format("{}, up {}", utc_time_of(document, "started_unix_us"), uptime_of(document))},
        {"loads", fmt::format("{} accepted, {} rejected", text_of(document, "loads_accepted"),
                              text_of(document, "loads_rejected"))},
        {"last load", last_load_of(document, "last_load_accepted", "last_load_unix_us")},
        {"load took", load_times_text(document)},
        {"image", image_text(document)},
        {"joins", joins_text(document)},
        {"flow cache", flow_cache_text(document)},
        {"limits", limits_text(document)},
        {"resyncs", fmt::format("{} netlink, {} inotify overflows", text_of(document, "netlink_resyncs"),
                                text_of(document, "inotify_overflows"))},
        {"log", log_text(document)},
    });
    return blocks({facts, draw_features(document, style), draw_findings(document, "diagnostics")});
}

std::string draw_config(const Json& document, const TableStyle& style) {
    const Json* load = find(document, "last_load");
    const std::string facts = draw_facts({
        {"directories", joined(document, "directories")},
        {"sha256", text_of(document, "sha256")},
        {"generation",
         fmt::format("{}, {}", text_of(document, "generation"), utc_time_of(document, "published_unix_us"))},
        {"rules", text_of(document, "rules")},
        {"last load", load == nullptr ? "-" : last_load_of(*load, "accepted", "unix_us")},
    });
    const std::string findings = load == nullptr ? "" : draw_findings(*load, "diagnostics");
    return blocks({facts, draw_files(document, style), findings});
}

}  // namespace rudder::stat
