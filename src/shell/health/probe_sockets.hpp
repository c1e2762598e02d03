// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/health/echo_message.hpp"
#include "shell/health/probe_port.hpp"
#include "shell/os/event_loop.hpp"
#include "shell/os/unique_fd.hpp"

#include <map>
#include <memory>

namespace rudder {

/// Probes over real sockets: one socket for each question, bound to the egress device and to its address, closed with
/// the answer. So a late answer, a changed address or a device made anew never meets the next question.
///
/// ICMP goes by a ping socket where net.ipv4.ping_group_range allows it, else by a raw socket with CAP_NET_RAW. A TCP
/// connection is reset as soon as it is there: no server accepts it and nothing lingers.
class ProbeSockets final : public ProbePort {
public:
    /// *Ownership*: borrows the loop.
    explicit ProbeSockets(sd_event* loop) : loop_(loop) {}

    [[nodiscard]] std::optional<ProbeOutcome> ask(const GroupMemberKey& member, const ProbeOrder& order) override;
    [[nodiscard]] std::optional<ProbeOutcome> look(const GroupMemberKey& member) override;
    void end(const GroupMemberKey& member) override { questions_.erase(member); }

private:
    struct Question {
        ProbeOrder order;
        Echo echo;
        bool is_raw = false;
        UniqueFd fd;
        std::unique_ptr<IoWatch> watch;  // ends before the descriptor it watches
    };

    [[nodiscard]] std::optional<ProbeOutcome> open(Question& question);
    [[nodiscard]] std::optional<ProbeOutcome> send(Question& question);
    void on_ready(const GroupMemberKey& member);

    sd_event* loop_;
    std::map<GroupMemberKey, Question> questions_;
};

}  // namespace rudder
