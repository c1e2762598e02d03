// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../datapath/check.hpp"

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

/// The rows of the conformance table that a test run judges. Each subject is written once, as a function of a place.
namespace rudder::test {

/// An IP header and what belongs to it, of either family. Empty or unset: as the place has it.
struct Ip {
    std::string src{};
    std::string dst{};
    std::optional<std::uint8_t> ttl{};
    std::uint8_t tos = 0;
    std::optional<std::uint8_t> protocol{};
    std::optional<std::uint16_t> fragment{};  ///< as on the wire of IPv4: 0x2000 and an offset in units of 8 bytes
    bool is_unbreakable = false;              ///< DF, which IPv6 means always
    unsigned option_bytes = 0;                ///< IPv4 only
    std::vector<Extension> extensions{};      ///< IPv6 only
    std::vector<Vlan> tags{};                 ///< from the outside in
};

/// One family at one kind of hook. The hook is in0's; steered packets leave by out0 to the static next hop.
class Place {
public:
    Place(IpFamily its_family, Direction its_direction) : family(its_family), direction(its_direction) {}

    const IpFamily family;
    const Direction direction;

    [[nodiscard]] bool is_v4() const { return family == IpFamily::v4; }
    [[nodiscard]] bool is_ingress() const { return direction == Direction::ingress; }
    /// One of the two values, by family.
    [[nodiscard]] std::string pick(const std::string& v4, const std::string& v6) const { return is_v4() ? v4 : v6; }
    [[nodiscard]] std::string src() const { return pick("192.0.2.1", "2001:db8::1"); }
    [[nodiscard]] std::string dst() const { return pick("10.1.2.3", "2001:db8:1::3"); }
    [[nodiscard]] std::string net() const { return pick("10.0.0.0/8", "2001:db8:1::/48"); }  ///< holds dst()
    [[nodiscard]] std::string new_dst() const { return pick("192.168.100.1", "2001:db8:9::abcd"); }
    [[nodiscard]] std::string group() const { return pick("239.1.1.1", "ff0e::1:1"); }
    [[nodiscard]] Ethernet group_frame() const;  ///< of that group
    [[nodiscard]] std::string host(const std::string& address) const { return address + pick("/32", "/128"); }
    /// TTL of what arrived with `ttl`: routing has decremented it already at egress.
    [[nodiscard]] std::uint8_t sent_ttl(std::uint8_t ttl = 64) const {
        return is_ingress() ? static_cast<std::uint8_t>(ttl - 1) : ttl;
    }
    /// Bytes from the frame to the transport header, without options and the like.
    [[nodiscard]] std::size_t transport_at() const { return is_v4() ? 34 : 54; }

    /// Link layer and IP header of a packet for in0, from src() to dst() with TTL 64.
    [[nodiscard]] Stack in(const Ip& ip = {}) const { return head(arriving(), ip, src(), dst(), 64); }
    /// The same after a plain steer.
    [[nodiscard]] Stack out(const Ip& ip = {}) const { return head(leaving(), ip, src(), dst(), sent_ttl()); }
    [[nodiscard]] Stack head(const Ethernet& ethernet, const Ip& ip, const std::string& src, const std::string& dst,
                             std::uint8_t ttl) const;

    [[nodiscard]] Rule steering(const Rewrite& rewrite = {}) const { return steer(net(), rewrite, direction); }
    /// To new_dst(), and another destination port if given.
    [[nodiscard]] Rewrite readdressing(std::optional<std::uint16_t> port = {}) const;

    /// Runs one packet; everything about it must be as the row says. The direction is the place's.
    void check(Row row);
    /// The packet goes on as it came, matched by no rule, although there is one for every packet.
    void check_untouched(const std::string& what, const Frame& in, std::uint32_t reason = RUDDER_REASON_NONE);
    /// The kernel runs the active generation on one packet.
    Run run(const Frame& in, const Metadata& metadata = {}, std::uint32_t repeat = 1) {
        return run(datapath(), in, metadata, repeat);
    }
    Run run(Datapath& on, const Frame& in, const Metadata& metadata = {}, std::uint32_t repeat = 1);

    /// The same with the outermost tag in that place; the frame comes back with all its tags in it.
    Run run_tagged(const Frame& in, TagPlace tag);

    /// This kernel cannot show it: the row is not proven, and not refuted either.
    void cannot(const std::string& why);

    [[nodiscard]] std::size_t fixtures() const { return fixtures_; }
    [[nodiscard]] bool is_proven() const { return is_proven_; }

private:
    std::size_t fixtures_ = 0;
    bool is_proven_ = true;
};

/// Does a subject make sense here?
using Filter = std::function<bool(const Place&)>;

/// Judges a subject of rows.py at every place where it makes sense. If RUDDER_CONFORMANCE names a directory, a row all
/// of whose checks have passed is written to it with the number of its packets.
void prove(const std::string& subject, const Filter& makes_sense, const std::function<void(Place&)>& judge);
/// At every place.
void prove(const std::string& subject, const std::function<void(Place&)>& judge);

inline bool only_v4(const Place& place) {
    return place.is_v4();
}
inline bool only_v6(const Place& place) {
    return !place.is_v4();
}
inline bool only_ingress(const Place& place) {
    return place.is_ingress();
}
inline bool only_egress(const Place& place) {
    return !place.is_ingress();
}

}  // namespace rudder::test
