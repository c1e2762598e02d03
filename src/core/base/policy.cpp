// SPDX-License-Identifier: Apache-2.0
#include "core/base/policy.hpp"

namespace rudder {

bool is_same_rule(const Rule& a, const Rule& b) {
    return a.name == b.name && a.priority == b.priority && a.type == b.type && a.match == b.match &&
           a.targets == b.targets && a.original_passes == b.original_passes && a.failure_drops == b.failure_drops;
}

}  // namespace rudder
