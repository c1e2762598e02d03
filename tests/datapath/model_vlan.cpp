// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>

namespace rudder::test {

std::size_t model_tags(const ModelPacket& packet) { return packet.ip < 14 ? 0 : (packet.ip - 14) / 4; }

void model_retag(Frame& frame, const Rewrite& rewrite) {
    const bool is_tagged = be16(frame, 12) == 0x8100 || be16(frame, 12) == 0x88a8;
    if (!rewrite.vlan) {
        return;
    }
    if (*rewrite.vlan == 0 && is_tagged) {
        frame.erase(frame.begin() + 12, frame.begin() + 16);
    } else if (*rewrite.vlan != 0 && is_tagged) {
        store16(frame, 14, (be16(frame, 14) & 0xf000u) | *rewrite.vlan);
    } else if (*rewrite.vlan != 0) {
        frame.insert(frame.begin() + 12, 4, 0);
        store16(frame, 12, 0x8100);
        store16(frame, 14, *rewrite.vlan);
    }
}

std::size_t model_tags_left(const ModelPacket& p, const Rewrite& rewrite) {
    const std::size_t tags = model_tags(p);
    if (!rewrite.vlan) {
        return tags;
    }
    return *rewrite.vlan == 0 ? tags - std::min<std::size_t>(tags, 1) : std::max<std::size_t>(tags, 1);
}

bool model_leaves_with_tag_beside(const ModelPacket& p, const Rewrite& rewrite) {
    return rewrite.vlan ? model_tags_left(p, rewrite) > 0 : p.is_tag_beside;
}

}  // namespace rudder::test
