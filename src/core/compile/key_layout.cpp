// SPDX-License-Identifier: Apache-2.0
#include "core/compile/key_layout.hpp"

#include "rudder_classifier.h"

#include <algorithm>
#include <iterator>

namespace rudder {
namespace {

constexpr Dimension k_common[] = {
    {Field::src_port, RUDDER_KEY_PORTS, 16, 16, true},  {Field::dst_port, RUDDER_KEY_PORTS, 0, 16, true},
    {Field::protocol, RUDDER_KEY_MISC, 24, 8, true},    {Field::dscp, RUDDER_KEY_MISC, 16, 6, false},
    {Field::hook_class, RUDDER_KEY_MISC, 0, 16, true},
};

constexpr Dimension k_optional[] = {
    {Field::vlan, RUDDER_KEY_LINK, 16, 13, true},       {Field::length, RUDDER_KEY_LINK, 0, 16, true},
    {Field::ttl, RUDDER_KEY_ICMP, 0, 8, false},         {Field::tcp_flags, RUDDER_KEY_ICMP, 8, 8, false},
    {Field::icmp_type, RUDDER_KEY_ICMP, 16, 16, true},  {Field::fwmark, RUDDER_KEY_MARK, 0, 32, true},
    {Field::src_mac, RUDDER_KEY_SRC_MAC, 0, 32, true},  {Field::dst_mac, RUDDER_KEY_DST_MAC, 0, 32, true},
};

constexpr bool begins_at_octet(const Dimension& dimension) { return dimension.shift % 8 == 0; }
static_assert(std::all_of(std::begin(k_common), std::end(k_common), begins_at_octet));
static_assert(std::all_of(std::begin(k_optional), std::end(k_optional), begins_at_octet));

constexpr std::size_t k_ipv6_words = 8;
static_assert(k_ipv6_words + std::size(k_common) + std::size(k_optional) == k_max_dimensions);

}  // namespace

KeyLayout key_layout(IpFamily family, const std::set<Field>& optional) {
    KeyLayout layout;
    layout.address_words = family == IpFamily::v4 ? 1 : 4;
    const auto add = [&layout](const Dimension& dimension) { layout.dimensions[layout.dimension_count++] = dimension; };
    for (std::size_t word = 0; word < 2 * layout.address_words; ++word) {
        const Field field = word < layout.address_words ? Field::src : Field::dst;
        add({field, static_cast<std::uint8_t>(word), 0, 32, true});
    }
    std::for_each(std::begin(k_common), std::end(k_common), add);
    for (const Dimension& dimension : k_optional) {
        if (optional.contains(dimension.field)) {
            add(dimension);
        }
    }
    return layout;
}

}  // namespace rudder
