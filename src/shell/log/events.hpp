// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/log/logger.hpp"

/// Every kind of event of the daemon. An identifier is never reused for another meaning; each has its
/// entry in systemd/rudder.catalog (a test compares the two).
namespace rudder::event {

inline constexpr EventKind k_started{"started", "01cb3ca5a789448086897db2bc13c191"};
inline constexpr EventKind k_stopping{"stopping", "9272cd67eada4ec99c74f2bf48ad8098"};
inline constexpr EventKind k_published{"published", "9cc6703c99a840c89dd20c9a7ad0cf29"};
inline constexpr EventKind k_rule_added{"rule-added", "4d778a5e706049c49d919a97e7a3d26f"};
inline constexpr EventKind k_rule_removed{"rule-removed", "c7148c2b6fa54eb0a5daf164a947308b"};
inline constexpr EventKind k_rule_changed{"rule-changed", "f30056af2b1246279ee341f69df05306"};
inline constexpr EventKind k_rejected{"rejected", "d73a73b1a1f6406dba4748a05537af3e"};
inline constexpr EventKind k_diagnostic{"diagnostic", "ae03d7715ae84967997aad762b818433"};
inline constexpr EventKind k_apply_failed{"apply-failed", "21f5744952464f11975a71da4bddbdd2"};
inline constexpr EventKind k_apply_warning{"apply-warning", "5b57abd44bb74cf1b89d75ca66cbd76d"};
inline constexpr EventKind k_overflow{"overflow", "228de0f165c345739526def5a8d75bc5"};
inline constexpr EventKind k_hook_lost{"hook-lost", "fa34de89f7a9425ba8efd8dfa9096051"};
inline constexpr EventKind k_check_failed{"check-failed", "71bb0a8acd614ff4b77c15dcb2a2158e"};
inline constexpr EventKind k_start_failed{"start-failed", "878d94a55869456693f1ec0e585734f9"};
inline constexpr EventKind k_kernel_message{"kernel-message", "2e3ae60f5a8c4fb98cc55a9d32a64a21"};
inline constexpr EventKind k_leftovers{"leftovers-removed", "f55650e830684f75a58bca6b688d129f"};
inline constexpr EventKind k_deferred{"rule-deferred", "ec9e464ff3d44d0f98f56e3007dd3df0"};
inline constexpr EventKind k_active_again{"rule-active-again", "dbb778b4121c4b6a866afbb53a9662d5"};
inline constexpr EventKind k_log_late{"log-late", "ffa3cac5c1134b2c93e9424e5b2d5661"};
inline constexpr EventKind k_memberships{"memberships", "10300eaf18f8418ca7b8dd0c623d0ae1"};
inline constexpr EventKind k_membership_failed{"membership-failed", "80fdccbb01364b56b69fcb23fed93b07"};
inline constexpr EventKind k_member_dead{"member-dead", "061bbedefa0843efac46966ccc31ae98"};
inline constexpr EventKind k_member_up{"member-up", "3383166b0831461e89d24e54a27e8226"};
inline constexpr EventKind k_probe_failed{"probe-failed", "aa5453c839434908a8a2267568badd30"};
inline constexpr EventKind k_health_file{"health-file", "6f0b1c9a7c0d4b7e9f3a52d8e41c7b06"};
inline constexpr EventKind k_health_changes{"health-changes", "1a45846f47ff436892c0ef3675add7c6"};
inline constexpr EventKind k_bond_port{"bond-port", "fe5e0860888f43458a3d83d363402e40"};

inline constexpr EventKind k_all[] = {k_started,    k_stopping,     k_published,     k_rule_added, k_rule_removed,
                                      k_rule_changed, k_rejected,   k_diagnostic,    k_apply_failed, k_apply_warning,
                                      k_overflow,   k_hook_lost,    k_check_failed,  k_start_failed,
                                      k_kernel_message, k_leftovers, k_deferred,    k_active_again,
                                      k_log_late,   k_memberships,  k_membership_failed,
                                      k_member_dead, k_member_up,   k_probe_failed, k_health_file, k_health_changes,
                                      k_bond_port};

}  // namespace rudder::event
