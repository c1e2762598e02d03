// SPDX-License-Identifier: Apache-2.0
#include "kernel_bench.hpp"
#include "report.hpp"
#include "ruleset_file.hpp"
#include "../ruleset_generator.hpp"

#include "core/compile/image.hpp"

#include "rudder_classifier.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

/// `bench_classify`: what a classification costs, as a table, JSON and a plot.
namespace {

using namespace rudder;
using namespace rudder::bench;

constexpr int k_skipped = 77;
constexpr std::size_t k_trace = 1u << 14;
/// Half of what the kernel allows a program.
constexpr std::uint32_t k_most_verified = 500'000;

struct Options {
    std::vector<std::size_t> sizes = {1, 64, 1000, 10000, 100000};
    std::vector<std::string> files;
    std::string json;
    std::string svg;
    std::uint32_t packets = k_trace;  ///< short rounds: the best one is less likely to be interrupted
    unsigned rounds = 60;
    std::size_t checked = 300;
};

double processor_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

Topology one_device() {
    Topology topology;
    Link link;
    link.ifindex = 2;
    link.name = "eth0";
    topology.links[2] = link;
    return topology;
}

/// The policy read literally.
std::uint32_t first_match(const Policy& policy, const rudder_packet& packet) {
    const auto address = [&packet](const std::uint32_t* be) {
        IpAddress result{packet.family == 4 ? IpFamily::v4 : IpFamily::v6, {}};
        std::copy_n(reinterpret_cast<const std::uint8_t*>(be), packet.family == 4 ? 4 : 16, result.bytes.begin());
        return result;
    };
    const IpAddress src = address(packet.src_be);
    const IpAddress dst = address(packet.dst_be);
    const auto holds = [&packet](const std::vector<PortRange>& ports, std::uint16_t port) {
        return ports.empty() || ((packet.flags & RUDDER_PKT_HAS_PORTS) != 0 && ports[0].first <= port && port <= ports[0].last);
    };
    for (std::size_t rank = 0; rank < policy.rules.size(); ++rank) {
        const Match& m = policy.rules[rank].match;
        if ((!m.ip_proto || *m.ip_proto == packet.protocol) && (m.src.empty() || m.src[0].contains(src)) &&
            (m.dst.empty() || m.dst[0].contains(dst)) && holds(m.src_ports, packet.src_port) &&
            holds(m.dst_ports, packet.dst_port)) {
            return static_cast<std::uint32_t>(rank);
        }
    }
    return RUDDER_NO_RULE;
}

/// Nanoseconds of a contender above the empty program.
Result<double> above_empty(KernelBench& bench, Contender contender, const Options& options) {
    const auto empty = bench.run(Contender::empty, options.packets, options.rounds);
    const auto own = empty ? bench.run(contender, options.packets, options.rounds) : empty;
    if (!own) {
        return own.error();
    }
    return *own - *empty;
}

Result<std::size_t> count_mismatches(KernelBench& bench, const Policy& policy, const std::vector<rudder_packet>& trace,
                                     const Options& options) {
    const auto ranks = bench.ranks(std::min(options.checked, trace.size()));
    if (!ranks) {
        return ranks.error();
    }
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < ranks->size(); ++i) {
        wrong += (*ranks)[i] != first_match(policy, trace[i]) ? 1 : 0;
    }
    return wrong;
}

/// The linear scan runs over 64 rules of the same kind with headers of its own.
Result<double> linear_ns(const Policy& linear, IpFamily family, const Options& options) {
    const auto image = compile(linear, one_device(), {});
    auto bench = image ? KernelBench::load(*image, linear, family, generate_hits(linear, k_trace, 3)) : image.error();
    return bench ? above_empty(*bench, Contender::linear, options) : bench.error();
}

