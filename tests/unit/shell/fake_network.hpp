// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shell/daemon/engine.hpp"

#include "fake_kernel.hpp"

#include <string>
#include <vector>

namespace rudder::test {

/// A topology that the test sets; questions are only noted.
class FakeNetwork final : public TopologySource {
public:
    Topology now;
    std::vector<NextHopQuery> watched;
    bool is_failing = false;
    int watches = 0;

    [[nodiscard]] const Topology& topology() const override { return now; }
    Status watch(const std::vector<NextHopQuery>& queries) override {
        ++watches;
        if (is_failing) return Error{"no answer", 110};
        watched = queries;
        return {};
    }
    /// The gateway of every question asked about it has this last byte in its MAC.
    void answer(const IpAddress& gateway, std::uint8_t last) {
        for (const NextHopQuery& query : watched) {
            if (query.address == gateway) now.next_hops[query] = {true, gateway, MacAddress{{2, 0, 0, 1, 0, last}}};
        }
    }
};

/// A fake kernel and network with the devices eth0 and eth1.
struct Machine {
    FakeKernel kernel;
    FakeNetwork network;

    Machine() {
        add_link(2, "eth0");
        add_link(3, "eth1");
    }
    void add_link(std::uint32_t ifindex, const std::string& name) {
        Link link;
        link.ifindex = ifindex;
        link.name = name;
        link.mac = {{2, 0, 0, 0, 0, static_cast<std::uint8_t>(ifindex)}};
        link.mtu = 1500;
        link.is_up = true;
        network.now.links[ifindex] = link;
        kernel.devices.insert(ifindex);
    }
    void remove_link(std::uint32_t ifindex) {
        network.now.links.erase(ifindex);
        kernel.remove_device(ifindex);
    }
};

}  // namespace rudder::test
