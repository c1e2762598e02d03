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
    {Field::vlan, RUDDER_KEY_LINK, 16, 13, true},
};

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
