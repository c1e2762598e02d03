// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rudder::test {

/// Lets the bpf() call number `n` from now on (counted from 1) fail with `error`; 0: none.
void fail_bpf_call(int n, int error);
/// bpf() calls since then.
[[nodiscard]] int bpf_calls();

}  // namespace rudder::test
