// SPDX-License-Identifier: Apache-2.0
#include "../nft_ruleset.hpp"
#include "contenders.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace rudder::bench {

namespace {

Status load(const std::string& text) {
    const std::string path = std::filesystem::temp_directory_path() / fmt::format("rudder-bench-{}.nft", getpid());
    std::ofstream(path) << text;
    auto status = run_command("nft -f " + path);
    unlink(path.c_str());
    return status;
}

/// A dormant table, woken by start. Its namespace ends with this process.
Result<Contender> contender_of(std::string kind, std::string name, const Workload& workload, const std::string& table,
                               const std::string& text) {
    if (auto status = load(text); !status) return status.error().within(name);
    Contender contender;
    contender.kind = std::move(kind);
    contender.name = std::move(name);
    contender.set = workload.set;
    contender.rules = workload.rules.size();
    contender.trace = workload.trace;
    contender.start = [table] { return run_command("nft 'add table netdev " + table + " { ; }'"); };
    contender.stop = [table] { return run_command("nft 'add table netdev " + table + " { flags dormant; }'"); };
    return contender;
}

std::string table_name(const char* kind, const Workload& workload) {
    std::string name = std::string(kind) + "_" + workload.name;
    for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    return name;
}

}  // namespace

Result<Contender> nft_list_contender(const Workload& workload) {
    const auto table = table_name("list", workload);
    return contender_of("nft-list", "nftables rules, " + workload.name, workload, table,
                        nft_list_ruleset(table, workload.rules));
}

Result<Contender> nft_map_contender(const Workload& workload) {
    const auto table = table_name("map", workload);
    const auto ruleset = nft_map_ruleset(table, workload.rules);
    return contender_of(
        "nft-map", fmt::format("nftables map ({} of {}), {}", ruleset.mapped, workload.rules.size(), workload.name),
        workload, table, ruleset.text);
}

}  // namespace rudder::bench
