// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/bpf_kernel.hpp"

#include "shell/kernel/features.hpp"
#include "shell/kernel/map_info.hpp"
#include "shell/kernel/tcx.hpp"
#include "shell/os/os_error.hpp"

#include <rudder_abi.h>

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace rudder {
namespace {

constexpr std::uint32_t k_slot = 0;  // the only entry of `active`
constexpr std::size_t k_named_detours = 8;

Status set_slot(int map_fd, int value_fd, const std::string& operation) {
    if (const int result = bpf_map_update_elem(map_fd, &k_slot, &value_fd, BPF_ANY); result != 0) {
        return os_error(operation, result);
    }
    return {};
}

/// Id of the map or program in the slot; 0 when it is empty.
Result<std::uint32_t> slot_id(int map_fd, const std::string& operation) {
    std::uint32_t id = 0;
    const int result = bpf_map_lookup_elem(map_fd, &k_slot, &id);
    if (result != 0 && result != -ENOENT) {
        return os_error(operation, result);
    }
    return result == 0 ? id : 0;
}

}  // namespace

BpfKernel::BpfKernel(BpfKernelOptions options, BpfObject shared, NextHopTable next_hops, GroupTables groups,
                     std::uint32_t cpus)
    : options_(std::move(options)), shared_(std::move(shared)), next_hops_(std::move(next_hops)), groups_(std::move(groups)),
      cpus_(cpus) {}

Status BpfKernel::check(const Image& image) const {
    if (image.needs_tables && !can_look_up_tables_) {
        return Error{"a routing table as the way out (via = { table = N }) takes Linux 6.5: this kernel has no BPF_FIB_LOOKUP_TBID",
                     EOPNOTSUPP};
    }
    return {};
}

Result<StageId> BpfKernel::stage(const Image& image, std::uint64_t generation) {
    const std::string operation = "stage generation " + std::to_string(generation);
    if (Status status = leave_tier(image.tier); !status) {
        return status.error().within(operation);
    }
    if (Status status = load_tier(image.tier); !status) {
        return status.error().within(operation);
    }
    Result<Blob> blob = make_blob(image, generation);
    if (!blob) {
        drop_unused(image.tier);
        return blob.error().within(operation);
    }
    const StageId id{next_stage_++};
    staged_.emplace(id.value, std::move(blob).value());
    return id;
}

/// While hooks enter by the programs of a past tier, nothing can be staged for it: filling its slot would be seen at once.
Status BpfKernel::leave_tier(std::size_t tier) {
    const auto is_past = [this, tier] {
        const std::vector<std::size_t> past = past_tiers();
        return std::find(past.begin(), past.end(), tier) != past.end();
    };
    if (!is_past()) {
        return {};
    }
    if (Status status = free_previous(); !status) {
        return status;
    }
    return is_past() ? Status{detours_.at(0)} : Status{};
}

void BpfKernel::discard(StageId stage) {
    const auto staged = staged_.find(stage.value);
    if (staged == staged_.end()) {
        return;
    }
    const std::size_t tier = staged->second.tier;
    staged_.erase(staged);
    drop_unused(tier);
}

/// A tier that has never seen a packet: nothing to count, nobody to wait for. Before the first publish it may have hooks that could not
/// be detached again, and stays for them.
void BpfKernel::drop_unused(std::size_t tier) {
    if (active_ && !is_tier_in_use(tier)) {
        tiers_.erase(tier);
    }
}

Status BpfKernel::publish(StageId stage) {
    const auto staged = staged_.find(stage.value);
    if (staged == staged_.end()) {
        return Error{"publish: no such stage", EINVAL};
    }
    Blob& blob = staged->second;
    const bool is_running_tier = !active_ || active_->tier == blob.tier;
    Status status = is_running_tier
                        ? set_slot(tiers_.at(blob.tier).map_fd("active"), blob.map.get(), "publish: set the active slot")
                        : switch_tier(blob);
    if (!status) {
        return status;
    }
    if (active_) {
        previous_.push_back(std::move(*active_));
    }
    active_ = std::move(blob);
    staged_.erase(staged);
    return {};
}

/// No packet is handed on to the new tier before the running one has no active generation any more: that is the commit. Until
/// hooks are moved (free_previous) they enter by the programs of the old tier.
Status BpfKernel::switch_tier(const Blob& blob) {
    BpfObject& tier = tiers_.at(blob.tier);
    BpfObject& running = tiers_.at(active_->tier);
    if (Status status = set_slot(tier.map_fd("active"), blob.map.get(), "publish: fill the slot of the new tier"); !status) {
        return status;
    }
    Status status = running.hand_on_to(tier);
    if (status) {
        if (const int result = bpf_map_delete_elem(running.map_fd("active"), &k_slot); result != 0) {
            status = os_error("publish: switch to the new tier", result);
        }
    }
    if (!status) {
        running.stop_handing_on();
        (void)bpf_map_delete_elem(tier.map_fd("active"), &k_slot);
    }
    return status;
}

/// Writing a slot of an array of maps returns only after the RCU grace period (maybe_wait_bpf_programs in
/// kernel/bpf/syscall.c); giving a hook another program waits for nobody. So after hooks were moved the running
/// slot is written once more, with what it holds: then no packet is in the old tier, its blob or its counters.
Status BpfKernel::wait_for_packets() const {
    return set_slot(tiers_.at(active_->tier).map_fd("active"), active_->map.get(), "wait for packets in the old generation");
}

/// One hook that cannot be moved keeps all past tiers, by which its packets reach the active one, but holds nothing else up.
Status BpfKernel::free_previous() {
    detours_.clear();
    if (const std::vector<std::size_t> past = past_tiers(); !past.empty()) {
        move_hooks();
        if (Status status = wait_for_packets(); !status) {
            return status;
        }
        for (const std::size_t tier : detours_.empty() ? past : std::vector<std::size_t>{}) {
            if (Status status = retire_tier(tier); !status) {
                return status;
            }
        }
    }
    previous_.clear();
    return {};
}

std::vector<std::size_t> BpfKernel::past_tiers() const {
    std::vector<std::size_t> past;
    for (const auto& [tier, object] : tiers_) {
        const bool is_staged = std::any_of(staged_.begin(), staged_.end(),
                                           [tier = tier](const auto& staged) { return staged.second.tier == tier; });
        if (active_ && tier != active_->tier && !is_staged) {
            past.push_back(tier);
        }
    }
    return past;
}

/// Hooks that still run the programs of a past tier get those of the active one, each in one step. What was removed by hand stays so.
/// What fails goes to detours_.
void BpfKernel::move_hooks() {
    const Result<std::vector<HookStatus>> hooks = driver_->list();
    if (!hooks) {
        detours_.push_back(hooks.error().within("find the hooks that run programs of the policy size before"));
        return;
    }
    std::size_t unnamed = 0;
    for (const HookStatus& hook : *hooks) {
        const Status status = hook.is_attached ? attach(hook.hook) : Status{};
        if (status || status.error().code == ENODEV) {
            continue;
        }
        if (detours_.size() < k_named_detours) {
            detours_.push_back(status.error().within("the program of the policy size before still runs"));
        } else {
            ++unnamed;
        }
    }
    if (unnamed > 0) {
        detours_.push_back(Error{"so it does at " + std::to_string(unnamed) + " other hooks", 0});
    }
}

bool BpfKernel::is_tier_in_use(std::size_t tier) const {
    const auto is_of_tier = [tier](const Blob& blob) { return blob.tier == tier; };
    return (active_ && is_of_tier(*active_)) || std::any_of(previous_.begin(), previous_.end(), is_of_tier) ||
           std::any_of(staged_.begin(), staged_.end(), [&](const auto& staged) { return is_of_tier(staged.second); });
}

Status BpfKernel::load_tier(std::size_t tier) {
    if (tiers_.contains(tier)) {
        return {};
    }
    Result<BpfObject> object = BpfObject::load_tier(rudder::tiers().at(tier), shared_, options_.log);
    if (!object) {
        return object.error();
    }
    tiers_.emplace(tier, std::move(object).value());
    return {};
}

Result<BpfKernel::Blob> BpfKernel::make_blob(const Image& image, std::uint64_t generation) const {
    const std::uint32_t bytes = rudder::tiers().at(image.tier).blob_bytes;
    if (image.blob.size() > bytes || image.blob.size() < sizeof(rudder_blob_header)) {
        return Error{"image of " + std::to_string(image.blob.size()) + " bytes in a tier of " + std::to_string(bytes), EINVAL};
    }
    std::vector<std::uint8_t> value(bytes);
    std::copy(image.blob.begin(), image.blob.end(), value.begin());
    std::memcpy(value.data() + offsetof(rudder_blob_header, generation), &generation, sizeof(generation));
    Result<int> created = create_blob_map(bytes);
    if (!created) {
        return created.error();
    }
    UniqueFd map(*created);
    if (const int result = bpf_map_update_elem(map.get(), &k_slot, value.data(), BPF_ANY); result != 0) {
        return os_error("fill the blob map", result);
    }
    if (can_freeze_) {
        if (const int result = bpf_map_freeze(map.get()); result != 0) {
            return os_error("freeze the blob map", result);
        }
    }
    const Result<std::uint32_t> id = map_id(map.get());
    if (!id) {
        return id.error();
    }
    return Blob{image.tier, std::move(map), *id, generation};
}

/// The programs of the active tier or, before the first publish, those of the tier that will be.
Status BpfKernel::attach(const HookSpec& hook) {
    if (!active_ && staged_.empty()) {
        return Error{"attach: nothing is staged", EINVAL};
    }
    const BpfObject& tier = tiers_.at(active_ ? active_->tier : staged_.rbegin()->second.tier);
    const HookProgram& program = hook.direction == Direction::ingress ? tier.ingress() : tier.egress();
    const LibbpfCapture log(options_.log);
    if (Status status = driver_->attach(hook, program); !status) {
        return status.error().within("attach");
    }
    return {};
}

Status BpfKernel::detach(const HookSpec& hook) {
    const LibbpfCapture log(options_.log);
    if (Status status = driver_->detach(hook); !status) {
        return status.error().within("detach");
    }
    return {};
}

Status BpfKernel::write_next_hop(std::uint32_t slot, const NextHopEntry& entry) { return next_hops_.write(slot, entry); }

Status BpfKernel::write_group(std::uint32_t slot, const GroupEntry& entry) { return groups_.write(slot, entry); }

/// A hook that runs a program of ours, but of a tier that is gone, treats no packets: it is as lost as one without any.
Result<std::vector<HookStatus>> BpfKernel::list_hooks() {
    Result<std::vector<HookStatus>> hooks = driver_->list();
    if (!hooks) {
        return hooks;
    }
    for (HookStatus& hook : *hooks) {
        const auto tier = std::find_if(tiers_.begin(), tiers_.end(), [&hook](const auto& each) {
            return hook.program_id == each.second.ingress().id || hook.program_id == each.second.egress().id;
        });
        if (hook.is_attached && tier == tiers_.end()) {
            hook.is_attached = false;
            hook.detail = "runs a program of a policy size that is gone";
        } else if (hook.is_attached && active_ && tier->first != active_->tier) {
            hook.detail += ", by the program of the policy size before";
        }
    }
    return hooks;
}

Result<std::vector<MapStatus>> BpfKernel::list_maps() {
    std::vector<int> descriptors = shared_.own_map_fds();
    for (const auto& [tier, object] : tiers_) {
        const std::vector<int> own = object.own_map_fds();
        descriptors.insert(descriptors.end(), own.begin(), own.end());
    }
    if (active_) {
        descriptors.push_back(active_->map.get());
    }
    for (const Blob& blob : previous_) {
        descriptors.push_back(blob.map.get());
    }
    std::vector<MapStatus> maps;
    for (const int descriptor : descriptors) {
        Result<MapStatus> status = map_status(descriptor);
        if (!status) {
            return status.error();
        }
        maps.push_back(std::move(status).value());
    }
    return maps;
}

/// The kernel tells ids; turning an id into a descriptor needs CAP_SYS_ADMIN, so the ids are looked up among
/// the objects this process holds: while we hold a map, its id is nobody else's, and its content is frozen.
/// An id that is not ours is an error, since nobody else may write these slots.
Result<std::uint64_t> BpfKernel::active_generation() {
    for (const auto& [tier, object] : tiers_) {
        const Result<std::uint32_t> map = slot_id(object.map_fd("active"), "read back the active generation");
        if (!map) {
            return map.error();
        }
        if (*map != 0) {
            return generation_of(*map);
        }
    }
    return std::uint64_t{0};
}

Result<std::uint64_t> BpfKernel::generation_of(std::uint32_t blob_map_id) const {
    if (active_ && active_->map_id == blob_map_id) {
        return active_->generation;
    }
    const auto previous = std::find_if(previous_.begin(), previous_.end(),
                                       [&](const Blob& blob) { return blob.map_id == blob_map_id; });
    if (previous != previous_.end()) {
        return previous->generation;
    }
    return Error{"the active slot holds a map that is not ours", ESTALE};
}

}  // namespace rudder
