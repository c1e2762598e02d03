// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "network.hpp"
#include "small_policy.hpp"

#include "shell/os/unique_fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Maps and programs as the kernel shows them to root.
namespace rudder::test {

/// Every mechanism this kernel has.
[[nodiscard]] std::vector<Attachment> mechanisms();

/// A mechanism and a direction.
struct Way {
    Attachment mechanism = Attachment::automatic;
    Direction direction = Direction::ingress;

    /// The hook that frames sent by the pair come through.
    [[nodiscard]] HookSpec hook_of(const VethPair& veth) const;
    [[nodiscard]] std::string text() const;
};
/// All there are.
[[nodiscard]] std::vector<Way> ways();

/// Ids of the daemon's maps of that name: one for each loaded tier where tiers have their own.
[[nodiscard]] std::vector<std::uint32_t> map_ids(Daemon& daemon, const std::string& name);
/// A second descriptor for the first of them.
[[nodiscard]] UniqueFd map_named(Daemon& daemon, const std::string& name);
/// Whether that program was loaded with that map.
[[nodiscard]] bool uses_map(std::uint32_t program_id, std::uint32_t map_id);

/// What a tier has of its own.
struct TierObjects {
    std::vector<std::uint32_t> programs;  ///< those that others tail-call
    std::vector<std::uint32_t> maps;
};
/// Of the only tier that is loaded.
[[nodiscard]] TierObjects tier_objects(Daemon& daemon);

/// Somebody else's program, called "somebody": lets everything go on.
[[nodiscard]] UniqueFd passing_program();

/// Id of the program in a place of a program array; 0 if it is empty.
[[nodiscard]] std::uint32_t program_in(const UniqueFd& program_array, std::uint32_t key);
[[nodiscard]] bool exists_program(std::uint32_t id);
[[nodiscard]] bool exists_map(std::uint32_t id);
/// The kernel frees after a grace period, by a worker.
[[nodiscard]] bool is_freed_soon(std::uint32_t program_id);
[[nodiscard]] bool is_map_freed_soon(std::uint32_t map_id);
[[nodiscard]] bool are_freed_soon(const TierObjects& objects);

}  // namespace rudder::test
