// SPDX-License-Identifier: Apache-2.0
#include "core/config/read_health.hpp"

#include "core/config/codes.hpp"
#include "core/config/groups.hpp"
#include "core/config/text.hpp"
#include "core/config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rudder {
namespace {

using std::chrono::milliseconds;
using Type = HealthProbe::Type;

constexpr std::string_view k_hex = "hex:";
constexpr milliseconds k_longest_default_timeout{1000};

struct Unit {
    std::string_view word;
    std::int64_t ms;
};
constexpr Unit k_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

/// "1500ms", "2s", in the largest unit that leaves no fraction.
std::string duration_text(std::int64_t ms) {
    const Unit* unit = &k_units[0];
    for (const Unit& larger : k_units)
        if (ms != 0 && ms % larger.ms == 0) unit = &larger;
    return fmt::format("{}{}", ms / unit->ms, unit->word);
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
    constexpr std::int64_t k_most = 1'000'000'000;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view word = text.substr(static_cast<std::size_t>(end - text.data()));
    const auto* const unit =
        std::find_if(std::begin(k_units), std::end(k_units), [&](const Unit& u) { return u.word == word; });
    if (error != std::errc{} || unit == std::end(k_units) || number < 0 || number > k_most) return std::nullopt;
    return number * unit->ms;
}

int digit_of(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    const char lower = static_cast<char>(character | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Pairs of digits, blanks between them allowed.
std::optional<std::string> parse_hex(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ' ') continue;
        const int high = digit_of(text[i]);
        const int low = ++i < text.size() ? digit_of(text[i]) : -1;
        if (high < 0 || low < 0) return std::nullopt;
        bytes.push_back(static_cast<char>(high << 4 | low));
    }
    return bytes;
}

bool is_host(const IpAddress& address) {
    return !address.is_multicast() && !address.is_limited_broadcast();
}

/// Reads the keys of one `[group.health]`; what is wrong is reported and left at its default.
class HealthReader {
public:
    HealthReader(const Reading& reading, const ConfigTable& table) : reading_(reading), table_(table) {}

    HealthProbe read() {
        HealthProbe probe;
        const std::size_t errors = reading_.diagnostics.error_count();
        const auto type = word("type");
        probe.type = static_cast<Type>(type.value_or(0));
        duration("interval", probe.interval);
        probe.timeout = std::min(probe.interval / 2, k_longest_default_timeout);
        duration("timeout", probe.timeout);
        duration("hold_down", probe.hold_down);
        number("rise", probe.rise);
        number("fall", probe.fall);
        number("port", probe.port);
        bytes("request", probe.request);
        bytes("expect", probe.expect);
        address(probe.address);
        if (type) check_keys_of_type(probe.type);
        if (reading_.diagnostics.error_count() == errors) check_timeout(probe);
        return probe;
    }

private:
    [[nodiscard]] static const KeySpec& spec_of(std::string_view key) { return *find_key(k_health, key); }

    /// The value of a key that is there and of the right TOML type and range.
    [[nodiscard]] const ConfigValue* scalar(std::string_view key) const {
        const ConfigEntry* entry = find_entry(table_, key);
        return entry != nullptr && check_scalar(reading_, spec_of(key), entry->value) ? &entry->value : nullptr;
    }

    [[nodiscard]] std::optional<std::size_t> word(std::string_view key) const {
        const ConfigValue* value = scalar(key);
        return value == nullptr ? std::nullopt : read_word(reading_, spec_of(key), *value);
    }

    template <class Number>
    void number(std::string_view key, Number& number) const {
        if (const ConfigValue* value = scalar(key)) number = static_cast<Number>(*value->as_integer());
    }

    void duration(std::string_view key, milliseconds& duration) const {
        const ConfigValue* value = scalar(key);
        if (value == nullptr) return;
        const KeySpec& spec = spec_of(key);
        const auto ms = parse_duration(*value->as_string());
        if (!ms)
            return reading_.error(spec.code, value->span,
                                  fmt::format("`{}` is {}, which is no time", key, quoted(*value->as_string())),
                                  "write a whole number and its unit, such as \"500ms\", \"2s\", \"1m\" or \"1h\"");
        if (*ms < spec.minimum || *ms > spec.maximum)
            return reading_.error(code::out_of_range, value->span,
                                  fmt::format("`{}` is {}; allowed are {} to {}", key, quoted(*value->as_string()),
                                              duration_text(spec.minimum), duration_text(spec.maximum)));
        duration = milliseconds(*ms);
    }

    void bytes(std::string_view key, std::string& bytes) const {
        const ConfigValue* value = scalar(key);
        if (value == nullptr) return;
        const KeySpec& spec = spec_of(key);
        const std::string& text = *value->as_string();
        const bool is_hex = text.starts_with(k_hex);
        const auto found = is_hex ? parse_hex(std::string_view(text).substr(k_hex.size())) : std::optional(text);
        if (!found)
            return reading_.error(spec.code, value->span,
                                  fmt::format("`{}` is not of pairs of hexadecimal digits", key),
                                  fmt::format("for example `{} = \"hex:00 01 ff\"`", key));
        const auto size = static_cast<std::int64_t>(found->size());
        if (size < spec.minimum || size > spec.maximum)
            return reading_.error(
                spec.code, value->span,
                fmt::format("`{}` has {} bytes; allowed are {} to {}", key, size, spec.minimum, spec.maximum));
        bytes = *found;
    }

