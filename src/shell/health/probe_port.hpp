// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/result.hpp"
#include "core/health/member_health.hpp"
#include "core/health/probe_task.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace rudder {

/// What became of a question.
struct ProbeOutcome {
    enum class Kind : std::uint8_t {
        answer,
        miss,   ///< the member or the way to it is at fault
        unable  ///< this host is at fault: nothing is learnt about the member
    } kind = Kind::answer;
    Miss miss{};
    Error error{};
};

/// The door to the network. `ProbeSockets` is the real one; the tests have a fake.
class ProbePort {
public:
    using OnOutcome = std::function<void(const GroupMemberKey&, const ProbeOutcome&)>;

    virtual ~ProbePort() = default;

    /// Asks. What is known at once is returned; else the outcome is told by `on_outcome`, once, unless end() comes
    /// first. *Blocking*: never.
    [[nodiscard]] virtual std::optional<ProbeOutcome> ask(const GroupMemberKey& member, const ProbeOrder& order) = 0;
    /// Whether the answer is there though nobody told yet. Empty: it is not.
    [[nodiscard]] virtual std::optional<ProbeOutcome> look(const GroupMemberKey& member) = 0;
    /// Forgets the question, if there is one.
    virtual void end(const GroupMemberKey& member) = 0;

    void set_on_outcome(OnOutcome on_outcome) { on_outcome_ = std::move(on_outcome); }

protected:
    OnOutcome on_outcome_ = [](const GroupMemberKey&, const ProbeOutcome&) {};
};

}  // namespace rudder
