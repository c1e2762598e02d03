// SPDX-License-Identifier: Apache-2.0
#include "core/multicast/kernel_groups.hpp"

#include "joining.hpp"

#include <catch2/catch.hpp>

#include <bit>
#include <random>

using namespace rudder;
using namespace rudder::test;

namespace {

constexpr std::string_view k_igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
                                    "1\tlo        :     1      V3\n"
                                    "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                                    "12\te0        :     2      V2\n"
                                    "\t\t\t\t010101EF     1 1:00000057\t\t1\n"
                                    "\t\t\t\t010000E0     1 0:00000000\t\t0\n";

constexpr std::string_view k_igmp6 = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
                                     "12   a-long-name-012 ff150000000000000000000000000001     1 00000004 0\n";

}  // namespace

TEST_CASE("the groups of each device are read from the kernel's IPv4 list") {
    if constexpr (std::endian::native != std::endian::little) return;  // the text above is that of such a machine
    KernelGroups groups;
    add_igmp_groups(k_igmp, groups);
    CHECK(groups == KernelGroups{{1, ip("224.0.0.1")}, {12, ip("239.1.1.1")}, {12, ip("224.0.0.1")}});
}

TEST_CASE("the groups of each device are read from the kernel's IPv6 list") {
    KernelGroups groups;
    add_igmp6_groups(k_igmp6, groups);
    CHECK(groups == KernelGroups{{1, ip("ff02::1")}, {12, ip("ff15::1")}});
}

TEST_CASE("text of any other shape is passed over") {
    for (const char* text : {"", "\n", "\t", "\t\t\t\t010101EF", "x\n\t010101EF 1\n", "1\tlo\n\t010101E\n\t0101010101\n\t0101 1EF\n",
                             "4294967296\te0\n\t010101EF\n", "1 lo ff15", "1 lo gg150000000000000000000000000001", "-1 lo x"}) {
        KernelGroups groups;
        add_igmp_groups(text, groups);
        add_igmp6_groups(text, groups);
        CHECK(groups.empty());
    }
}

TEST_CASE("no cut or changed text is read past its end") {
    std::mt19937 random(3);
    for (const std::string_view whole : {k_igmp, k_igmp6}) {
        for (int round = 0; round < 2000; ++round) {
            std::vector<char> text(whole.begin(), whole.begin() + static_cast<long>(random() % whole.size()));  // no NUL after it
            if (!text.empty()) text[random() % text.size()] = static_cast<char>(random());
            KernelGroups groups;
            add_igmp_groups({text.data(), text.size()}, groups);
            add_igmp6_groups({text.data(), text.size()}, groups);
            CHECK(groups.size() <= 6);
        }
    }
}
