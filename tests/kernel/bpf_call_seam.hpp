// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder::test {

constexpr int k_any_command = -1;

/// Lets the bpf() call number `n` from now on (counted from 1, of `command` only where one is given) fail with `error`; 0: none.
void fail_bpf_call(int n, int error, int command = k_any_command);
/// bpf() calls since then, of that command.
[[nodiscard]] int bpf_calls();

/// The same for send(), by which libbpf asks for filters and qdiscs.
void fail_send(int n, int error);
[[nodiscard]] int sends();

}  // namespace rudder::test
