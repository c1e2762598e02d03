// SPDX-License-Identifier: Apache-2.0
#include "core/compile/sample_points.hpp"

#include <algorithm>
#include <random>

namespace rudder {
namespace {

constexpr std::size_t k_samples = 256;

class Sampler {
public:
    explicit Sampler(const BoxSet& set) : set_(set) {}

    /// Somewhere in the box.
    SamplePoint inside(std::uint32_t box) {
        SamplePoint point;
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            const auto* list = set_.list_of(box, d);
            point.values[d] = value_of(list == nullptr ? set_.spans_of(box)[d] : (*list)[random_() % list->size()]);
        }
        return finished(point);
    }

    /// The same packet to somewhere else.
    SamplePoint elsewhere(SamplePoint point) {
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            if (set_.layout().dimensions[d].field == Field::dst) {
                point.values[d] = static_cast<std::uint32_t>(random_());
            }
        }
        return finished(point);
    }

private:
    std::uint32_t value_of(const ValueRange& range) {
        return static_cast<std::uint32_t>(range.first + random_() % (std::uint64_t{range.last} - range.first + 1));
    }

    SamplePoint finished(SamplePoint point) const {
        point.key = {};
        for (std::size_t d = 0; d < set_.layout().count(); ++d) {
            const Dimension& dimension = set_.layout().dimensions[d];
            point.key.word[dimension.word] |= point.values[d] << dimension.shift;
        }
        return point;
    }

    const BoxSet& set_;
    std::mt19937 random_{1};
};

}  // namespace

std::vector<SamplePoint> sample_points(const BoxSet& set) {
    Sampler sampler(set);
    std::vector<SamplePoint> points;
    const std::size_t stride = std::max<std::size_t>(1, set.boxes.size() / k_samples);
    for (std::size_t box = 0; box < set.boxes.size(); box += stride) {
        points.push_back(sampler.inside(static_cast<std::uint32_t>(box)));
        points.push_back(sampler.elsewhere(points.back()));
    }
    return points;
}

bool is_match(const BoxSet& set, std::uint32_t box, const SamplePoint& point) {
    const Box& asked = set.boxes[box];
    if (set.fields_of(box).opaque != k_no_conditions || asked.not_src != k_nothing_excluded || asked.not_dst != k_nothing_excluded) {
        return false;
    }
    for (std::size_t d = 0; d < set.layout().count(); ++d) {
        const auto is_within = [value = point.values[d]](const ValueRange& range) {
            return value >= range.first && value <= range.last;
        };
        const auto* list = set.list_of(box, d);
        if (list == nullptr ? !is_within(set.spans_of(box)[d]) : std::none_of(list->begin(), list->end(), is_within)) {
            return false;
        }
    }
    return true;
}

}  // namespace rudder
