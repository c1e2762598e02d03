// SPDX-License-Identifier: Apache-2.0
#include "core/compile/bit_vectors.hpp"

#include "core/compile/leaf_encoding.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>

namespace rudder {
namespace {

// In the nanoseconds of forest_price.cpp. *Source*: fitted by hand to runs of 1, 2, 3, 8 and 64 rules of the same sets.
constexpr double k_vectors_ns = 9;
constexpr double k_column_ns = 0.8;
/// A candidate that is not the answer is a branch that the processor did not foresee.
constexpr double k_wrong_ns = 9;

constexpr std::size_t k_cache_line = 64;
constexpr unsigned k_octet_bits = 8;
constexpr std::uint32_t k_highest_octet = 255;

std::uint64_t all_boxes(const BoxSet& set) { return ~std::uint64_t{0} >> (RUDDER_VECTOR_BOXES - set.boxes.size()); }

/// Where the octet of `word` from bit `shift` on lies in rudder_key.
std::uint8_t octet_at(unsigned word, unsigned shift) {
    const unsigned from_low = shift / k_octet_bits;
    const unsigned within = std::endian::native == std::endian::little ? from_low : sizeof(std::uint32_t) - 1 - from_low;
    return static_cast<std::uint8_t>(sizeof(std::uint32_t) * word + within);
}

/// Every value of the range leaves the box to its octet at `shift`.
void leave(rudder_column& column, std::uint64_t box, const ValueRange& range, unsigned shift) {
    const std::uint32_t first = range.first >> shift;
    const std::uint32_t more = std::min((range.last >> shift) - first, k_highest_octet);
    for (std::uint32_t i = 0; i <= more; ++i) {
        column.boxes[(first + i) & k_highest_octet] |= box;
    }
}

rudder_column column_of(const BoxSet& set, std::size_t dimension, unsigned shift) {
    rudder_column column{};
    for (std::uint32_t box = 0; box < set.boxes.size(); ++box) {
        const std::uint64_t bit = std::uint64_t{1} << box;
        if (const auto* list = set.list_of(box, dimension)) {
            for (const ValueRange& range : *list) {
                leave(column, bit, range, shift);
            }
        } else {
            leave(column, bit, set.spans_of(box)[dimension], shift);
        }
    }
    return column;
}

/// One for each octet of each dimension: dimensions begin at octets of the key.
std::vector<BitVectors::Column> possible_columns(const BoxSet& set) {
    std::vector<BitVectors::Column> columns;
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        const Dimension& dimension = set.layout().dimensions[d];
        for (unsigned shift = 0; shift < dimension.bits; shift += k_octet_bits) {
            columns.push_back({octet_at(dimension.word, dimension.shift + shift), column_of(set, d, shift)});
        }
    }
    return columns;
}

/// A packet while columns are being chosen.
struct Trial {
    const SamplePoint* packet = nullptr;
    std::uint64_t answer = 0;  ///< the first box it matches for sure; 0: none
    std::uint64_t left = 0;    ///< boxes that the columns so far leave

    [[nodiscard]] std::uint64_t left_by(const BitVectors::Column& column) const {
        const auto* octets = reinterpret_cast<const std::uint8_t*>(packet->key.word);
        return left & column.boxes.boxes[octets[column.octet]];
    }
    /// Boxes that are compared in vain.
    [[nodiscard]] std::size_t wrong(std::uint64_t candidates) const {
        return static_cast<std::size_t>(std::popcount(candidates & (answer - 1)));
    }
};

std::vector<Trial> trials_of(const BoxSet& set, const std::vector<SamplePoint>& packets) {
    std::vector<Trial> trials;
    for (const SamplePoint& packet : packets) {
        Trial trial{&packet, 0, all_boxes(set)};
        for (std::uint32_t box = 0; trial.answer == 0 && box < set.boxes.size(); ++box) {
            trial.answer = is_match(set, box, packet) ? std::uint64_t{1} << box : 0;
        }
        trials.push_back(trial);
    }
    return trials;
}

std::size_t wrong_with(const std::vector<Trial>& trials, const BitVectors::Column& column) {
    return std::accumulate(trials.begin(), trials.end(), std::size_t{0}, [&](std::size_t sum, const Trial& trial) {
        return sum + trial.wrong(trial.left_by(column));
    });
}

/// Moves the column that leaves the fewest wrong boxes from `rest` to `chosen`. Returns how many those are, for all packets.
std::size_t choose_column(std::vector<Trial>& trials, std::vector<BitVectors::Column>& rest,
                          std::vector<BitVectors::Column>& chosen) {
    std::size_t least = std::numeric_limits<std::size_t>::max();
    auto best = rest.begin();
    for (auto column = rest.begin(); column != rest.end(); ++column) {
        const std::size_t wrong = wrong_with(trials, *column);
        if (wrong < least) {
            least = wrong;
            best = column;
        }
    }
    for (Trial& trial : trials) {
        trial.left = trial.left_by(*best);
    }
    chosen.push_back(*best);
    rest.erase(best);
    return least;
}

/// The entries of all boxes, in order of rank.
std::string entries_of(const BoxSet& set, Extensions& extensions) {
    TreeLeaf everything;
    everything.boxes.resize(set.boxes.size());
    std::iota(everything.boxes.begin(), everything.boxes.end(), 0u);
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        everything.region[d] = set.layout().dimensions[d].whole();
    }
    return encode_leaf(set, everything, extensions);
}

}  // namespace

std::optional<BitVectors> build_bit_vectors(const BoxSet& set, const std::vector<SamplePoint>& packets) {
    if (set.boxes.empty() || packets.empty() || set.boxes.size() > RUDDER_VECTOR_BOXES) {
        return std::nullopt;
    }
    auto trials = trials_of(set, packets);
    auto rest = possible_columns(set);
    std::vector<BitVectors::Column> chosen;
    BitVectors best{{}, std::numeric_limits<double>::infinity()};
    while (chosen.size() < RUDDER_MAX_COLUMNS && rest.size() >= RUDDER_COLUMN_GROUP) {
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < RUDDER_COLUMN_GROUP; ++i) {
            wrong = choose_column(trials, rest, chosen);
        }
        const double price = k_vectors_ns + k_column_ns * static_cast<double>(chosen.size()) +
                             k_wrong_ns * static_cast<double>(wrong) / static_cast<double>(packets.size());
        if (price >= best.price) {
            break;
        }
        best = {chosen, price};
    }
    return best;
}

rudder_vectors write_bit_vectors(BlobWriter& blob, const BoxSet& set, const BitVectors& vectors, Extensions& extensions) {
    rudder_vectors record{};
    record.column_count = static_cast<std::uint32_t>(vectors.columns.size());
    record.column_offset = static_cast<std::uint32_t>(blob.align(k_cache_line));
    for (std::size_t i = 0; i < vectors.columns.size(); ++i) {
        record.octet[i] = vectors.columns[i].octet;
        blob.append(vectors.columns[i].boxes);
    }
    const std::string entries = entries_of(set, extensions);
    const std::size_t bytes = leaf_entry_bytes(set.family);
    record.entry_offset = static_cast<std::uint32_t>(blob.reserve<char>(RUDDER_VECTOR_BOXES * bytes));
    for (std::size_t box = 0; box < set.boxes.size(); ++box) {
        const std::size_t place = rudder_vector_place(std::uint64_t{1} << box);
        blob.put_bytes(record.entry_offset + place * bytes, std::string_view(entries).substr(box * bytes, bytes));
    }
    return record;
}

}  // namespace rudder
