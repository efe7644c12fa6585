"""Latencies of several peers as one small picture (SVG 1.1): by percentile, both scales logarithmic."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP = 560, 220, 56, 44
COLORS = {"aot-broker": "#1f6feb", "ideal": "#8c959f", "fresh": "#57606a", "kafka": "#d1242f", "tuned": "#bf8700", "nats": "#1a7f37"}
NINES_STEP = 0.1  # of aot-perf's latencyByNines


def draw(title, results):
    """results: by name, the latencies in microseconds by tenths of nines."""
    curves = {name: curve for name, curve in results.items() if curve}
    highest = math.ceil(math.log10(max(max(curve) for curve in curves.values())))
    lowest = math.floor(math.log10(max(0.1, min(min(curve) for curve in curves.values()))))
    nines_max = math.ceil(max(len(curve) for curve in curves.values()) * NINES_STEP)

    def x(nines):
        return LEFT + WIDTH * nines / nines_max

    def y(microseconds):
        return TOP + HEIGHT * (highest - math.log10(max(microseconds, 10**lowest))) / max(1, highest - lowest)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{TOP + HEIGHT + 30}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="16">{escape(title)}; microseconds</text>',
    ]
    for power in range(lowest, highest + 1):
        at = y(10**power)
        lines.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="#d0d7de"/>')
        lines.append(f'<text x="6" y="{at + 4:.1f}">{10.0**power:,g}</text>')
    for nines in range(nines_max + 1):
        lines.append(f'<text x="{x(nines) - 14:.1f}" y="{TOP + HEIGHT + 18}">{percent(nines)}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        color = COLORS.get(name, "#57606a")
        points = " ".join(f"{x(j * NINES_STEP):.1f},{y(value):.1f}" for j, value in enumerate(curve))
        lines.append(f'<polyline fill="none" stroke-width="1.5" stroke="{color}" points="{points}"/>')
        lines.append(f'<text x="{LEFT + 8 + 90 * i}" y="34" fill="{color}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def percent(nines):
    return "0" if nines == 0 else f"{100 - 100 / 10**nines:.7g} %"
