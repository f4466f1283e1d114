# SPDX-License-Identifier: GPL-2.0
"""The two pictures: what each call costs, and what an allocation costs under load."""

import re

import pygal
from goals import TITLES
from pygal.style import Style

# What a page of GitHub's shows as it is: no scripts, no fonts to fetch. The goal is the
# last of the first chart.
STYLE = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    value_font_size=11,
    legend_font_size=12,
    title_font_size=15,
    colors=("#8c8c8c", "#4c78a8", "#2ca02c", "#e45756"),
)
OPTIONS = {"legend_at_bottom": True, "legend_at_bottom_columns": 4, "js": [], "style": STYLE}
WIDTH, HEIGHT = 800, 420


def render(chart, name):
    """Its text, the same for the same figures: pygal draws a name at random."""
    chart.uuid = name
    return chart.render(is_unicode=True)


def calls(rows, forms, arch, kernel):
    """Grouped bars; rows are those of results.json."""
    bars = pygal.HorizontalBar(
        title=f"Instructions of one call, {arch}, Linux {kernel}",
        print_values=True,
        width=WIDTH,
        height=980,
        margin_right=40,
        value_formatter=lambda value: f"{value:.0f}",
        **OPTIONS,
    )
    # The first is drawn at the bottom.
    counted = [row for row in rows if row["unit"] == "instructions" and "c" in row]
    counted.reverse()
    bars.x_labels = [row["operation"] for row in counted]
    built_in = next(form for form in forms if form != "module")
    for pools in ("c", "module", built_in):
        bars.add(TITLES[pools], [row.get(pools) for row in counted])
    goals = [row["goals"].get(built_in) for row in counted]
    bars.add(f"goal, {TITLES[built_in]}", goals)
    return render(bars, "calls")


def line(name, curves, title, x_title, **options):
    chart = pygal.XY(
        title=title,
        x_title=x_title,
        y_title="instructions",
        width=WIDTH,
        height=HEIGHT,
        dots_size=3,
        range=(0, max(cost for points in curves.values() for _, cost in points)),
        **OPTIONS,
        **options,
    )
    for pools in sorted(curves, key=["c", "module", "builtin", "called"].index):
        chart.add(TITLES[pools], [tuple(point) for point in curves[pools]])
    return render(chart, name)


def load(curves, arch, kernel):
    """Both curves, one below the other, in one picture."""
    pictures = [
        line(
            "blocks",
            curves["blocks"],
            f"alloc 4 KiB, {arch}, Linux {kernel}: blocks out, of a pool of 1024",
            "blocks out",
        ),
        line(
            "chunks",
            curves["chunks"],
            "where all chunks of a pool but one are full",
            "chunks of 4 MiB",
            x_labels=[number for number, _ in curves["chunks"]["c"]],
        ),
    ]
    inner = []
    for number, picture in enumerate(pictures):
        body = re.sub(r"<\?xml.*?\?>", "", picture)
        place = f'<svg y="{number * HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        inner.append(re.sub(r"<svg ", place, body, count=1))
    size = f'viewBox="0 0 {WIDTH} {2 * HEIGHT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "<?xml version='1.0' encoding='utf-8'?>\n" + head + "".join(inner) + "</svg>\n"
