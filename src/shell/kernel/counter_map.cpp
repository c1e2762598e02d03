// SPDX-License-Identifier: Apache-2.0
#include "shell/kernel/counter_map.hpp"

#include "shell/kernel/array_mapping.hpp"
#include "shell/os/os_error.hpp"
#include "shell/os/unique_fd.hpp"

#include <rudder_abi.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace rudder {
namespace {

constexpr std::uint32_t k_window_slots = (256u << 10) / sizeof(rudder_counter);

/// Slots [first, first + k_window_slots) of one CPU, as far as `end`.
Result<MapWindow> map_slots(const CounterMap& map, std::uint32_t cpu, std::uint32_t first, std::uint32_t end, MapAccess access) {
    const std::size_t place = std::size_t{cpu} * map.slots + first;
    const std::size_t count = std::min(k_window_slots, end - first);
    return MapWindow::map(map.fd, place * sizeof(rudder_counter), count * sizeof(rudder_counter), access);
}

rudder_counter* counters_of(const MapWindow& window) { return reinterpret_cast<rudder_counter*>(window.data()); }

Status add_cpu(const CounterMap& map, std::uint32_t cpu, std::vector<CounterValue>& sums) {
    const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(map.slots, sums.size()));
    for (std::uint32_t first = 0; first < end; first += k_window_slots) {
        const Result<MapWindow> window = map_slots(map, cpu, first, end, MapAccess::read);
        if (!window) {
            return window.error();
        }
        const rudder_counter* counters = counters_of(*window);
        for (std::uint32_t slot = first; slot < std::min(end, first + k_window_slots); ++slot) {
            sums[slot].packets += __atomic_load_n(&counters[slot - first].packets, __ATOMIC_RELAXED);
            sums[slot].bytes += __atomic_load_n(&counters[slot - first].bytes, __ATOMIC_RELAXED);
        }
    }
    return {};
}

Status clear_cpu(const CounterMap& map, std::uint32_t cpu, const std::vector<std::uint32_t>& slots) {
    std::optional<MapWindow> window;
    std::uint32_t first = 0;
    for (const std::uint32_t slot : slots) {
        if (slot >= map.slots) {
            continue;
        }
        if (!window || slot / k_window_slots != first / k_window_slots) {
            first = slot / k_window_slots * k_window_slots;
            Result<MapWindow> mapped = map_slots(map, cpu, first, map.slots, MapAccess::write);
            if (!mapped) {
                return mapped.error();
            }
            window = std::move(mapped).value();
        }
        rudder_counter& counter = counters_of(*window)[slot - first];
        __atomic_store_n(&counter.packets, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&counter.bytes, 0, __ATOMIC_RELAXED);
    }
    return {};
}

}  // namespace

Status add_counters(const CounterMap& map, std::vector<CounterValue>& sums) {
    for (std::uint32_t cpu = 0; cpu < map.cpus; ++cpu) {
        if (Status status = add_cpu(map, cpu, sums); !status) {
            return status.error().within("read counters");
        }
    }
    return {};
}

Status zero_counters(const CounterMap& map, const std::vector<std::uint32_t>& slots) {
    for (std::uint32_t cpu = 0; cpu < map.cpus; ++cpu) {
        if (Status status = clear_cpu(map, cpu, slots); !status) {
            return status.error().within("clear counters");
        }
    }
    return {};
}

std::optional<std::uint32_t> end_of_cpu_list(std::string_view list) {
    while (!list.empty() && list.back() == '\n') {
        list.remove_suffix(1);
    }
    const std::size_t before_last = list.find_last_of(",-");
    const std::string_view last = before_last == std::string_view::npos ? list : list.substr(before_last + 1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), number);
    if (error != std::errc{} || end != last.data() + last.size() || number == UINT32_MAX) {
        return {};
    }
    return number + 1;
}

Result<std::uint32_t> cpu_number_end() {
    constexpr const char* path = "/sys/devices/system/cpu/possible";
    const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC));
    char text[4096];
    const ssize_t length = file ? read(file.get(), text, sizeof(text)) : -1;
    if (length < 0) {
        return os_error(path, errno);
    }
    if (const auto end = end_of_cpu_list({text, static_cast<std::size_t>(length)})) {
        return *end;
    }
    return Error{std::string(path) + ": not a list of CPUs", EINVAL};
}

}  // namespace rudder
