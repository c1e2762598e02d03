// SPDX-License-Identifier: Apache-2.0
#include "core/compile/blob_writer.hpp"
#include "core/compile/boxes.hpp"
#include "core/compile/classifier.hpp"
#include "core/compile/extensions.hpp"
#include "core/compile/flow_mask.hpp"
#include "core/compile/groups.hpp"
#include "core/compile/hooks.hpp"
#include "core/compile/image.hpp"
#include "core/compile/leaf_encoding.hpp"
#include "core/compile/limit_table.hpp"
#include "core/compile/limits.hpp"
#include "core/compile/link_index.hpp"
#include "core/compile/next_hops.hpp"
#include "core/compile/own_addresses.hpp"
#include "core/compile/records.hpp"
#include "core/compile/rule_states.hpp"
#include "core/compile/slots.hpp"
#include "core/compile/target_state.hpp"

#include "rudder_abi.h"

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <string_view>

namespace rudder {
namespace {

constexpr std::size_t k_cache_line = 64;

std::string number(std::size_t value) { return std::to_string(value); }

bool sends_by_tables(const Policy& policy) {
    const auto has_table = [](const Target& target) { return target.table.has_value(); };
    const auto rule_has = [&](const Rule& rule) { return std::any_of(rule.targets.begin(), rule.targets.end(), has_table); };
    const auto group_has = [&](const Group& group) {
        return std::any_of(group.members.begin(), group.members.end(),
                           [&](const GroupMember& member) { return has_table(member.way); });
    };
    return std::any_of(policy.rules.begin(), policy.rules.end(), rule_has) ||
           std::any_of(policy.groups.begin(), policy.groups.end(), group_has);
}

/// The egress hooks where copies are cut, and no rule need be.
std::vector<HookSpec> cut_hooks(const Policy& policy, const std::vector<RuleState>& states, const LinkIndex& links) {
    std::vector<HookSpec> hooks;
    for (std::size_t rank = 0; rank < policy.rules.size(); ++rank) {
        for (const Target& target : policy.rules[rank].targets) {
            const Link* link = target.snap == 0 || states[rank].is_deferred ? nullptr : links.find(target.via);
            if (link != nullptr) {
                hooks.push_back({link->ifindex, Direction::egress});
            }
        }
    }
    return hooks;
}

/// Sorted, each once.
std::vector<HookSpec> all_of(std::vector<HookSpec> hooks, const std::vector<HookSpec>& others) {
    if (others.empty()) {
        return hooks;
    }
    hooks.insert(hooks.end(), others.begin(), others.end());
    std::sort(hooks.begin(), hooks.end());
    hooks.erase(std::unique(hooks.begin(), hooks.end()), hooks.end());
    return hooks;
}

/// Bit vectors are large for what a packet looks at of them: one value of each column, and mostly one entry.
std::size_t vector_bytes(const rudder_blob_header& header) {
    const auto bytes = [](const rudder_vectors& vectors, IpFamily family) {
        const std::size_t entries = vectors.column_count == 0 ? 0 : RUDDER_VECTOR_BOXES * leaf_entry_bytes(family);
        return vectors.column_count * sizeof(rudder_column) + entries;
    };
    return bytes(header.vectors_v4, IpFamily::v4) + bytes(header.vectors_v6, IpFamily::v6);
}

/// Puts the image together. Each step may find a limit exceeded.
class Compiler {
public:
    Compiler(const Policy& policy, const Topology& topology, const Slots& previous)
        : policy_(policy), topology_(topology), links_(topology), counters_(previous.counters, previous.uncleared_counters),
          next_hops_(previous.next_hops, {}), groups_(previous.groups, {}), limits_(policy, previous.limits) {
        image_.slots.uncleared_counters = previous.uncleared_counters;
    }

