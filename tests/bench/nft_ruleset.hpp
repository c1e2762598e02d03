// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// Generated rules in the words of nft(8): a dormant table of the netdev family whose chain hangs on in0 and sends what
/// matches out of out0. Of lists of prefixes or ports the first counts, as generated sets have no others. IPv4 only.
namespace rudder::bench {

/// One rule with `fwd` for each of ours.
[[nodiscard]] std::string nft_list_ruleset(const std::string& table, const std::vector<Rule>& rules);

struct NftMap {
    std::string text;
    std::size_t mapped = 0;  ///< rules that are elements of the map; the others follow it as rules
};
/// One verdict map of concatenated intervals. An element whose lowest or highest corner lies inside an earlier one is
/// refused by the kernel. *Source*: nft_pipapo_insert(), net/netfilter/nft_set_pipapo.c.
[[nodiscard]] NftMap nft_map_ruleset(const std::string& table, const std::vector<Rule>& rules);

}  // namespace rudder::bench
