// SPDX-License-Identifier: Apache-2.0
// bench_rules: a generated set as a file of ours and as a plain chain of nft(8), on standard output one or the other.
#include "../nft_ruleset.hpp"
#include "../ruleset_generator.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <map>

using namespace rudder;
using namespace rudder::bench;

namespace {

std::string prefixes(const char* key, const std::vector<IpPrefix>& stated) {
    return stated.empty() ? "" : fmt::format(", {} = \"{}\"", key, to_string(stated[0]));
}

std::string ports(const char* key, const std::vector<PortRange>& stated) {
    if (stated.empty()) return "";
    const PortRange range = stated[0];
    return range.first == range.last ? fmt::format(", {} = {}", key, range.first)
                                     : fmt::format(", {} = \"{}-{}\"", key, range.first, range.last);
}

/// Of lists of prefixes or ports the first counts, as in nft_list_ruleset(): generated sets have no others.
std::string rule_text(const Rule& rule, const std::string& next_hop) {
    const Match& match = rule.match;
    const std::string protocol = match.ip_proto ? fmt::format(", ip_proto = {}", *match.ip_proto) : "";
    return fmt::format("[[rule]]\nname = \"{}\"\npriority = {}\ntype = \"steer\"\nmatch = {{ interface = \"in0\"{}{}{}{}{} }}\n"
                       "action = {{ via = \"out0\", next_hop = \"{}\" }}\n\n",
                       rule.name, rule.priority, prefixes("src_ip", match.src), prefixes("dst_ip", match.dst), protocol,
                       ports("src_port", match.src_ports), ports("dst_port", match.dst_ports), next_hop);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"A generated set of steer rules on standard output."};
    Ruleset wanted;
    int family = 4;
    bool is_nft = false;
    const std::map<std::string, Kind> kinds{{"acl", Kind::acl}, {"fw", Kind::fw}, {"ipc", Kind::ipc}};
    app.add_option("--kind", wanted.kind, "acl, fw or ipc")->transform(CLI::CheckedTransformer(kinds));
    app.add_option("--family", family, "4 or 6")->check(CLI::IsMember({4, 6}));
    app.add_option("--rules", wanted.rules)->required();
    app.add_flag("--nft", is_nft, "as a chain for nft -f (IPv4)");
    CLI11_PARSE(app, argc, argv);

    wanted.family = family == 4 ? IpFamily::v4 : IpFamily::v6;
    const Policy policy = generate_policy(wanted);
    if (is_nft) {
        std::fputs(nft_list_ruleset("bench", policy.rules).c_str(), stdout);
        return 0;
    }
    for (const Rule& rule : policy.rules) {
        std::fputs(rule_text(rule, family == 4 ? "192.0.2.2" : "2001:db8::2").c_str(), stdout);
    }
    return 0;
}
