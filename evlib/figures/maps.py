"""Maps: the extended road network beside its feeder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, FILLS, INK, SMALLEST, finish

__all__ = ["networks"]

_USED, _UNUSED = "#0072B2", "#9A9A9A"
_RIGHT = {"xaxis": "x2", "yaxis": "y2"}
_NOTE = {"showarrow": False, "xref": "x2", "yref": "y2"}


def networks(items: pd.DataFrame, title: str) -> go.Figure:
    """The extended road map on the left, the feeder as a tree on the right.

    Parameters
    ----------
    items : DataFrame
        As :func:`evlib.inputs.map_table.drawing_table` makes it.
    title : str
        States the finding.

    Returns
    -------
    Figure
    """
    figure = make_subplots(
        cols=2, column_widths=[0.56, 0.44], horizontal_spacing=0.03, subplot_titles=["Roads", "Feeder"]
    )
    roads, feeder = items[items["panel"] == "roads"], items[items["panel"] == "feeder"]
    zones = list(dict.fromkeys(feeder.loc[(feeder["kind"] == "bus") & (feeder["group"] != "trunk"), "group"]))
    zone_colour = {zone: COLOURS[number % len(COLOURS)] for number, zone in enumerate(sorted(zones))}
    _draw_roads(figure, roads, zone_colour)
    _draw_feeder(figure, feeder, zone_colour)
    legend = {"orientation": "h", "x": 0.02, "xanchor": "left", "y": -0.02, "yanchor": "top", "entrywidth": 125}
    legend["itemsizing"] = "constant"
    finish(figure, title=title, height=620, margin={"l": 10, "r": 10, "t": 80, "b": 80}, legend=legend)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _draw_roads(figure, roads, zone_colour):
    labels = {"used": "road to a station", "unused": "other road"}
    for group, dash, colour in (("used", "solid", _USED), ("unused", "dash", _UNUSED)):
        chosen = roads[(roads["kind"] == "road") & (roads["group"] == group)]
        figure.add_scatter(**_arrows(chosen), line={"color": colour, "width": 2, "dash": dash}, name=labels[group])
        steep = (chosen["x"] - chosen["x_from"]).abs() < 1e-9
        x, y = (0.55 * chosen[c] + 0.45 * chosen[f"{c}_from"] for c in "xy")
        _write(figure, x - np.where(steep, 0.14, 0.0), y + np.where(steep, 0.0, 0.13), chosen["label"])
    for role, symbol in (("origin", "diamond"), ("station", "square")):
        chosen = roads[roads["kind"] == role]
        line = {"color": INK, "width": 1.5, "dash": "dot"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, showlegend=False, hoverinfo="skip")
        badge = _badge(symbol, [_pale(zone_colour.get(name, "#FFFFFF")) for name in chosen["name"]], 26)
        figure.add_scatter(x=chosen["x"], y=chosen["y"], mode="markers", marker=badge, name=role)
        _write(figure, chosen["x"], chosen["y"], chosen["label"])
    nodes = roads[roads["kind"] == "node"]
    badge = _badge("circle", "#FFFFFF", 20)
    figure.add_scatter(x=nodes["x"], y=nodes["y"], mode="markers", marker=badge, showlegend=False)
    _write(figure, nodes["x"], nodes["y"], nodes["label"])
    figure.update_xaxes(range=[roads["x"].min() - 0.3, roads["x"].max() + 0.3], col=1)
    figure.update_yaxes(range=[roads["y"].min() - 0.3, roads["y"].max() + 0.3], col=1)


def _draw_feeder(figure, feeder, zone_colour):
    buses = feeder[feeder["kind"] == "bus"]
    for number, (zone, colour) in enumerate(zone_colour.items()):
        fill = FILLS[(number + 1 + number // len(COLOURS)) % len(FILLS)]  # another one when the colours repeat
        _draw_zone(figure, buses[buses["group"] == zone], zone, colour, fill)
    for group, width in (("line", 1.2), ("tie", 4)):
        chosen = feeder[(feeder["kind"] == "line") & (feeder["group"] == group)]
        line = {"color": INK, "width": width}
        show = {"name": "tie of a zone", "showlegend": group == "tie"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, **show, **_RIGHT)
    for source, symbol in (("wind", "star-triangle-up"), ("solar", "star")):
        chosen = feeder[(feeder["kind"] == "farm") & (feeder["group"] == source)]
        line = {"color": INK, "width": 1.2, "dash": "dot"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, showlegend=False, **_RIGHT)
        badge = _badge(symbol, "#F0E442", 15)
        figure.add_scatter(x=chosen["x"], y=chosen["y"], mode="markers", marker=badge, name=f"{source} farm", **_RIGHT)
        _write(figure, chosen["x"] - 0.3, chosen["y"], chosen["label"], textposition="middle left", **_RIGHT)
    figure.add_scatter(
        x=buses["x"], y=buses["y"], mode="markers", marker=_badge("circle", "#FFFFFF", 16), showlegend=False, **_RIGHT
    )
    plugs = feeder[feeder["kind"] == "plugs"]
    badge = _badge("square", [_pale(zone_colour.get(name, "#FFFFFF")) for name in plugs["name"]], 22)
    figure.add_scatter(x=plugs["x"], y=plugs["y"], mode="markers", marker=badge, showlegend=False, **_RIGHT)
    _write(figure, buses["x"], buses["y"], buses["label"], **_RIGHT)
    root = buses.iloc[0]
    figure.add_annotation(x=root["x"], y=root["y"], text="root", xshift=14, xanchor="left", **_NOTE)
    figure.update_xaxes(range=[buses["x"].min() - 2.6, buses["x"].max() + 2.1], col=2)
    figure.update_yaxes(range=[buses["y"].min() - 0.9, buses["y"].max() + 0.9], col=2)


def _draw_zone(figure, buses, zone, colour, fill):
    west, east = buses["x"].min() - 0.55, buses["x"].max() + 0.55
    south, north = buses["y"].min() - 0.42, buses["y"].max() + 0.42
    figure.add_scatter(
        x=[west, east, east, west, west],
        y=[south, south, north, north, south],
        mode="lines",
        fill="toself",
        line={"color": colour, "width": 1},
        fillpattern={"shape": fill, "fgcolor": colour, "bgcolor": "#FFFFFF", "size": 7, "solidity": 0.25},
        hoverinfo="skip",
        showlegend=False,
        **_RIGHT,
    )
    figure.add_annotation(x=east, y=south, text=f"zone {zone}", xanchor="left", yanchor="bottom", xshift=2, **_NOTE)


def _segments(lines):
    """Ends of lines with a gap after each, so that one trace draws them all."""
    gap = np.full(len(lines), np.nan)
    return {c: np.column_stack([lines[f"{c}_from"], lines[c], gap]).reshape(-1) for c in "xy"}


def _arrows(lines):
    """Lines with an arrow head a little past their middle."""
    gap = np.full(len(lines), np.nan)
    x, y = (
        np.column_stack([lines[f"{c}_from"], 0.3 * lines[f"{c}_from"] + 0.7 * lines[c], lines[c], gap]).reshape(-1)
        for c in "xy"
    )
    marker = {"symbol": "arrow", "angleref": "previous", "size": np.tile([0, 13, 0, 0], len(lines))}
    return {"x": x, "y": y, "mode": "lines+markers", "marker": marker}


def _write(figure, x, y, text, **placing):
    font = {"size": SMALLEST, "color": INK}
    figure.add_scatter(x=x, y=y, mode="text", text=text, textfont=font, showlegend=False, hoverinfo="skip", **placing)


def _badge(symbol, colour, size):
    return {"symbol": symbol, "size": size, "color": colour, "line": {"color": INK, "width": 1.2}}


def _pale(colour):
    """The colour mixed with white, so that a dark number on it stays readable."""
    return "#" + "".join(f"{round(0.5 * (int(colour[i : i + 2], 16) + 255)):02X}" for i in (1, 3, 5))
