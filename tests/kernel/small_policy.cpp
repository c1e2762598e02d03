// SPDX-License-Identifier: Apache-2.0
#include "small_policy.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <utility>

namespace rudder::test {

Image passing_image(const std::string& name, const std::vector<std::uint32_t>& devices, const Slots& previous,
                    std::size_t tier, Direction direction) {
    Policy policy;
    Topology topology;
    Rule rule;
    rule.name = name;
    rule.match.direction = direction;
    for (const std::uint32_t device : devices) {
        Link link;
        link.ifindex = device;
        link.name = "device" + std::to_string(device);
        link.is_up = true;
        link.mtu = 1500;
        topology.links[device] = link;
        rule.match.interface.include.push_back(link.name);
    }
    policy.rules.push_back(rule);
    Result<Image> image = compile(policy, topology, previous);
    REQUIRE(image.is_ok());
    image->tier = tier;
    return std::move(image).value();
}

Daemon::Daemon(Attachment attachment) {
    BpfKernelOptions options;
    options.attachment = attachment;
    Result<std::unique_ptr<BpfKernel>> opened = BpfKernel::open(std::move(options));
    INFO((opened ? "" : opened.error().message));
    REQUIRE(opened.is_ok());
    kernel = std::move(opened).value();
}

ApplyOutcome Daemon::reconcile(const std::string& rule, const std::vector<std::uint32_t>& devices, std::size_t tier,
                               Direction direction) {
    const Image image = passing_image(rule, devices, applied.image.slots, tier, direction);
    ApplyOutcome outcome = apply(*kernel, applied, make_plan(applied, image, {}), image);
    if (!outcome.status) {
        UNSCOPED_INFO(outcome.status.error().message);
    }
    return outcome;
}

Status Daemon::publish(const std::string& rule, const std::vector<std::uint32_t>& devices, std::size_t tier,
                       Direction direction) {
    const Image image = passing_image(rule, devices, applied.image.slots, tier, direction);
    const Result<StageId> stage = kernel->stage(image, applied.generation + 1);
    if (!stage) {
        return stage.error();
    }
    if (Status status = kernel->publish(*stage); !status) {
        kernel->discard(*stage);
        return status;
    }
    applied.generation++;
    applied.image = image;
    return {};
}

std::uint64_t Daemon::counted(const std::string& rule) {
    const std::uint32_t slot = applied.image.slots.counters.at({rule, -1});
    const Result<std::vector<CounterValue>> values = kernel->read_counters(slot + 1);
    REQUIRE(values.is_ok());
    return (*values)[slot].packets;
}

std::vector<HookSpec> Daemon::attached() {
    const Result<std::vector<HookStatus>> hooks = kernel->list_hooks();
    REQUIRE(hooks.is_ok());
    std::vector<HookSpec> attached;
    for (const HookStatus& status : *hooks) {
        if (status.is_attached) {
            attached.push_back(status.hook);
        }
    }
    return attached;
}

std::uint32_t Daemon::program_at(const HookSpec& hook) {
    const Result<std::vector<HookStatus>> hooks = kernel->list_hooks();
    REQUIRE(hooks.is_ok());
    const auto found = std::find_if(hooks->begin(), hooks->end(), [&](const HookStatus& status) { return status.hook == hook; });
    return found == hooks->end() ? 0 : found->program_id;
}

}  // namespace rudder::test
