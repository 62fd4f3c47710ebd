"""Two days side by side on the map, step by step, with a button to play and a slider."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.figures.style import COLOURS, INK

__all__ = ["day_map"]

_ROAD_PX, _BUS_PX = 78.0, 21.0  # a unit of either map
_WIDTH, _ROADS_HEIGHT, _HEIGHT = 420, 345, 560
_SCRIPT = Path(__file__).with_suffix(".js")
_STYLE = f"""
.day-map {{ margin: 1rem 0; }}
.day-map .controls {{ display: flex; gap: 0.8rem; align-items: center; }}
.day-map input[type="range"] {{ flex: 1 1 auto; min-width: 8rem; }}
.day-map button {{ font: inherit; min-width: 5rem; padding: 0.3rem 0.8rem; }}
.day-map output {{ font-variant-numeric: tabular-nums; font-weight: 600; }}
.day-map .panels {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }}
.day-map figure {{ margin: 0.6rem 0; }}
.day-map h3 {{ margin: 0.4rem 0; }}
.day-map svg {{ width: 100%; height: auto; font: 12px "DejaVu Sans", Arial, sans-serif; fill: {INK}; }}
.day-map .status {{ font-variant-numeric: tabular-nums; min-height: 3.2em; }}
.day-map .road, .day-map .line {{ fill: none; stroke: #9a9a9a; stroke-width: 1.5; }}
.day-map .bus, .day-map .node, .day-map .box {{ fill: #ffffff; stroke: {INK}; }}
.day-map .plugs {{ fill: {COLOURS[4]}; }}
.day-map .middle {{ text-anchor: middle; dominant-baseline: central; }}
.day-map .strong {{ font-weight: 600; }}
"""
_LEGEND = (
    "A road is the wider the more vehicles are on it, and orange where it holds more than without delay. A station's "
    "square fills with its plugs in use; waiting vehicles stand beside it. A line of the feeder is the wider the more "
    "it is loaded, and orange beyond its rating. A bus grows and fills with its distance from 1 pu: blue above, orange "
    "below. A station's number at the feeder is what it takes, or gives back, and the price there."
)


def day_map(items: pd.DataFrame, days: pd.DataFrame) -> str:
    """Draw the days as HTML with inline SVG, one panel a day.

    Parameters
    ----------
    items : DataFrame
        As :func:`evlib.inputs.map_table.drawing_table` makes it.
    days : DataFrame
        ``day``, ``clock``, then columns ``<kind> <name> <quantity>``, a row for each step; all days have the same
        clock times. As the committed table ``day_nguyen.csv``.

    Returns
    -------
    str
        A piece of a page that holds its numbers, style and script.

    Raises
    ------
    InputError
        The days differ in their clock times, or a road, station, bus or line of the map has no column.
    """
    names = list(dict.fromkeys(days["day"]))
    clocks = {name: days.loc[days["day"] == name, "clock"].tolist() for name in names}
    for name in names[1:]:
        if clocks[name] != clocks[names[0]]:
            raise InputError(
                f"day_map: days[{name!r}]: clock differs from that of {names[0]!r}; all days need the same"
            )
    drawing = _drawing(items, set(days.columns))
    plugs = days.filter(regex=r"^station .* occupied_plugs$").to_numpy().max()
    series = {
        name: rows.drop(columns=["day", "clock"]).to_dict("list") for name, rows in days.groupby("day", sort=False)
    }
    content = {"clock": clocks[names[0]], "plugs": float(plugs), "days": series}
    numbers = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    panels = "".join(_panel(name, drawing) for name in names)
    last = len(content["clock"]) - 1
    return f"""<div class="day-map">
<style>{_STYLE}</style>
<div class="controls"><button type="button">Play</button>
<input type="range" min="0" max="{last}" value="0" aria-label="clock time"><output>{content["clock"][0]}</output></div>
<div class="panels">{panels}</div>
<p class="note">{_LEGEND}</p>
<noscript><p>The animation needs JavaScript.</p></noscript>
<script type="application/json">{numbers}</script>
<script>{_SCRIPT.read_text(encoding="utf-8")}</script>
</div>
"""


def _panel(name: str, drawing: str) -> str:
    label = html.escape(name)
    return (
        f'<figure data-day="{label}"><h3>{label}</h3>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Roads above, feeder below: {label}">{drawing}</svg>'
        '<figcaption class="status"></figcaption></figure>'
    )


def _drawing(items: pd.DataFrame, known: set[str]) -> str:
    """The SVG elements of one day; those that change carry the columns they follow."""

    def key(*words: str) -> str:
        column = " ".join(words)
        if column not in known:
            raise InputError(f"day_map: days has no column {column!r}; the map draws {words[0]} {words[1]}")
        return html.escape(column)

    parts = []
    roads, feeder = items[items["panel"] == "roads"], items[items["panel"] == "feeder"]
    for road in _rows(roads, "road"):
        start, end = _road_place(road.x_from, road.y_from), _road_place(road.x, road.y)
        parts.append(_path("road", start, end, key("arc", road.name, "occupancy_over_capacity")))
    for node in _rows(roads, "node"):
        x, y = _road_place(node.x, node.y)
        parts.append(f'<circle class="node" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
    for origin in _rows(roads, "origin"):
        parts.append(_text(*_road_place(origin.x, origin.y), origin.label, "middle strong"))
    for station in _rows(roads, "station"):
        x, y = _road_place(station.x, station.y)
        full = key("station", station.name, "occupied_plugs")
        waiting = key("station", station.name, "queue_veh")
        parts.append(
            f'<rect class="box" x="{x - 15:.1f}" y="{y - 15:.1f}" width="30" height="30"/>'
            f'<rect class="plugs" data-key="{full}" x="{x - 15:.1f}" y="{y + 15:.1f}" width="30" height="0"/>'
            + _text(x, y, station.label, "middle strong")
            + f'<text class="waiting strong" data-key="{waiting}" x="{x + 19:.1f}" y="{y - 6:.1f}"></text>'
        )
    for line in _rows(feeder, "line"):
        start, end = _bus_place(line.x_from, line.y_from), _bus_place(line.x, line.y)
        parts.append(_path("line", start, end, key("line", line.name, "ac_loading")))
    for bus in _rows(feeder, "bus"):
        x, y = _bus_place(bus.x, bus.y)
        voltage = key("bus", bus.name, "ac_voltage_pu")
        parts.append(f'<circle class="bus" data-key="{voltage}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    for farm in _rows(feeder, "farm"):
        x, y = _bus_place(farm.x, farm.y)
        wasted = key("farm", farm.name, "curtailed_kw")
        parts.append(_text(x, y, "☀" if farm.group == "solar" else "▲", "middle"))
        parts.append(f'<text class="wasted" data-key="{wasted}" x="{x + 9:.1f}" y="{y + 4:.1f}"></text>')
    for plug in _rows(feeder, "plugs"):
        x, y = _bus_place(plug.x, plug.y)
        power, price = (key("station", plug.name, quantity) for quantity in ("net_kw", "price_cny_kwh"))
        parts.append(f'<rect class="box" x="{x - 7:.1f}" y="{y - 7:.1f}" width="14" height="14" style="fill: none"/>')
        left, top, anchor = (
            (x + 34, y - 3, "start") if plug.x < 0 else (x, y + 22, "middle")
        )  # left of the trunk, the farm is above
        place = f'x="{left:.1f}" text-anchor="{anchor}"'
        parts.append(
            f'<text class="power" data-key="{power}" data-name="{html.escape(plug.label)}" y="{top:.1f}" {place}></text>'
            f'<text class="price" data-key="{price}" y="{top + 15:.1f}" {place}></text>'
        )
    return "".join(parts)


def _rows(items: pd.DataFrame, kind: str):
    return items[items["kind"] == kind].itertuples()


def _road_place(x: float, y: float) -> tuple[float, float]:
    return 42.0 + _ROAD_PX * x, 30.0 + _ROAD_PX * (3.42 - y)


def _bus_place(x: float, y: float) -> tuple[float, float]:
    """The feeder lies on its side: its root at the left."""
    return 18.0 - _BUS_PX * y, _ROADS_HEIGHT + 110.0 + _BUS_PX * x


def _path(kind: str, start: tuple[float, float], end: tuple[float, float], key: str) -> str:
    (x, y), (u, v) = start, end
    return f'<path class="{kind}" data-key="{key}" d="M{x:.1f} {y:.1f}L{u:.1f} {v:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{html.escape(str(text))}</text>'
