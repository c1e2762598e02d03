# SPDX-License-Identifier: Apache-2.0
"""The plot of the README: what a classification costs against the number of rules, as SVG."""
import math
import statistics

WIDTH, HEIGHT = 900, 360
TOP, BOTTOM = 50, 300
PANELS = {4: (60, 360), 6: (430, 730)}
COLOURS = {"warm": "#1b6ca8", "wide": "#2e8b57", "cold": "#c0392b"}
MEANING = {"warm": "1,024 headers", "wide": "65,536 headers", "cold": "empty caches"}
LOWEST_NS, HIGHEST_NS = 10, 2000


def cells(rows, family, traffic):
    """{rules: [row's comparison of hits]} of one curve."""
    found = {}
    for row in rows:
        if row["family"] == family and traffic in row["traffic"]:
            found.setdefault(row["rules"], []).append(row["traffic"][traffic]["hit"])
    return dict(sorted(found.items()))


def y_of(ns):
    share = math.log(max(ns, LOWEST_NS) / LOWEST_NS) / math.log(HIGHEST_NS / LOWEST_NS)
    return BOTTOM - (BOTTOM - TOP) * min(share, 1)


def x_of(rules, most, panel):
    left, right = panel
    return left + (right - left) * math.log10(rules) / max(1, math.log10(most))


def text(x, y, words, anchor="middle", more=""):
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' {more}>{words}</text>\n"


def grid(panel, most):
    svg = ""
    for ns in (10, 20, 50, 100, 200, 500, 1000, 2000):
        svg += f"<line x1='{panel[0]}' x2='{panel[1]}' y1='{y_of(ns):.1f}' y2='{y_of(ns):.1f}' stroke='#ddd'/>\n"
        svg += text(panel[0] - 6, y_of(ns) + 4, ns, "end")
    rules = 1
    while rules <= most:
        svg += text(x_of(rules, most, panel), BOTTOM + 18, f"{rules:,}")
        rules *= 10
    return svg + text((panel[0] + panel[1]) / 2, BOTTOM + 38, "rules")


def points(pairs):
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)


def curve(by_rules, traffic, panel, most):
    """The band from the cheapest to the dearest set, the median in it, and the linear scan of 64 rules across."""
    colour = COLOURS[traffic]
    walks = {rules: [hit["walk"]["median_ns"] for hit in hits] for rules, hits in by_rules.items()}
    at = {rules: x_of(rules, most, panel) for rules in walks}
    low = [(at[r], y_of(min(ns))) for r, ns in walks.items()]
    high = [(at[r], y_of(max(ns))) for r, ns in walks.items()]
    middle = [(at[r], y_of(statistics.median(ns))) for r, ns in walks.items()]
    linear = statistics.median(hit["linear_64"]["median_ns"] for hits in by_rules.values() for hit in hits)
    svg = f"<polygon points='{points(low + high[::-1])}' fill='{colour}' fill-opacity='0.15'/>\n"
    svg += f"<polyline points='{points(middle)}' fill='none' stroke='{colour}' stroke-width='2'/>\n"
    svg += (f"<line x1='{panel[0]}' x2='{panel[1]}' y1='{y_of(linear):.1f}' y2='{y_of(linear):.1f}' stroke='{colour}' "
            "stroke-dasharray='4 3'/>\n")
    return svg


def legend(traffics):
    svg = ""
    for i, traffic in enumerate(traffics):
        y = TOP + 20 + 22 * i
        svg += f"<line x1='745' x2='765' y1='{y}' y2='{y}' stroke='{COLOURS[traffic]}' stroke-width='2'/>\n"
        svg += text(770, y + 4, MEANING[traffic], "start")
    y = TOP + 20 + 22 * len(traffics)
    svg += f"<line x1='745' x2='765' y1='{y}' y2='{y}' stroke='#333' stroke-dasharray='4 3'/>\n"
    svg += text(770, y + 4, "linear scan", "start")
    return svg + text(770, y + 20, "of 64 rules", "start")


def draw(rows):
    """`rows` as in classify.json."""
    most = max(row["rules"] for row in rows)
    traffics = [traffic for traffic in COLOURS if any(traffic in row["traffic"] for row in rows)]
    svg = (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' "
           "font-family='sans-serif' font-size='12' fill='#222'>\n<rect width='100%' height='100%' fill='white'/>\n")
    svg += text(60, 20, "ns to find the first matching rule, above an empty program; bands: acl, fw and ipc sets", "start",
                "font-size='14'")
    for family, panel in PANELS.items():
        svg += text((panel[0] + panel[1]) / 2, 42, f"IPv{family}") + grid(panel, most)
        for traffic in traffics:
            by_rules = cells(rows, family, traffic)
            if by_rules:
                svg += curve(by_rules, traffic, panel, most)
    return svg + legend(traffics) + "</svg>\n"