    Result<Image> run() {
        for (const auto step : {&Compiler::check_policy, &Compiler::place_hooks, &Compiler::write_rules,
                                &Compiler::write_classifiers, &Compiler::finish}) {
            if (Status status = (this->*step)(); !status) {
                return status.error();
            }
        }
        return std::move(image_);
    }

private:
    Status check_policy() {
        if (policy_.rules.size() > RUDDER_MAX_RULES) {
            return Error{number(policy_.rules.size()) + " rules: at most " + number(RUDDER_MAX_RULES) + " are possible"};
        }
        for (const Rule& rule : policy_.rules) {
            box_count_v4_ += box_count(rule, IpFamily::v4);
            box_count_v6_ += box_count(rule, IpFamily::v6);
            if (std::max(box_count_v4_, box_count_v6_) > k_max_boxes) {
                return Error{"rule " + rule.name + ": the pairs of source and destination prefix of all rules up to "
                             "this one are more than " + number(k_max_boxes)};
            }
        }
        return {};
    }

    Status place_hooks() {
        image_.rules = rule_states(policy_, topology_, links_);
        std::vector<HookList> selections;
        selections.reserve(image_.rules.size());
        for (const RuleState& state : image_.rules) {
            selections.push_back(state.hooks);
        }
        hooks_.emplace(selections, topology_);
        image_.hooks = all_of(hooks_->hooks(), cut_hooks(policy_, image_.rules, links_));
        if (image_.hooks.size() > k_max_hooks) {
            return Error{number(image_.hooks.size()) + " devices and directions have rules: at most " +
                         number(k_max_hooks) + " are possible"};
        }
        if (hooks_->class_count() > RUDDER_MAX_HOOK_CLASSES) {
            return Error{"the rules treat devices and directions in " + number(hooks_->class_count()) +
                         " different ways: at most " + number(RUDDER_MAX_HOOK_CLASSES) + " are possible"};
        }
        blob_.reserve<rudder_blob_header>(1);
        if (Status status = write_hook_table(blob_, *hooks_, topology_, sends_by_tables(policy_), header_); !status) {
            return status;
        }
        return write_own_addresses(blob_, topology_, header_);
    }

    Status write_rules() {
        header_.rule_count = static_cast<std::uint32_t>(policy_.rules.size());
        header_.rule_offset = static_cast<std::uint32_t>(blob_.reserve<rudder_rule>(policy_.rules.size()));
        limits_.write(blob_, k_cache_line);
        header_.target_offset = static_cast<std::uint32_t>(blob_.align(k_cache_line));
        counters_.reserve(policy_.rules.size());
        for (std::size_t rank = 0; rank < policy_.rules.size(); ++rank) {
            const Rule& rule = policy_.rules[rank];
            rudder_rule record = encode_rule(rule);
            record.counter_slot = counters_.assign({rule.name, -1});
            record.limit = static_cast<std::uint16_t>(rule.limit ? limits_.number_of({rule.name, -1}) : 0);
            record.first_target = rule.type == RuleType::steer ? write_shared_target(rule, record) : write_targets(rule);
            blob_.put(header_.rule_offset + rank * sizeof(rudder_rule), record);
        }
        image_.slots.counters = counters_.take();
        image_.slots.next_hops = next_hops_.take();
        image_.slots.groups = groups_.take();
        image_.slots.limits = limits_.take_slots();
        if (next_hops_.end() > k_max_next_hops) {
            return Error{"more than " + number(k_max_next_hops) + " next hops in this and the running policy"};
        }
        if (groups_.end() > RUDDER_GROUP_SLOTS) {
            return Error{"more than " + number(RUDDER_GROUP_SLOTS) + " groups in this and the running policy"};
        }
        if (limits_.end() > RUDDER_LIMIT_SLOTS) {
            return Error{"more than " + number(RUDDER_LIMIT_SLOTS) + " limits in this and the running policy"};
        }
        return {};
    }

