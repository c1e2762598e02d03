// SPDX-License-Identifier: Apache-2.0
#include "core/config/codes.hpp"

namespace rudder {
namespace {

constexpr CodeInfo k_codes[] = {
    {code::too_many_files, "the set has too many files"},
    {code::file_too_large, "a file is too large"},
    {code::set_too_large, "all files together are too large"},
    {code::too_many_rules, "the set has too many rules"},
    {code::too_many_targets, "a replicate rule has too many targets"},
    {code::too_many_entries, "the lists of all rules together are too long"},
    {code::too_many_findings, "reading stopped after too many findings"},
    {code::syntax, "the file is not valid TOML"},
    {code::defined_twice, "a key or table is defined twice"},
    {code::nul_byte, "the file holds a NUL byte"},
    {code::control_byte, "the file holds a control character"},
    {code::bad_utf8, "the file is not valid UTF-8"},
    {code::utf16, "the file is UTF-16"},
    {code::line_too_long, "a line is too long"},
    {code::nested_too_deep, "brackets are nested too deep"},
    {code::key_too_long, "a dotted key has too many segments"},
    {code::number_too_large, "a number does not fit 64 bits"},
    {code::word_too_long, "a word without quotes is too long"},
    {code::not_ascii, "a character outside ASCII stands outside quotes"},
    {code::unknown_key, "the key does not exist in this table"},
    {code::unknown_table, "the table or top-level key does not exist"},
    {code::key_not_supported, "the key is not supported yet"},
    {code::table_not_supported, "the table is not supported yet"},
    {code::missing_key, "a required key is missing"},
    {code::wrong_type, "the value has the wrong TOML type"},
    {code::key_of_other_type, "the key belongs to another type of rule"},
    {code::not_a_list_of_tables, "a table is written [name] instead of [[name]]"},
    {code::empty_list, "a list is empty"},
    {code::out_of_range, "a number is out of range"},
    {code::bad_name, "a rule or set name has a wrong length or character"},
    {code::duplicate_rule, "two rules have the same name"},
    {code::duplicate_priority, "two rules have the same priority"},
    {code::unknown_type, "the rule type does not exist"},
    {code::type_not_supported, "the rule type is not supported yet"},
    {code::bad_prefix, "the text is not an IPv4 or IPv6 prefix"},
    {code::prefix_length, "the prefix length is out of range"},
    {code::host_bits, "the prefix has host bits set"},
    {code::unknown_direction, "the direction does not exist"},
    {code::unknown_protocol, "the IP protocol does not exist"},
    {code::bad_ports, "the text is not a port or port range"},
    {code::reversed_ports, "a port range ends before it starts"},
    {code::unknown_dscp, "the DSCP name does not exist"},
    {code::bad_interface, "the text cannot be the name or pattern of an interface"},
    {code::only_exclusions, "an interface list has exclusions only"},
    {code::no_ports, "a port is matched, but the IP protocol has no ports"},
    {code::no_family, "the fields of a match leave neither IPv4 nor IPv6"},
    {code::bad_address, "the text is not an IPv4 or IPv6 address"},
    {code::unusable_address, "packets cannot carry this address there"},
    {code::bad_next_hop, "the next hop is not a unicast address"},
    {code::bad_mac, "the text is not a MAC address"},
    {code::mac_not_unicast, "the MAC address is not a unicast address"},
    {code::bad_device, "the text cannot be the name of one interface"},
    {code::unknown_on_failure, "the word for on_failure does not exist"},
    {code::unknown_original, "the word for original does not exist"},
    {code::bad_ttl, "the ttl is neither \"keep\" nor 1 to 255"},
    {code::mixed_families, "the action of one rule mixes IPv4 and IPv6"},
    {code::action_family, "the action is for one address family, the match for the other"},
    {code::next_hop_family, "an IPv6 packet has an IPv4 next hop"},
    {code::port_rewrite_no_ports, "a port is rewritten, but the IP protocol has no ports"},
    {code::hairpin, "the packet would leave unchanged where it came in"},
    {code::duplicate_set, "two sets have the same name"},
    {code::unknown_set, "the set does not exist"},
    {code::wrong_set, "the set holds the other kind of entries"},
    {code::set_content, "a set has neither prefixes nor ports, or both"},
    {code::unused_set, "no rule uses the set"},
    {code::shadowed_rule, "an earlier rule matches every packet of this one"},
    {code::wrong_icmp, "icmp is matched with IPv6, or icmp6 with IPv4"},
    {code::redundant_interface, "an interface is listed besides any"},
};

}  // namespace

std::span<const CodeInfo> all_codes() {
    return k_codes;
}

}  // namespace rudder
