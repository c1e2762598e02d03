// SPDX-License-Identifier: Apache-2.0
#include "core/compile/limit_table.hpp"
#include "host_shim.h"
#include "random_frame.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr std::uint64_t k_second = 1'000'000'000;
constexpr std::uint64_t k_boot = 12'345'678'901'234;

rudder_limit limit_of(const RateLimit& limit) { return encode_limit(limit, {"r", -1}); }

/// One packet at a time in nanoseconds since the boot; true if it passes.
bool passes(rudder_limit_state& state, const rudder_limit& limit, std::uint64_t now_ns, std::uint32_t bytes = 100) {
    return host_is_beyond(&state, now_ns << RUDDER_TICK_SHIFT, host_cost(&limit, 1, bytes), &limit) == 0;
}

/// The textbook's bucket: a level that grows with time up to the burst. Exact, in units times nanoseconds per second.
class Textbook {
public:
    explicit Textbook(const RateLimit& limit)
        : per_second_(limit.per_second), is_bits_(limit.unit == RateLimit::Unit::bits), most_(amount(limit.burst)), level_(most_) {}

    /// Whether a packet passes, and how close it was: tokens left over or missing, in nanoseconds.
    std::pair<bool, double> take(std::uint64_t now_ns, std::uint32_t bytes) {
        level_ = std::min(most_, level_ + static_cast<long double>(now_ns - last_ns_) * per_second_);
        last_ns_ = now_ns;
        const long double cost = amount(is_bits_ ? bytes : 1);
        const bool is_full = level_ == most_;
        const double margin = static_cast<double>((level_ - cost) / per_second_);
        if (level_ < cost && !is_full) {
            return {false, margin};
        }
        level_ -= cost;
        return {true, is_full ? 1e18 : margin};
    }
    /// Follows a decision that was too close to call.
    void take_back(std::uint32_t bytes) { level_ += amount(is_bits_ ? bytes : 1); }
    void pay(std::uint32_t bytes) { level_ -= amount(is_bits_ ? bytes : 1); }

private:
    [[nodiscard]] long double amount(std::uint64_t units) const {
        return static_cast<long double>(units) * (is_bits_ ? 8 : 1) * k_second;
    }

    long double per_second_;
    bool is_bits_;
    long double most_;
    long double level_;
    std::uint64_t last_ns_ = k_boot;
};

RateLimit random_limit(Random& random) {
    const auto any_up_to = [&random](unsigned bits) { return 1 + ((std::uint64_t{random()} << 32 | random()) >> (64 - bits)) % (1ull << below(random, bits)); };
    RateLimit limit;
    limit.unit = below(random, 2) == 0 ? RateLimit::Unit::packets : RateLimit::Unit::bits;
    limit.per_second = limit.unit == RateLimit::Unit::packets ? std::min<std::uint64_t>(any_up_to(30), k_second) : 1000 * any_up_to(29);
    limit.burst = limit.unit == RateLimit::Unit::packets ? any_up_to(12) : any_up_to(20);
    return limit;
}

}  // namespace

TEST_CASE("a bucket decides like the textbook's on random traffic") {
    Random random(11);
    std::uint64_t passed = 0, refused = 0, close = 0;
    for (int round = 0; round < 400; round++) {
        const RateLimit limit = random_limit(random);
        const rudder_limit record = limit_of(limit);
        rudder_limit_state state{};
        Textbook textbook(limit);
        const double mean_gap = 1e9 / static_cast<double>(limit.per_second) * (limit.unit == RateLimit::Unit::bits ? 8 * 700.0 : 1.0);
        std::uint64_t now = k_boot;
        for (int i = 0; i < 500; i++) {
            now += static_cast<std::uint64_t>(mean_gap * below(random, 1000) / 550.0 * (below(random, 100) == 0 ? 300 : 1));
            const std::uint32_t bytes = 60 + below(random, 1455) + (below(random, 20) == 0 ? 60000 : 0);
            const auto [want, margin] = textbook.take(now, bytes);
            const bool got = passes(state, record, now, bytes);
            (got ? passed : refused)++;
            if (got == want) {
                continue;
            }
            // Each cost is rounded down to a tick, and each price, by 1 in 30,000 at most.
            INFO("round " << round << " packet " << i << " " << to_string(limit) << " margin " << margin << " ns");
            REQUIRE(std::abs(margin) < 500.0 / 64 + mean_gap * 500 * 4e-5);
            close++;
            got ? textbook.pay(bytes) : textbook.take_back(bytes);
        }
    }
    INFO(passed << " passed, " << refused << " refused, " << close << " too close to call");
    CHECK(passed > 20000);
    CHECK(refused > 20000);
    CHECK(close < (passed + refused) / 200);
}