    /// The rule's targets, each with a counter of its own; behind them those of their groups' members. Returns the index of
    /// the first.
    std::uint32_t write_targets(const Rule& rule) {
        const std::uint32_t first = header_.target_count;
        std::size_t first_member = first + rule.targets.size();
        for (std::size_t i = 0; i < rule.targets.size(); ++i) {
            const Group* group = group_of(rule.targets[i]);
            rudder_target record = group == nullptr ? target_record(rule, rule.targets[i]) : group_record(*group, first_member);
            record.counter_slot = counters_.assign({rule.name, static_cast<std::int32_t>(i)});
            record.limit = limit_of(rule, i);
            append_target(record);
            first_member += group == nullptr ? 0 : group->members.size();
        }
        for (std::size_t i = 0; i < rule.targets.size(); ++i) {
            write_members(rule, i);
        }
        return first;
    }

    /// A steer rule that spreads its packets over a group. Returns the index of its target, which counts nothing.
    std::uint32_t write_group_target(const Rule& rule, const Group& group) {
        const std::uint32_t first = header_.target_count;
        append_target(group_record(group, first + 1));
        write_members(rule, 0);
        return first;
    }

    /// The targets of the members of target `index`, each with a counter of its own.
    void write_members(const Rule& rule, std::size_t index) {
        const Group* group = group_of(rule.targets[index]);
        for (std::size_t i = 0; group != nullptr && i < group->members.size(); ++i) {
            const GroupMember& member = group->members[i];
            rudder_target record = target_record(rule, member_target(rule.targets[index], member));
            record.counter_slot = counters_.assign({rule.name, static_cast<std::int32_t>(index), member_identity(member)});
            record.limit = limit_of(rule, index);
            append_target(record);
        }
    }

    std::uint16_t limit_of(const Rule& rule, std::size_t index) const {
        return static_cast<std::uint16_t>(limits_.number_of({rule.name, static_cast<std::int32_t>(index)}));
    }

    /// The one target of a steer rule. The rule's counter says what was sent there, so that rules with equal targets
    /// share the record: thousands of them fit a processor's cache then. `user`: the record of the rule. Returns
    /// its index.
    std::uint32_t write_shared_target(const Rule& rule, rudder_rule& user) {
        if (const Group* group = group_of(rule.targets.front())) {
            return write_group_target(rule, *group);
        }
        rudder_target record = target_record(rule, rule.targets.front());
        record.counter_slot = RUDDER_NO_SLOT;
        note_forwarding(rule.targets.front(), links_.find(rule.targets.front().via), record, user);
        // Mostly that of the rule before.
        const std::string_view bytes(reinterpret_cast<const char*>(&record), sizeof(record));
        if (last_shared_ != shared_targets_.end() && last_shared_->first == bytes) {
            return last_shared_->second;
        }
        const auto [known, is_new] = shared_targets_.try_emplace(std::string(bytes), header_.target_count);
        if (is_new) {
            append_target(record);
        }
        last_shared_ = known;
        return known->second;
    }

    const Group* group_of(const Target& target) const {
        return target.group.empty() ? nullptr : find_group(policy_, target.group);
    }

    rudder_target target_record(const Rule& rule, const Target& target) {
        const TargetState now = target_state(rule, target, links_);
        rudder_target record = encode_target(rule, target, now);
        if (target.table) {
            record.next_hop = *target.table;
            record.flags = static_cast<std::uint16_t>((record.flags & ~std::uint32_t{RUDDER_TARGET_DEFERRED}) | RUDDER_TARGET_TABLE);
            image_.needs_tables = true;
        } else if (!now.is_deferred()) {
            record.next_hop = next_hops_.assign(next_hop_key(target, *now.link));
            if (std::binary_search(image_.hooks.begin(), image_.hooks.end(), HookSpec{now.link->ifindex, Direction::egress})) {
                record.flags |= RUDDER_TARGET_MEETS_HOOK;
            }
        }
        return record;
    }

    /// The record that chooses among the members; what is rewritten stands in theirs.
    rudder_target group_record(const Group& group, std::size_t first_member) {
        rudder_target record{};
        record.flags = RUDDER_TARGET_GROUP;
        record.hash_fields = group.hash;
        record.counter_slot = RUDDER_NO_SLOT;
        record.next_hop = groups_.assign(group_key(group));
        record.first_member = static_cast<std::uint32_t>(first_member);
        const auto [entry, is_new] = image_.groups.try_emplace(record.next_hop);
        if (is_new) {
            entry->second = ways_of_group(group);
        }
        return record;
    }

