// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/config/reading.hpp"

#include <cstdint>
#include <optional>

/// One value of each kind. All take a value that passed check_scalar and report what is wrong with it.
namespace rudder {

[[nodiscard]] std::optional<std::string> read_name(const Reading& reading, const KeySpec& spec,
                                                   const ConfigValue& value);
[[nodiscard]] std::optional<IpPrefix> read_prefix(const Reading& reading, const KeySpec& spec,
                                                  const ConfigValue& value);
[[nodiscard]] std::optional<IpAddress> read_address(const Reading& reading, const KeySpec& spec,
                                                    const ConfigValue& value);
/// An address that packets on a link can come from.
[[nodiscard]] std::optional<IpAddress> read_source_address(const Reading& reading, const KeySpec& spec,
                                                           const ConfigValue& value);
[[nodiscard]] std::optional<MacAddress> read_mac(const Reading& reading, const KeySpec& spec, const ConfigValue& value);
[[nodiscard]] std::optional<PortRange> read_ports(const Reading& reading, const KeySpec& spec,
                                                  const ConfigValue& value);
/// A number, or "lo-hi", within the bounds of the row.
[[nodiscard]] std::optional<ValueRange> read_range(const Reading& reading, const KeySpec& spec,
                                                   const ConfigValue& value);
[[nodiscard]] std::optional<std::uint8_t> read_dscp(const Reading& reading, const KeySpec& spec,
                                                    const ConfigValue& value);
[[nodiscard]] std::optional<RateLimit> read_rate(const Reading& reading, const KeySpec& spec, const ConfigValue& value);
[[nodiscard]] std::optional<TtlAction> read_ttl(const Reading& reading, const KeySpec& spec, const ConfigValue& value);
/// The VLAN id to leave with, 0 for "none".
[[nodiscard]] std::optional<std::uint16_t> read_new_vlan(const Reading& reading, const KeySpec& spec, const ConfigValue& value);
[[nodiscard]] std::optional<std::string> read_device(const Reading& reading, const KeySpec& spec,
                                                     const ConfigValue& value);

/// Stores a protocol number, none for "any"; false after an error.
[[nodiscard]] bool read_protocol(const Reading& reading, const KeySpec& spec, const ConfigValue& value,
                                 std::optional<std::uint8_t>& protocol);

/// Adds one entry of a `vlan` list (a range of ids, "none", "any") to the match.
[[nodiscard]] bool read_vlan(const Reading& reading, const KeySpec& spec, const ConfigValue& value, VlanMatch& vlan);

/// The index of the word among those of the row.
[[nodiscard]] std::optional<std::size_t> read_word(const Reading& reading, const KeySpec& spec,
                                                   const ConfigValue& value);

/// Adds one entry of an interface list ("eth0", "ens*", "!lo", "any") to the selector.
[[nodiscard]] bool read_interface(const Reading& reading, const KeySpec& spec, const ConfigValue& value,
                                  InterfaceSelector& selector);

}  // namespace rudder