TEST_CASE("a bucket lets the burst through at once and then the rate") {
    const rudder_limit limit = limit_of({RateLimit::Unit::packets, 1000, 50});
    rudder_limit_state state{};
    int passed = 0;
    for (int i = 0; i < 200; i++) {
        passed += passes(state, limit, k_boot);
    }
    CHECK(passed == 50);
    for (std::uint64_t ms = 1; ms <= 3000; ms++) {
        passed += passes(state, limit, k_boot + ms * 1'000'000) + passes(state, limit, k_boot + ms * 1'000'000);
    }
    CHECK(passed == 3050);
}

TEST_CASE("bytes and segments cost what they are") {
    const rudder_limit bits = limit_of({RateLimit::Unit::bits, 8'000'000, 3000});
    CHECK(host_cost(&bits, 3, 1500) == (1'500'000ull << RUDDER_TICK_SHIFT));
    CHECK(bits.burst == (3'000'000ull << RUDDER_TICK_SHIFT));
    const rudder_limit packets = limit_of({RateLimit::Unit::packets, 1000, 7});
    CHECK(host_cost(&packets, 3, 1500) == (3'000'000ull << RUDDER_TICK_SHIFT));
    CHECK(packets.burst == (7'000'000ull << RUDDER_TICK_SHIFT));
}

TEST_CASE("a packet larger than the burst passes when the bucket is full, and pays in full") {
    const rudder_limit limit = limit_of({RateLimit::Unit::bits, 8000, 100});
    rudder_limit_state state{};
    CHECK(passes(state, limit, k_boot, 1000));
    CHECK_FALSE(passes(state, limit, k_boot + k_second * 99 / 100, 95));
    CHECK_FALSE(passes(state, limit, k_boot + k_second * 99 / 100, 1000));
    CHECK(passes(state, limit, k_boot + k_second, 1000));
}

TEST_CASE("the largest cost and burst do not overflow") {
    for (const RateLimit& slow : {RateLimit{RateLimit::Unit::packets, 1, 86400}, RateLimit{RateLimit::Unit::bits, 1000, 125 * 86400}}) {
        const rudder_limit limit = limit_of(slow);
        CHECK(limit.burst == (86400 * k_second << RUDDER_TICK_SHIFT));
        const std::uint64_t most = host_cost(&limit, ~0u, ~0u);
        CHECK(most > (4000 * k_second << RUDDER_TICK_SHIFT));
        CHECK(most < (5000 * k_second << RUDDER_TICK_SHIFT));
        rudder_limit_state state{};
        int passed = 0;
        while (passes(state, limit, k_boot, 0xffffffffu) && passed < 100000) {
            passed++;
        }
        CHECK(passed == (limit.is_per_byte ? 20 : 86400));
        CHECK(passes(state, limit, k_boot + 90000 * k_second, 100));
    }
}

TEST_CASE("a bucket kept by other terms begins full") {
    rudder_limit_state state{};
    const rudder_limit slow = limit_of({RateLimit::Unit::packets, 1, 1});
    CHECK(passes(state, slow, k_boot));
    CHECK_FALSE(passes(state, slow, k_boot));
    const rudder_limit fast = limit_of({RateLimit::Unit::packets, 1000, 2});
    CHECK(passes(state, fast, k_boot));
    CHECK(passes(state, fast, k_boot));
    CHECK_FALSE(passes(state, fast, k_boot));
}

TEST_CASE("processors that share a bucket get the burst together") {
    const rudder_limit limit = limit_of({RateLimit::Unit::packets, 1, 1000});
    rudder_limit_state state{};
    std::atomic<int> passed = passes(state, limit, k_boot) ? 1 : 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([&] {
            for (int packet = 0; packet < 20000; packet++) {
                passed += passes(state, limit, k_boot);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(passed <= 1000);
    CHECK(passed > 990);
}