    GroupWays ways_of_group(const Group& group) const {
        GroupWays result;
        for (const GroupMember& member : group.members) {
            const Link* link = links_.find(member.way.via);
            GroupWays::Way way;
            way.is_table = member.way.table.has_value();
            if (link != nullptr) {
                way.next_hop = next_hop_key(member.way, *link);
            }
            result.ways.push_back(std::move(way));
        }
        return result;
    }

    void append_target(const rudder_target& record) {
        blob_.append(record);
        ++header_.target_count;
    }

    Status write_classifiers() {
        HookSets hook_sets;
        Extensions extensions(hook_sets);
        const std::set<Field> optional = optional_fields(policy_);
        header_.fields = header_fields(optional);
        for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
            const BoxSet set = boxes_of(family, optional);
            write_flow_mask(set, header_);
            if (Status status = write_classifier(blob_, set, extensions, header_); !status) {
                return status;
            }
        }
        if (hook_sets.count() > k_max_hook_sets || hook_sets.words() * 8 * hooks_->class_count() > k_max_hook_set_bytes) {
            return Error{"the rules name too many different lists of interfaces: " + number(hook_sets.count())};
        }
        write_extensions(blob_, extensions, header_);
        write_hook_sets(blob_, hook_sets, hooks_->class_count(), header_);
        return {};
    }

    BoxSet boxes_of(IpFamily family, const std::set<Field>& optional) const {
        BoxSet set(family, optional, broadcast_addresses(topology_));
        set.reserve(family == IpFamily::v4 ? box_count_v4_ : box_count_v6_);
        for (std::size_t rank = 0; rank < policy_.rules.size(); ++rank) {
            if (!image_.rules[rank].is_deferred) {
                add_boxes(set, policy_.rules[rank], static_cast<std::uint32_t>(rank), hooks_->hook_set(rank));
            }
        }
        return set;
    }

    Status finish() {
        header_.magic = RUDDER_ABI_MAGIC;
        header_.abi_version = RUDDER_ABI_VERSION;
        header_.used_bytes = static_cast<std::uint32_t>(blob_.align(8));
        header_.flow_place_mask = flow_places(header_.used_bytes - vector_bytes(header_));
        blob_.put(0, header_);
        image_.blob = blob_.take();
        const auto fits = [this](const Tier& tier) {
            return image_.blob.size() <= tier.blob_bytes && counters_.end() <= tier.counter_slots;
        };
        const auto tier = std::find_if(tiers().begin(), tiers().end(), fits);
        if (tier == tiers().end()) {
            return Error{"the policy takes " + number(image_.blob.size()) + " bytes and " + number(counters_.end()) +
                         " counters: at most " + number(tiers().back().blob_bytes) + " and " +
                         number(tiers().back().counter_slots) + " are possible"};
        }
        image_.tier = static_cast<std::size_t>(tier - tiers().begin());
        return {};
    }

    const Policy& policy_;
    const Topology& topology_;
    LinkIndex links_;
    SlotAssignment<CounterSlots> counters_;
    SlotAssignment<NextHopSlots> next_hops_;
    SlotAssignment<GroupSlots> groups_;
    LimitTable limits_;
    std::size_t box_count_v4_ = 0;
    std::size_t box_count_v6_ = 0;
    using SharedTargets = std::map<std::string, std::uint32_t>;
    SharedTargets shared_targets_;  ///< bytes of a record: its index
    SharedTargets::const_iterator last_shared_ = shared_targets_.end();
    std::optional<HookTable> hooks_;
    rudder_blob_header header_{};
    BlobWriter blob_;
    Image image_;
};

}  // namespace

Result<Image> compile(const Policy& policy, const Topology& topology, const Slots& previous) {
    return Compiler(policy, topology, previous).run();
}

}  // namespace rudder
