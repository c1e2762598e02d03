// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/limits.hpp"
#include "core/config/read_health.hpp"
#include "core/config/reading.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The `[[group]]` tables of all files: known everywhere, whichever file defines them.
namespace rudder {

struct NamedGroup {
    Group group;
    bool is_good = false;  ///< no errors of its own
    bool is_used = false;
};

/// The family that the way of a member ties packets to: by a new destination, or by an IPv4 next hop.
[[nodiscard]] std::optional<IpFamily> member_family(const Target& way);

class NamedGroups {
public:
    /// Reads one `[[group]]` table.
    void read(const Reading& reading, const Limits& limits, const ConfigValue& value);

    /// A part of the configuration could not be read: a group that is not known may stand there.
    void mark_incomplete() { is_complete_ = false; }

    /// The group of that name, marked used. Null if there is none (reported) or it had errors of its own.
    [[nodiscard]] const Group* use(const Reading& reading, const Span& span, std::string_view name);

    void warn_unused(Warnings& warnings) const;

    /// Sorted by name.
    [[nodiscard]] std::vector<Group> take();

private:
    std::map<std::string, NamedGroup, std::less<>> groups_;
    ProbeLoad probes_;
    bool is_complete_ = true;
};

}  // namespace rudder
