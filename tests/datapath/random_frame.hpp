// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "frame.hpp"

#include <random>

/// Frames and rewrites that look for trouble, from a seed.
namespace rudder::test {

using Random = std::mt19937;

/// Uniform in [0, below).
[[nodiscard]] unsigned below(Random& random, unsigned limit);

/// Mostly well-formed IP of every transport, with options, extension headers, fragments, tags, odd lengths and
/// padding; now and then cut short or with a byte flipped.
[[nodiscard]] Frame random_frame(Random& random, const MacAddress& dst);
/// Nearly the same frame for the same receiver: as it is, or any bit of its headers is another; the sum of an IPv4 header
/// is mostly right again.
[[nodiscard]] Frame variant_of(Random& random, Frame frame);
/// Any mix of rewrites for one family.
[[nodiscard]] Rewrite random_rewrite(Random& random, IpFamily family);
/// One of a few addresses, so that rules and packets meet.
[[nodiscard]] IpAddress random_address(Random& random, IpFamily family);

}  // namespace rudder::test
