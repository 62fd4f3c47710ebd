"""What traffic and grid tell each other, as a picture."""

from __future__ import annotations

from evlib.figures.style import COLOURS, INK

__all__ = ["loop_diagram"]

_WIDTH, _HEIGHT = 760, 330
_BOX_WIDTH, _BOX_HEIGHT, _TOP = 262, 170, 80
_TNO = (
    "Traffic (TNO)",
    ("each driver: time, queue and", "electricity of every path", "→ the cheapest path;", "tolls and rents of plugs"),
)
_DNO = (
    "Grid (DNO)",
    ("each station: what its batteries", "can take and give", "→ the cheapest dispatch;", "its price where and when"),
)
_TO_GRID = ("who plugs in where and when,", "with how much energy")
_TO_TRAFFIC = ("price of a kilowatt-hour,", "by station and minute")


def loop_diagram() -> str:
    """The loop between the traffic network operator (TNO) and the distribution network operator (DNO).

    Returns
    -------
    str
        Inline SVG: two boxes, what each solves, and on the arrows between them all that crosses.
    """
    right = _WIDTH - _BOX_WIDTH - 10
    parts = [_box(10, *_TNO, COLOURS[0]), _box(right, *_DNO, COLOURS[1])]
    left_middle, right_middle = 10 + _BOX_WIDTH / 2, right + _BOX_WIDTH / 2
    bottom = _TOP + _BOX_HEIGHT
    parts += [
        _arrow(f"M{left_middle} {_TOP}C{left_middle} 5 {right_middle} 5 {right_middle} {_TOP - 4}"),
        _arrow(
            f"M{right_middle} {bottom}C{right_middle} {bottom + 75} {left_middle} {bottom + 75} {left_middle} {bottom + 4}"
        ),
        *_lines(_WIDTH / 2, 45, _TO_GRID),
        *_lines(_WIDTH / 2, bottom + 22, _TO_TRAFFIC),
    ]
    told = "Drivers tell the grid who plugs in where, when and how empty; the grid answers with a price by station and minute."
    return (
        f'<svg class="loop" style="min-width: 34rem" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}" '
        f'font-family="DejaVu Sans, Arial, sans-serif" font-size="15" fill="{INK}">'
        f'<defs><marker id="loop-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>{"".join(parts)}</svg>\n'
    )


def _box(x: float, title: str, lines: tuple[str, ...], colour: str) -> str:
    middle = x + _BOX_WIDTH / 2
    frame = (
        f'<rect x="{x}" y="{_TOP}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8" fill="#ffffff" stroke="{colour}" '
        'stroke-width="4"/>'
    )
    heading = f'<text x="{middle}" y="{_TOP + 34}" text-anchor="middle" font-size="18" font-weight="600">{title}</text>'
    return frame + heading + "".join(_lines(middle, _TOP + 66, lines))


def _lines(x: float, y: float, lines: tuple[str, ...]) -> list[str]:
    return [
        f'<text x="{x}" y="{y + 24 * number}" text-anchor="middle">{line}</text>' for number, line in enumerate(lines)
    ]


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{INK}" stroke-width="2" marker-end="url(#loop-head)"/>'
