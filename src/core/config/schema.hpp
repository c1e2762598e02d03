// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// The policy language as one table: which keys there are, where, with which values. It drives the parser, the checking
/// of keys, the suggestions for misspelt ones, and everything generated from the language (man page, editor schema).
namespace rudder {

/// A table of the language, as a bit: a key may belong to several.
enum TableBit : std::uint16_t {
    k_root = 1,     ///< top level of a file
    k_rule = 2,     ///< [[rule]]
    k_match = 4,    ///< [rule.match]
    k_action = 8,   ///< [rule.action]
    k_target = 16,  ///< [[rule.action.targets]]
    k_set = 32,     ///< [[set]]
    k_group = 64,   ///< [[group]]
    k_member = 128, ///< [[group.members]]
    k_health = 256, ///< [group.health]
    k_route = 512,  ///< what `via` may hold in place of an interface
    k_not = 1024,   ///< [rule.match.not]
};

/// A rule type, as a bit: a key of an action may belong to several.
enum TypeBit : std::uint8_t {
    k_steer = 1,
    k_replicate = 2,
    k_drop = 4,
    k_pass = 8,
    k_mirror = 16,
    k_capture = 32,
    k_tap = 64,
    k_every_type = 127,
};

/// What a value means; decides which TOML types it may have.
enum class ValueKind : std::uint8_t {
    name,               ///< string: letters, digits and . _ -
    word,               ///< string: one of `words`
    integer,            ///< integer from `minimum` to `maximum`
    boolean,            ///< true or false
    table,              ///< a table
    table_list,         ///< a list of tables
    interface_pattern,  ///< string: name or glob, "!" before an exclusion, "any"
    device,             ///< string: name of one interface
    prefix,             ///< string: IPv4 or IPv6 prefix; "@set" in a match
    address,            ///< string: IPv4 or IPv6 address, or one of `words`
    mac,                ///< string
    ports,              ///< integer, or string "lo-hi"; "@set" in a match
    dscp,               ///< integer, or string: one of `words`
    protocol,           ///< integer, or string: one of `words`
    rate,               ///< string: number and unit, such as "1000pps" or "10mbit"
    ttl,                ///< integer, or string "keep"
    vlan,               ///< integer, or string "lo-hi", "none" or "any"
    new_vlan,           ///< integer, or string "none"
    range,              ///< integer, or string "lo-hi"
    icmp_type,          ///< integer, or string "lo-hi", "type/code" or a name
    tcp_flags,          ///< string
    ecn,                ///< integer, or string: one of `words`
    mark,               ///< integer, or string "0x10" or "0x10/0xff"
    mac_pattern,        ///< string, perhaps with a mask
    duration,           ///< string: whole number and unit; minimum and maximum in ms
    bytes,              ///< string, or "hex:" and digits
    file,               ///< string: name of a list file
    unsupported,        ///< a key whose turn has not come
};

/// One row. `code` is reported for a value that is not one of its kind.
struct KeySpec {
    std::uint16_t tables = 0;  ///< TableBit
    std::string_view key;
    ValueKind kind = ValueKind::unsupported;
    std::string_view doc;               ///< one line, without a full stop
    std::uint8_t types = k_every_type;  ///< TypeBit
    bool is_required = false;
    bool is_list_allowed = false;  ///< a list of such values is as good as one
    std::int64_t minimum = 0;
    std::int64_t maximum = 0;
    std::span<const std::string_view> words{};
    std::string_view default_text{};  ///< what holds without the key, empty: nothing
    std::string_view unit{};
    std::string_view code{};

    [[nodiscard]] bool is_supported() const { return kind != ValueKind::unsupported; }
};

/// One word of the key `type`.
struct TypeSpec {
    std::string_view word;
    TypeBit bit = k_pass;
    bool is_supported = false;
    std::string_view doc;
};

[[nodiscard]] std::span<const KeySpec> key_table();
[[nodiscard]] std::span<const TypeSpec> type_table();

/// A part of key_table() that holds all rows of a table, and a few others.
[[nodiscard]] std::span<const KeySpec> rows_about(TableBit table);

/// The row of a key in a table, null if there is none.
[[nodiscard]] const KeySpec* find_key(TableBit table, std::string_view key);

/// The keys of a table, for suggestions; `types` selects those of some rule types.
[[nodiscard]] std::vector<std::string_view> keys_of(TableBit table, std::uint8_t types = k_every_type);

/// "[rule.match]" for messages.
[[nodiscard]] std::string_view table_title(TableBit table);

}  // namespace rudder
