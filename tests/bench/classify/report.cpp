// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace rudder::bench {
namespace {

constexpr double k_width = 720;
constexpr double k_height = 420;
constexpr double k_left = 60;
constexpr double k_bottom = 370;
constexpr double k_top = 40;
constexpr double k_right = 560;

using Curves = std::map<std::pair<std::string, int>, std::vector<const Measurement*>>;

struct Axes {
    double most_rules = 1;
    double most_ns = 1;

    [[nodiscard]] double x(double rules) const {
        return k_left + (k_right - k_left) * std::log10(std::max(1.0, rules)) / std::max(1.0, std::log10(most_rules));
    }
    [[nodiscard]] double y(double ns) const { return k_bottom - (k_bottom - k_top) * ns / most_ns; }
};

std::string grid(const Axes& axes) {
    std::string svg;
    for (double rules = 1; rules <= axes.most_rules; rules *= 10) {
        svg += fmt::format("<text x='{:.0f}' y='388' text-anchor='middle'>{:.0f}</text>\n", axes.x(rules), rules);
    }
    for (double ns = 0; ns <= axes.most_ns; ns += 20) {
        svg += fmt::format("<line x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}' stroke='#ddd'/>"
                           "<text x='52' y='{3:.1f}' text-anchor='end'>{4:.0f}</text>\n",
                           k_left, k_right, axes.y(ns), axes.y(ns) + 4, ns);
    }
    svg += "<text x='310' y='408' text-anchor='middle'>rules</text>\n"
           "<text x='60' y='24'>ns per packet for classification (hits, shuffled headers)</text>\n";
    return svg;
}

std::string polyline(const Axes& axes, const std::vector<const Measurement*>& curve, const std::string& style) {
    std::string points;
    for (const Measurement* m : curve) {
        points += fmt::format("{:.1f},{:.1f} ", axes.x(static_cast<double>(m->rules)), axes.y(m->hit_ns));
    }
    return fmt::format("<polyline points='{}' fill='none' stroke-width='2' {}/>\n", points, style);
}

double linear_of(const std::vector<Measurement>& measurements) {
    double sum = 0;
    for (const Measurement& m : measurements) {
        sum += m.linear_ns;
    }
    return measurements.empty() ? 0 : sum / static_cast<double>(measurements.size());
}

}  // namespace

std::string table_header() {
    return fmt::format("{:<14}{:>4}{:>8}{:>11}{:>9}{:>8}{:>9}{:>8}{:>10}{:>11}{:>10}{:>7}\n", "set", "ip", "rules",
                       "linear ns", "hit ns", "ratio", "miss ns", "ratio", "build ms", "bytes", "verified", "wrong");
}

std::string table_line(const Measurement& m) {
    return fmt::format("{:<14}{:>4}{:>8}{:>11.1f}{:>9.1f}{:>8.2f}{:>9.1f}{:>8.2f}{:>10.1f}{:>11}{:>10}{:>7}\n", m.set,
                       m.family, m.rules, m.linear_ns, m.hit_ns, m.hit_ratio(), m.miss_ns, m.miss_ratio(), m.build_ms,
                       m.image_bytes, m.verified, m.mismatches);
}

std::string to_json(const std::vector<Measurement>& measurements) {
    std::string json = "[\n";
    for (std::size_t i = 0; i < measurements.size(); ++i) {
        const Measurement& m = measurements[i];
        json += fmt::format(
            "  {{\"set\": \"{}\", \"family\": {}, \"rules\": {}, \"linear_64_ns\": {:.2f}, \"hit_ns\": {:.2f}, "
            "\"miss_ns\": {:.2f}, \"hit_ratio\": {:.3f}, \"miss_ratio\": {:.3f}, \"build_ms\": {:.2f}, "
            "\"image_bytes\": {}, \"verified_instructions\": {}, \"mismatches\": {}}}{}\n",
            m.set, m.family, m.rules, m.linear_ns, m.hit_ns, m.miss_ns, m.hit_ratio(), m.miss_ratio(), m.build_ms,
            m.image_bytes, m.verified, m.mismatches, i + 1 < measurements.size() ? "," : "");
    }
    return json + "]\n";
}

std::string to_svg(const std::vector<Measurement>& measurements) {
    static constexpr std::array<const char*, 6> k_colours = {"#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#555555"};
    Axes axes;
    Curves curves;
    for (const Measurement& m : measurements) {
        axes.most_rules = std::max(axes.most_rules, static_cast<double>(m.rules));
        axes.most_ns = std::max({axes.most_ns, m.hit_ns * 1.1, m.linear_ns * 1.1});
        curves[{m.set, m.family}].push_back(&m);
    }
    std::string svg = fmt::format("<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} {1}' "
                                  "font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n",
                                  k_width, k_height);
    svg += grid(axes);
    std::size_t number = 0;
    for (const auto& [name, curve] : curves) {
        const std::string style = fmt::format("stroke='{}' {}", k_colours[number % k_colours.size()],
                                              name.second == 6 ? "stroke-dasharray='6 3'" : "");
        svg += polyline(axes, curve, style);
        svg += fmt::format("<line x1='575' x2='605' y1='{0}' y2='{0}' stroke-width='2' {1}/><text x='612' y='{2}'>{3} IPv{4}</text>\n",
                           60 + 20 * number, style, 64 + 20 * number, name.first, name.second);
        ++number;
    }
    const double linear = axes.y(linear_of(measurements));
    svg += fmt::format("<line x1='{0}' x2='{1}' y1='{2:.1f}' y2='{2:.1f}' stroke='black' stroke-dasharray='2 3'/>"
                       "<text x='575' y='{3:.1f}'>linear scan, 64 rules</text>\n",
                       k_left, k_right, linear, linear + 4);
    return svg + "</svg>\n";
}

}  // namespace rudder::bench
