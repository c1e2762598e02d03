// SPDX-License-Identifier: Apache-2.0
#include "rounds.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace rudder::bench {
namespace {

constexpr std::uint32_t k_queue_places = 192;  // of the 256 of a veth queue
constexpr std::uint32_t k_least_frames = 1'000;
constexpr std::uint32_t k_most_frames = 400'000;
constexpr std::size_t k_between_units = 4;

class Runner {
public:
    Runner(Generator& generator, double burst_ms) : generator_(generator), burst_ms_(burst_ms) {}

    /// One burst of a contender, after one that warms it up: since its last turn the others have had the caches. The
    /// first of all says how many frames take the time wanted.
    Result<double> run(const Contender& contender, Standing& standing) {
        generator_.set_trace(contender.trace);
        if (auto status = contender.start(); !status) return status.error().within("start " + contender.name);
        auto burst = bursts(contender);
        if (auto status = contender.stop(); !status) return status.error().within("stop " + contender.name);
        if (!burst) return burst.error();
        const double expected = static_cast<double>(burst->sent) * contender.copies;
        standing.worst_loss = std::max(standing.worst_loss, 1.0 - static_cast<double>(burst->received) / expected);
        standing.ns_per_frame.push_back(burst->ns_per_frame());
        return burst->ns_per_frame();
    }

private:
    Result<Burst> bursts(const Contender& contender) {
        const auto batch = std::min(64u, std::max(1u, k_queue_places / contender.copies));
        std::uint32_t& frames = frames_[&contender];
        const bool is_first = frames == 0;
        auto warm = generator_.send(is_first ? k_least_frames : warming(contender, frames), batch, contender.copies);
        if (!warm) return warm;
        if (is_first) {
            const double wanted = burst_ms_ * 1e6 / (warm->ns_per_frame() * contender.copies);
            frames = static_cast<std::uint32_t>(std::clamp(wanted, double{k_least_frames}, double{k_most_frames}));
            if (auto again = generator_.send(warming(contender, frames), batch, contender.copies); !again) return again;
        }
        return generator_.send(frames, batch, contender.copies);
    }

    /// Every header at least once.
    static std::uint32_t warming(const Contender& contender, std::uint32_t frames) {
        const auto headers = static_cast<std::uint32_t>(std::min<std::size_t>(contender.trace.size(), k_most_frames));
        return std::max({k_least_frames, frames / 8, headers});
    }

    Generator& generator_;
    double burst_ms_;
    std::map<const Contender*, std::uint32_t> frames_;
};

Standing standing_of(const Contender& contender) {
    Standing standing;
    standing.kind = contender.kind;
    standing.name = contender.name;
    standing.set = contender.set;
    standing.rules = contender.rules;
    standing.headers = contender.trace.size();
    standing.copies = contender.copies;
    return standing;
}

}  // namespace

Result<std::vector<Standing>> run_rounds(Generator& generator, const Contender& unit,
                                         const std::vector<Contender>& contenders, const E2eEffort& effort) {
    Runner runner(generator, effort.burst_ms);
    std::vector<Standing> standings = {standing_of(unit)};
    for (const Contender& contender : contenders) standings.push_back(standing_of(contender));
    for (std::uint32_t round = 0; round < effort.rounds; ++round) {
        auto before = runner.run(unit, standings.front());
        if (!before) return before.error();
        for (std::size_t first = 0; first < contenders.size(); first += k_between_units) {
            const std::size_t last = std::min(contenders.size(), first + k_between_units);
            for (std::size_t i = first; i < last; ++i)
                if (auto ns = runner.run(contenders[i], standings[i + 1]); !ns) return ns.error();
            auto after = runner.run(unit, standings.front());
            if (!after) return after.error();
            for (std::size_t i = first; i < last; ++i)
                standings[i + 1].ratios.push_back((*before + *after) / 2 / standings[i + 1].ns_per_frame.back());
            before = after;
        }
    }
    standings.front().ratios = {1.0};
    return standings;
}

}  // namespace rudder::bench