    void address(std::optional<IpAddress>& address) const {
        const ConfigValue* value = scalar("address");
        if (value == nullptr) return;
        const auto found = read_address(reading_, spec_of("address"), *value);
        if (!found) return;
        if (!is_host(*found) || found->is_unspecified() || found->is_loopback())
            return reading_.error(code::bad_probe_address, value->span,
                                  quoted(*value->as_string()) + " is no address of another host");
        address = found;
    }

    void check_keys_of_type(Type type) const {
        const std::string_view name = spec_of("type").words[static_cast<std::size_t>(type)];
        require("port", type != Type::icmp, name);
        require("request", type == Type::udp, name);
        if (type != Type::udp) refuse("expect", name);
    }

    void require(std::string_view key, bool is_needed, std::string_view type) const {
        if (!is_needed) return refuse(key, type);
        if (find_entry(table_, key) != nullptr) return;
        reading_.error(code::probe_lacks_key, find_entry(table_, "type")->value.span,
                       fmt::format("a probe by {} takes `{}`: {}", type, key, spec_of(key).doc),
                       key == "port" ? "for example `port = 443`" : "for example `request = \"ping\"`");
    }

    void refuse(std::string_view key, std::string_view type) const {
        if (const ConfigEntry* entry = find_entry(table_, key))
            reading_.error(code::probe_has_no_key, entry->key_span, fmt::format("a probe by {} has no `{}`", type, key),
                           "remove the key");
    }

    void check_timeout(const HealthProbe& probe) const {
        if (probe.timeout * 2 <= probe.interval) return;
        reading_.error(
            code::probe_timeout, find_entry(table_, "timeout")->value.span,
            fmt::format("`timeout` is more than half the `interval` of {}", duration_text(probe.interval.count())),
            fmt::format("allowed are up to {}; while answers are missing questions come earlier",
                        duration_text(probe.interval.count() / 2)));
    }

    const Reading& reading_;
    const ConfigTable& table_;
};

/// Everybody that the group lets ask about must be there, and of the address family of the member's packets.
void check_members(const Reading& reading, const Span& health, const Group& group) {
    for (const GroupMember& member : group.members) {
        if (member.way.table)
            return reading.error(code::nobody_to_ask, health, "a member by routing table cannot be asked: its interface is not known",
                                 "name the interfaces of all members");
        const auto asked = probe_destination(*group.probe, member);
        if (!asked || !is_host(*asked))
            return reading.error(
                code::nobody_to_ask, health,
                asked ? fmt::format("the member via {} has nobody to ask: {} is no single host", member.way.via,
                                    to_string(*asked))
                      : fmt::format("the member via {} has nobody to ask: no `next_hop`, no `dst_ip`", member.way.via),
                "give it a `next_hop`, or [group.health] an `address`");
        const auto family = member_family(member.way);
        if (family && family != asked->family)
            return reading.error(
                code::probe_family, health,
                fmt::format("the member via {} is for {} packets, but {} is asked about it", member.way.via,
                            family == IpFamily::v4 ? "IPv4" : "IPv6", to_string(*asked)),
                "ask an address of the same family");
    }
}

void add_load(const Reading& reading, const Limits& limits, const Span& health, const Group& group, ProbeLoad& load) {
    const ProbeLoad before = load;
    load.members += group.members.size();
    load.questions_per_second +=
        static_cast<double>(group.members.size()) * 1000.0 / static_cast<double>(group.probe->interval.count());
    if (before.members <= limits.probes && load.members > limits.probes)
        reading.error(code::too_many_probes, health,
                      fmt::format("with this group the set probes more members than the limit of {}", limits.probes));
    const auto most = static_cast<double>(limits.probes_per_second);
    if (before.questions_per_second <= most && load.questions_per_second > most)
        reading.error(code::too_many_probes, health,
                      fmt::format("with this group the set asks more questions a second than the limit of {}",
                                  limits.probes_per_second),
                      "make `interval` longer");
}

}  // namespace

void read_health(const Reading& reading, const Limits& limits, const ConfigTable& table, Group& group,
                 bool are_members_good, ProbeLoad& load) {
    const ConfigEntry* entry = find_entry(table, "health");
    if (entry == nullptr) return;
    const ConfigTable* health = entry->value.as_table();
    if (health == nullptr)
        return reading.error(code::wrong_type, entry->value.span,
                             fmt::format("`health` must be a table, found {}", type_phrase(entry->value)),
                             "write [group.health] and its keys below it");
    const std::size_t errors = reading.diagnostics.error_count();
    check_keys(reading, k_health, k_every_type, *health, entry->key_span);
    group.probe = HealthReader(reading, *health).read();
    if (reading.diagnostics.error_count() != errors || !are_members_good) return;
    check_members(reading, entry->key_span, group);
    add_load(reading, limits, entry->key_span, group, load);
}

}  // namespace rudder
