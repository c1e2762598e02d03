// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/base/policy.hpp"
#include "core/compile/blob_writer.hpp"
#include "core/compile/image.hpp"
#include "core/compile/slots.hpp"

#include "rudder_abi.h"

#include <cstdint>
#include <vector>

/// The rate limits of a policy as the datapath reads them.
namespace rudder {

/// The record of one limit without its slot. `owner`: its rule or target; another one's bucket is not taken over.
[[nodiscard]] rudder_limit encode_limit(const RateLimit& limit, const CounterKey& owner);

/// All limits of a policy. Those of the same rule or target keep their slot, and with it what they have left.
class LimitTable {
public:
    LimitTable(const Policy& policy, const CounterSlots& previous);

    /// The number of a rule's (target -1) or a target's limit; 0: it has none.
    [[nodiscard]] std::uint32_t number_of(const CounterKey& owner) const;
    /// Appends the records; the blob ends on a multiple of `alignment` then, which is a multiple of their size.
    void write(BlobWriter& blob, std::size_t alignment) const;
    /// One above the highest slot.
    [[nodiscard]] std::uint32_t end() const { return slots_.end(); }
    [[nodiscard]] CounterSlots take_slots() { return slots_.take(); }

private:
    void add(const RateLimit& limit, const CounterKey& owner);

    SlotAssignment<CounterSlots> slots_;
    std::vector<rudder_limit> records_;  ///< index = number - 1
    CounterSlots numbers_;
};

}  // namespace rudder
