// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "policies.hpp"

#include "rudder_abi.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <map>
#include <string>

/// One row of a packet table: what goes in, what must come out, what must be counted.
namespace rudder::test {

constexpr int k_next = -1;
constexpr int k_drop = 2;
constexpr int k_redirect = 7;

struct Row {
    std::string what;
    Policy policy;
    Frame in;
    int verdict = k_next;
    Frame out{};                            ///< empty: as it came in
    std::uint32_t reason = 0;               ///< RUDDER_REASON_* that must be counted, 0: none
    bool is_matched = true;                 ///< the (only) rule counts it
    Direction direction = Direction::ingress;
};

inline void check_counts(const Row& row, const Counts& counts) {
    const std::map<CounterKey, std::uint64_t> packets =
        row.is_matched ? std::map<CounterKey, std::uint64_t>{{{"r", -1}, 1}} : std::map<CounterKey, std::uint64_t>{};
    CHECK((counts.packets == packets));
    for (const auto& [failure, number] : counts.failures) {
        CHECK((failure == std::pair{CounterKey{"r", -1}, row.reason}));
        CHECK(number == 1);
    }
    CHECK((!row.is_matched || row.reason == 0 || counts.failures.size() == 1));
    const std::map<std::uint32_t, std::uint64_t> reasons =
        row.reason == 0 ? std::map<std::uint32_t, std::uint64_t>{} : std::map<std::uint32_t, std::uint64_t>{{row.reason, 1}};
    CHECK((counts.reasons == reasons));
}

/// The packet twice: the second one may be known to the flow cache, which must not show.
inline void check(const Row& row) {
    REQUIRE(datapath().publish(row.policy, topology()));
    for (const char* const which : {"the first", "the second"}) {
        datapath().reset();
        INFO(row.what << ", " << which);
        const Run run = datapath().run(row.in, link_named("in0").ifindex, row.direction);
        const Frame& want = row.out.empty() ? row.in : row.out;
        INFO("in   " << hex(row.in) << "\nwant " << hex(want) << "\ngot  " << hex(run.frame));
        CHECK(run.verdict == row.verdict);
        CHECK((run.frame == want));
        check_counts(row, datapath().counts());
    }
}

}  // namespace rudder::test
