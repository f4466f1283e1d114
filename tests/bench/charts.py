# SPDX-License-Identifier: GPL-2.0
"""The pictures: what each call costs, what an allocation costs under load, and how the size
of pools follows it."""

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
    return grid(pictures, 1, WIDTH, HEIGHT)


def grid(pictures, columns, width, height):
    """Several in one, row by row."""
    inner = []
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        body = re.sub(r"<\?xml.*?\?>", "", picture)
        x = f'x="{column * width}" ' if column else ""
        place = f'<svg {x}y="{row * height}" width="{width}" height="{height}" '
        inner.append(re.sub(r"<svg ", place, body, count=1))
    rows = -(-len(pictures) // columns)
    size = f'viewBox="0 0 {columns * width} {rows * height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "<?xml version='1.0' encoding='utf-8'?>\n" + head + "".join(inner) + "</svg>\n"


def bursts(moments, loads, names):
    """A curve of memory over time for each load and form of the pools, {(pools, load):
    [(ms, size, used)]}; and of what is out of those in Rust."""
    width, height = 520, 330
    pictures = []
    for load, title in loads.items():
        chart = pygal.XY(
            title=title,
            x_title="seconds",
            y_title="KiB",
            width=width,
            height=height,
            show_dots=False,
            value_formatter=lambda value: f"{value:,.0f}",
            x_value_formatter=lambda value: f"{value:.0f}",
            **OPTIONS,
        )
        for pools, name in names.items():
            steps = step([(ms, size) for ms, size, _ in moments[pools, load]])
            chart.add(f"pool, {name}", steps)
        steps = step([(ms, used) for ms, _, used in moments["module", load]])
        chart.add("in use, Rust", steps)
        pictures.append(render(chart, load))
    return grid(pictures, 2, width, height)


def step(points):
    """Milliseconds and bytes as seconds and KiB; only where something changes."""
    steps = []
    for at, (ms, size) in enumerate(points):
        before = points[at - 1][1] if at else None
        if size != before:
            if at:
                steps.append((ms / 1000, before / 1024))
            steps.append((ms / 1000, size / 1024))
    steps.append((points[-1][0] / 1000, points[-1][1] / 1024))
    return steps
