// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

/// The codes of all findings about configuration files. A code is stable: it is never given to another mistake.
namespace rudder {

struct CodeInfo {
    std::string_view code;
    std::string_view text;  ///< one line for the man page
    std::string_view help;  ///< the way out where the finding itself names none, without a full stop
};

/// Every code, in the order of the codes; E is an error, W a warning.
[[nodiscard]] std::span<const CodeInfo> all_codes();

/// The row of a code, null if there is none.
[[nodiscard]] const CodeInfo* find_code(std::string_view code);

namespace code {

inline constexpr std::string_view too_many_files = "E0001";
inline constexpr std::string_view file_too_large = "E0002";
inline constexpr std::string_view set_too_large = "E0003";
inline constexpr std::string_view too_many_rules = "E0004";
inline constexpr std::string_view too_many_targets = "E0005";
inline constexpr std::string_view too_many_entries = "E0006";
inline constexpr std::string_view too_many_findings = "E0007";
inline constexpr std::string_view syntax = "E0101";
inline constexpr std::string_view defined_twice = "E0102";
inline constexpr std::string_view nul_byte = "E0103";
inline constexpr std::string_view control_byte = "E0104";
inline constexpr std::string_view bad_utf8 = "E0105";
inline constexpr std::string_view utf16 = "E0106";
inline constexpr std::string_view line_too_long = "E0107";
inline constexpr std::string_view nested_too_deep = "E0108";
inline constexpr std::string_view key_too_long = "E0109";
inline constexpr std::string_view number_too_large = "E0110";
inline constexpr std::string_view word_too_long = "E0111";
inline constexpr std::string_view not_ascii = "E0112";
inline constexpr std::string_view too_many_dots = "E0113";
inline constexpr std::string_view unknown_key = "E0201";
inline constexpr std::string_view unknown_table = "E0202";
inline constexpr std::string_view key_not_supported = "E0203";
inline constexpr std::string_view table_not_supported = "E0204";
inline constexpr std::string_view missing_key = "E0205";
inline constexpr std::string_view wrong_type = "E0206";
inline constexpr std::string_view key_of_other_type = "E0207";
inline constexpr std::string_view not_a_list_of_tables = "E0208";
inline constexpr std::string_view empty_list = "E0209";
inline constexpr std::string_view out_of_range = "E0210";
inline constexpr std::string_view bad_name = "E0301";
inline constexpr std::string_view duplicate_rule = "E0302";
inline constexpr std::string_view duplicate_priority = "E0303";
inline constexpr std::string_view unknown_type = "E0304";
inline constexpr std::string_view type_not_supported = "E0305";
inline constexpr std::string_view bad_prefix = "E0401";
inline constexpr std::string_view prefix_length = "E0402";
inline constexpr std::string_view host_bits = "E0403";
inline constexpr std::string_view unknown_direction = "E0404";
inline constexpr std::string_view unknown_protocol = "E0405";
inline constexpr std::string_view bad_ports = "E0406";
inline constexpr std::string_view reversed_range = "E0407";
inline constexpr std::string_view unknown_dscp = "E0408";
inline constexpr std::string_view bad_interface = "E0409";
inline constexpr std::string_view only_exclusions = "E0410";
inline constexpr std::string_view no_ports = "E0411";
inline constexpr std::string_view no_family = "E0412";
inline constexpr std::string_view bad_vlan = "E0413";
inline constexpr std::string_view bad_icmp_type = "E0414";
inline constexpr std::string_view icmp_without_protocol = "E0415";
inline constexpr std::string_view bad_tcp_flags = "E0416";
inline constexpr std::string_view flags_without_tcp = "E0417";
inline constexpr std::string_view unknown_fragment = "E0418";
inline constexpr std::string_view bad_range = "E0419";
inline constexpr std::string_view unknown_ecn = "E0420";
inline constexpr std::string_view bad_mark = "E0421";
inline constexpr std::string_view bad_mac_pattern = "E0422";
inline constexpr std::string_view later_fragment = "E0423";
inline constexpr std::string_view empty_exclusion = "E0424";
inline constexpr std::string_view nothing_left = "E0425";
inline constexpr std::string_view long_exclusion = "E0426";
inline constexpr std::string_view bad_address = "E0501";
inline constexpr std::string_view unusable_address = "E0502";
inline constexpr std::string_view bad_next_hop = "E0503";
inline constexpr std::string_view bad_mac = "E0504";
inline constexpr std::string_view mac_not_unicast = "E0505";
inline constexpr std::string_view bad_device = "E0506";
inline constexpr std::string_view unknown_on_failure = "E0507";
inline constexpr std::string_view unknown_original = "E0508";
inline constexpr std::string_view bad_ttl = "E0509";
inline constexpr std::string_view mixed_families = "E0510";
inline constexpr std::string_view action_family = "E0511";
inline constexpr std::string_view next_hop_family = "E0512";
inline constexpr std::string_view port_rewrite_no_ports = "E0513";
inline constexpr std::string_view hairpin = "E0514";
inline constexpr std::string_view group_and_way = "E0519";
inline constexpr std::string_view bad_new_vlan = "E0520";
inline constexpr std::string_view duplicate_set = "E0601";
inline constexpr std::string_view unknown_set = "E0602";
inline constexpr std::string_view wrong_set = "E0603";
inline constexpr std::string_view set_content = "E0604";
inline constexpr std::string_view bad_list_file = "E0605";
inline constexpr std::string_view no_list_file = "E0606";
inline constexpr std::string_view empty_list_file = "E0607";
inline constexpr std::string_view duplicate_list_file = "E0608";
inline constexpr std::string_view join_at_egress = "E0701";
inline constexpr std::string_view join_without_groups = "E0702";
inline constexpr std::string_view join_prefix = "E0703";
inline constexpr std::string_view join_unicast = "E0704";
inline constexpr std::string_view sources_without_join = "E0705";
inline constexpr std::string_view join_family = "E0706";
inline constexpr std::string_view too_many_joins = "E0707";
inline constexpr std::string_view duplicate_group = "E0711";
inline constexpr std::string_view unknown_group = "E0712";
inline constexpr std::string_view unknown_hash = "E0713";
inline constexpr std::string_view duplicate_member = "E0714";
inline constexpr std::string_view mixed_members = "E0715";
inline constexpr std::string_view no_weight = "E0716";
inline constexpr std::string_view too_many_members = "E0717";
inline constexpr std::string_view too_many_groups = "E0718";
inline constexpr std::string_view route_and_way = "E0719";
inline constexpr std::string_view source_family = "E0720";
inline constexpr std::string_view named_twice = "E0721";
inline constexpr std::string_view bad_rate = "E0722";
inline constexpr std::string_view unknown_excess = "E0723";
inline constexpr std::string_view needs_limit = "E0724";
inline constexpr std::string_view burst_too_long = "E0725";
inline constexpr std::string_view unknown_probe = "E0740";
inline constexpr std::string_view bad_duration = "E0741";
inline constexpr std::string_view bad_bytes = "E0742";
inline constexpr std::string_view probe_lacks_key = "E0743";
inline constexpr std::string_view probe_has_no_key = "E0744";
inline constexpr std::string_view probe_timeout = "E0745";
inline constexpr std::string_view bad_probe_address = "E0746";
inline constexpr std::string_view probe_family = "E0747";
inline constexpr std::string_view nobody_to_ask = "E0748";
inline constexpr std::string_view too_many_probes = "E0749";
inline constexpr std::string_view more_warnings = "W0001";
inline constexpr std::string_view unused_set = "W0601";
inline constexpr std::string_view unused_group = "W0602";
inline constexpr std::string_view shadowed_rule = "W0701";
inline constexpr std::string_view wrong_icmp = "W0702";
inline constexpr std::string_view extension_header = "W0704";
inline constexpr std::string_view unused_list_file = "W0705";
inline constexpr std::string_view sources_missing = "W0731";
inline constexpr std::string_view source_not_matched = "W0732";
inline constexpr std::string_view no_tag_to_take_off = "W0740";

}  // namespace code
}  // namespace rudder
