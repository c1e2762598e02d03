// SPDX-License-Identifier: Apache-2.0
#include "stat/draw.hpp"

#include "core/base/escape.hpp"

#include <fmt/format.h>

namespace rudder::stat {
namespace {

/// How rates come into the table; both null without them.
struct RateSource {
    const CounterSample* before = nullptr;
    const CounterSample* now = nullptr;
};

class StatsDrawer {
public:
    StatsDrawer(const TableStyle& style, const RateSource& rates) : rates_(rates), table_(style, columns(rates)) {}

    void add(const Json& rule) {
        const std::string name = text_of(rule, "name");
        const Table::Row row =
            add_row(name, text_of(rule, "priority"), text_of(rule, "type"), rule, {name, -1}, nullptr);
        for_each(rule, "targets", [&](const Json& target) {
            if (find(target, "packets") == nullptr) return;
            const auto index = static_cast<std::int64_t>(number_of(target, "index"));
            const std::string way = find(target, "group") == nullptr ? "via " + text_of(target, "via") : "group " + text_of(target, "group");
            add_row(fmt::format("target {} {}", index, way), "", "", target, {name, index}, row);
        });
    }

    [[nodiscard]] std::string text() const { return table_.to_text(); }

private:
    static std::vector<std::pair<const char*, Column>> columns(const RateSource& rates) {
        std::vector<std::pair<const char*, Column>> columns = {{"NAME", Column::tree},
                                                               {"PRI", Column::number},
                                                               {"TYPE", Column::text},
                                                               {"PACKETS", Column::number},
                                                               {"BYTES", Column::number}};
        if (rates.now != nullptr) {
            columns.emplace_back("PACKETS/S", Column::number);
            columns.emplace_back("BIT/S", Column::number);
        }
        columns.emplace_back("FAILURES", Column::text);
        return columns;
    }

    Table::Row add_row(const std::string& label, const std::string& priority, const std::string& type,
                       const Json& counts, const CounterSample::Key& key, Table::Row parent) {
        std::vector<Cell> cells = {label, priority, type, text_of(counts, "packets"), text_of(counts, "bytes")};
        if (rates_.now != nullptr) {
            const auto rate = rate_between(*rates_.before, *rates_.now, key);
            cells.emplace_back(rate ? fmt::format("{}", rate->packets_per_s) : "-");
            cells.emplace_back(rate ? fmt::format("{}", rate->bits_per_s) : "-");
        }
        cells.emplace_back(pairs_of(counts, "failures"));
        return table_.add(cells, parent);
    }

    RateSource rates_;
    Table table_;
};

std::string draw_reasons(const Json& document, const TableStyle& style) {
    Table table(style, {{"REASON", Column::text}, {"PACKETS", Column::number}});
    const Json* reasons = find(document, "reasons");
    if (reasons == nullptr || !reasons->is_object()) return {};
    for (auto reason = reasons->begin(); reason != reasons->end(); ++reason) {
        const std::uint64_t packets = number_of(*reasons, reason.key().c_str());
        if (packets > 0) table.add({escape_control(reason.key()), fmt::format("{}", packets)});
    }
    return table.to_text();
}

std::string draw(const Json& document, const TableStyle& style, const RateSource& rates) {
    StatsDrawer drawer(style, rates);
    for_each(document, "rules", [&drawer](const Json& rule) { drawer.add(rule); });
    return blocks({drawer.text(), draw_reasons(document, style)});
}

}  // namespace

std::string draw_stats(const Json& document, const TableStyle& style) {
    return draw(document, style, {});
}

std::string draw_rates(const Json& document, const TableStyle& style, const CounterSample& before,
                       const CounterSample& now) {
    return draw(document, style, {&before, &now});
}

}  // namespace rudder::stat