Result<Measurement> measure(const std::string& set, const Policy& policy, const Policy& linear, IpFamily family,
                            const Options& options) {
    Measurement m;
    m.set = set;
    m.family = family == IpFamily::v4 ? 4 : 6;
    m.rules = policy.rules.size();
    const double start = processor_ms();
    const auto image = compile(policy, one_device(), {});
    m.build_ms = processor_ms() - start;
    if (!image) {
        return image.error();
    }
    m.image_bytes = image->blob.size();
    const auto hits = generate_hits(policy, k_trace, 1);
    auto hit = KernelBench::load(*image, linear, family, hits);
    auto miss = KernelBench::load(*image, linear, family, generate_misses(family, k_trace, 2));
    if (!hit || !miss) {
        return hit ? miss.error() : hit.error();
    }
    m.verified = hit->verified_instructions();
    const auto wrong = count_mismatches(*hit, policy, hits, options);
    const auto linear_cost = linear_ns(linear, family, options);
    const auto hit_cost = above_empty(*hit, Contender::walk, options);
    const auto miss_cost = above_empty(*miss, Contender::walk, options);
    for (const auto* cost : {&linear_cost, &hit_cost, &miss_cost}) {
        if (!*cost) {
            return cost->error();
        }
    }
    if (!wrong) {
        return wrong.error();
    }
    m.mismatches = *wrong;
    m.linear_ns = *linear_cost;
    m.hit_ns = *hit_cost;
    m.miss_ns = *miss_cost;
    return m;
}

/// Prints the line; false on failure.
bool add(std::vector<Measurement>& all, const Result<Measurement>& measured) {
    if (!measured) {
        std::cerr << measured.error().message << "\n";
        return false;
    }
    all.push_back(*measured);
    std::cout << table_line(*measured) << std::flush;
    return true;
}

bool run_generated(const Options& options, std::vector<Measurement>& all) {
    for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
        for (const Kind kind : {Kind::acl, Kind::fw, Kind::ipc}) {
            const Policy linear = generate_policy({kind, family, 64, 7});
            for (const std::size_t rules : options.sizes) {
                if (!add(all, measure(to_string(kind), generate_policy({kind, family, rules, 1}), linear, family, options))) {
                    return false;
                }
            }
        }
    }
    return true;
}

bool run_files(const Options& options, std::vector<Measurement>& all) {
    for (const std::string& path : options.files) {
        const auto policy = read_ruleset(path);
        if (!policy) {
            std::cerr << policy.error().message << "\n";
            return false;
        }
        Policy linear = *policy;
        linear.rules.resize(std::min<std::size_t>(64, linear.rules.size()));
        const IpFamily family = policy->rules[0].match.family_v4 ? IpFamily::v4 : IpFamily::v6;
        const std::string name = path.substr(path.rfind('/') + 1, 13);
        if (!add(all, measure(name, *policy, linear, family, options))) {
            return false;
        }
    }
    return true;
}

void write_file(const std::string& path, const std::string& text) {
    if (!path.empty()) {
        std::ofstream(path) << text;
    }
}

bool is_permitted() {
    const Policy policy = generate_policy({Kind::acl, IpFamily::v4, 1, 1});
    const auto image = compile(policy, one_device(), {});
    const auto bench = KernelBench::load(*image, policy, IpFamily::v4, generate_hits(policy, 1, 1));
    if (!bench) {
        std::cerr << "skipped: " << bench.error().message << "\n";
    }
    return bench.is_ok();
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"What a classification costs in the kernel, beside a linear scan of 64 rules in the same run"};
    app.add_option("--sizes", options.sizes, "numbers of rules to generate");
    app.add_option("--file", options.files, "ClassBench sets (CSV: priority,src,sport lo,hi,dst,dport lo,hi,proto,mask) instead");
    app.add_option("--json", options.json, "write the results there");
    app.add_option("--svg", options.svg, "write a plot there");
    app.add_option("--packets", options.packets, "packets of a round");
    app.add_option("--rounds", options.rounds, "rounds; the best counts");
    CLI11_PARSE(app, argc, argv);
    if (!is_permitted()) {
        return k_skipped;
    }
    std::cout << table_header();
    std::vector<Measurement> all;
    const bool is_complete = options.files.empty() ? run_generated(options, all) : run_files(options, all);
    write_file(options.json, to_json(all));
    write_file(options.svg, to_svg(all));
    const bool is_right = std::all_of(all.begin(), all.end(), [](const Measurement& m) {
        return m.mismatches == 0 && m.verified < k_most_verified;
    });
    return is_complete && is_right ? 0 : 1;
}
