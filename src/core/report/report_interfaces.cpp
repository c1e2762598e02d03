// SPDX-License-Identifier: Apache-2.0
#include "core/report/report_joins.hpp"
#include "core/report/report_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace rudder {
namespace {

class InterfaceReporter {
public:
    explicit InterfaceReporter(const Snapshot& snapshot) : snapshot_(snapshot) {
        std::map<const HookSpec*, std::pair<const HookList*, std::uint32_t>> lists;  // many rules share one
        for (const RuleState& rule : snapshot.image->rules) {
            auto& [list, rules] = lists[rule.hooks.begin()];
            list = &rule.hooks;
            ++rules;
        }
        for (const auto& [begin, counted] : lists) {
            for (const HookSpec& hook : *counted.first) rules_[hook] += counted.second;
        }
        for (const HookStatus& status : snapshot.hooks) kernel_[status.hook] = &status;
    }

    [[nodiscard]] Json link_json(const Link& link) const {
        Json out;
        out["ifindex"] = link.ifindex;
        out["name"] = link.name;
        out["altnames"] = link.altnames;
        out["link"] = link.is_up ? "up" : "down";
        out["kind"] = link.kind;
        out["mac"] = link.mac.is_zero() ? Json(nullptr) : Json(to_string(link.mac));
        out["mtu_bytes"] = link.mtu;
        out["is_loopback"] = link.is_loopback;
        out["is_layer3"] = link.is_layer3;
        out["hooks"] = hooks_json(link.ifindex);
        out["why_no_hook"] = why_no_hook(link);
        out["joins"] = link_joins_json(snapshot_, link.ifindex);
        return out;
    }

    /// Hooks the kernel still lists on links that the topology does not know.
    [[nodiscard]] Json stray_hooks_json() const {
        Json hooks = Json::array();
        for (const auto& [hook, status] : kernel_) {
            if (snapshot_.topology.links.count(hook.ifindex) != 0) continue;
            Json out = hook_json(hook);
            out["ifindex"] = hook.ifindex;
            hooks.push_back(std::move(out));
        }
        return hooks;
    }

private:
    [[nodiscard]] bool is_wanted(const HookSpec& hook) const {
        const auto& wanted = snapshot_.image->hooks;
        return std::binary_search(wanted.begin(), wanted.end(), hook);
    }

    [[nodiscard]] Json hooks_json(std::uint32_t ifindex) const {
        Json hooks = Json::array();
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            const HookSpec hook{ifindex, direction};
            if (is_wanted(hook) || kernel_.count(hook) != 0) hooks.push_back(hook_json(hook));
        }
        return hooks;
    }

    [[nodiscard]] Json hook_json(const HookSpec& hook) const {
        const auto found = kernel_.find(hook);
        const HookStatus* status = found == kernel_.end() ? nullptr : found->second;
        const auto rules = rules_.find(hook);
        Json out;
        out["direction"] = to_string(hook.direction);
        out["state"] = hook_state(hook, status);
        out["mechanism"] = status ? status->mechanism : std::string();
        out["program_id"] = status ? status->program_id : 0;
        out["rules"] = rules == rules_.end() ? 0 : rules->second;
        out["detail"] = status ? status->detail : std::string();
        return out;
    }

    /// "attached", "missing" (the policy needs it), "leftover" (attached, and nothing needs it).
    [[nodiscard]] std::string hook_state(const HookSpec& hook, const HookStatus* status) const {
        const bool is_attached = status != nullptr && status->is_attached;
        if (!is_wanted(hook)) return is_attached ? "leftover" : "detached";
        return is_attached ? "attached" : "missing";
    }

    [[nodiscard]] std::string why_no_hook(const Link& link) const {
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            if (is_wanted({link.ifindex, direction})) return {};
        }
        if (snapshot_.policy->rules.empty()) return "the policy has no rules";
        if (link.is_loopback) return "loopback is selected only by name";
        return "no rule selects it";
    }

    const Snapshot& snapshot_;
    std::map<HookSpec, std::uint32_t> rules_;
    std::map<HookSpec, const HookStatus*> kernel_;
};

}  // namespace

Document report_interfaces(const SharedSnapshot& shared) {
    const Snapshot& snapshot = *shared;
    const InterfaceReporter reporter(snapshot);
    Json document = report_head(snapshot);
    Json& interfaces = document["interfaces"] = Json::array();
    for (const auto& [ifindex, link] : snapshot.topology.links) interfaces.push_back(reporter.link_json(link));
    document["stray_hooks"] = reporter.stray_hooks_json();
    return Document(json_to_text(document));
}

}  // namespace rudder
