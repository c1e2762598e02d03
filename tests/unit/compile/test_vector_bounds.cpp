// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "builders.hpp"
#include "core/compile/image.hpp"
#include "random_policy.hpp"

#include "rudder_classifier.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

using namespace rudder;
using namespace rudder::test;

namespace {

/// Bytes with nothing readable behind them, and nothing before the page they begin in.
class Fenced {
public:
    explicit Fenced(std::size_t most) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
        room_ = (most + page_ - 1) / page_ * page_;
        all_ = static_cast<char*>(mmap(nullptr, room_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        REQUIRE(all_ != MAP_FAILED);
        REQUIRE(mprotect(all_ + page_, room_, PROT_READ | PROT_WRITE) == 0);
    }
    ~Fenced() { munmap(all_, room_ + 2 * page_); }
    Fenced(const Fenced&) = delete;
    Fenced& operator=(const Fenced&) = delete;

    /// The last `bytes` of it.
    [[nodiscard]] char* last(std::size_t bytes) const { return all_ + page_ + room_ - bytes; }

private:
    std::size_t page_ = 0, room_ = 0;
    char* all_ = nullptr;
};

/// Around the ends of what `bytes` hold, or anywhere. A multiple of 8, as all offsets are.
std::uint32_t some_offset(Random& random, std::uint32_t bytes) {
    const std::uint32_t near[] = {bytes, bytes - 8192, bytes - 2048, bytes - 64, bytes - 32, 0u, 0xfffffff8u, 0xffffe000u};
    const std::uint32_t offset = chance(random, 60) ? near[pick(random, 8)] + 8 * pick(random, 9) - 32 : pick(random, bytes * 2);
    return (chance(random, 10) ? static_cast<std::uint32_t>(random()) : offset) & ~7u;
}

void spoil(Random& random, rudder_vectors& vectors, std::uint32_t bytes) {
    if (chance(random, 50)) vectors.column_offset = some_offset(random, bytes);
    if (chance(random, 50)) vectors.entry_offset = some_offset(random, bytes);
    if (chance(random, 50)) vectors.column_count = chance(random, 50) ? pick(random, 24) : static_cast<std::uint32_t>(random());
    for (std::uint8_t& octet : vectors.octet) {
        if (chance(random, 20)) octet = static_cast<std::uint8_t>(random());
    }
}

struct Looked {
    std::size_t matched = 0, packets = 0;
};

/// Looks up packets in an image whose vectors were spoilt, of which only the first bytes are there.
void look_in_ruins(Random& random, const Policy& rules, const Image& image, const Fenced& memory, const Fenced& key_memory, Looked& looked) {
    const auto whole = static_cast<std::uint32_t>(image.blob.size());
    const auto least = static_cast<std::uint32_t>(sizeof(rudder_blob_header));
    const std::uint32_t bytes = chance(random, 50) ? whole : least + (pick(random, chance(random, 50) ? 9000 : whole - least) & ~7u);
    char* blob = memory.last(bytes);
    std::memset(blob, chance(random, 50) ? 0xff : 0, bytes);
    std::memcpy(blob, image.blob.data(), std::min(bytes, whole));
    auto* header = reinterpret_cast<rudder_blob_header*>(blob);
    spoil(random, header->vectors_v4, bytes);
    spoil(random, header->vectors_v6, bytes);
    auto* key = reinterpret_cast<rudder_key*>(key_memory.last(sizeof(rudder_key)));
    for (int i = 0; i < 20; ++i) {
        const Probe probe = make_probe(random, rules, make_topology(2));
        if (rudder_classify_packet(blob, bytes, &probe.packet, key) != RUDDER_NO_RULE) looked.matched++;
        looked.packets++;
    }
}

}  // namespace

TEST_CASE("vectors that refer outside the blob or the key are not followed there") {
    const Fenced memory(256u << 10), key_memory(sizeof(rudder_key));
    Looked looked;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        Random random(seed);
        const Policy rules = make_policy(random, seed % 2 == 0 ? Shape::open : Shape::open_holes, 1 + pick(random, 30), 2);
        const auto image = compile(rules, make_topology(2), {});
        REQUIRE(image);
        for (int round = 0; round < 100; ++round) {
            look_in_ruins(random, rules, *image, memory, key_memory, looked);
        }
    }
    CHECK(looked.matched > looked.packets / 50);  // it is more than the first refusal that was tried
}

TEST_CASE("a blob smaller than one group of columns has no candidates") {
    const Fenced memory(sizeof(rudder_blob_header));
    char* blob = memory.last(sizeof(rudder_blob_header));
    auto* header = reinterpret_cast<rudder_blob_header*>(blob);
    header->vectors_v4.column_count = RUDDER_COLUMN_GROUP;
    rudder_packet packet{};
    packet.family = 4;
    rudder_key key{};
    CHECK(rudder_classify_packet(blob, sizeof(rudder_blob_header), &packet, &key) == RUDDER_NO_RULE);
}
