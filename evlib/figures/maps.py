"""Maps: the extended road network beside its feeder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evlib.figures.style import COLOURS, FILLS, INK, finish

__all__ = ["drawing_table", "feeder_layout", "networks"]

# Where a virtual node or a farm may stand around its node; the first of the best is taken.
_DIRECTIONS_DEG = (45, 135, 315, 225, 90, 270, 0, 180)
_OFFSET = 0.42
_COLUMN_WIDTH = 2.6

_USED, _UNUSED = "#0072B2", "#9A9A9A"
_RIGHT = {"xaxis": "x2", "yaxis": "y2"}
_NOTE = {"showarrow": False, "xref": "x2", "yref": "y2"}


def feeder_layout(feeder) -> pd.DataFrame:
    """Drawing coordinates of a radial feeder: root on top, one row further down with every line.

    Parameters
    ----------
    feeder : Feeder

    Returns
    -------
    DataFrame
        One row a bus, in the feeder's order: ``bus``, ``x``, ``y``, ``x_from``, ``y_from`` (the bus that feeds it; the
        root's own place for the root).

    Notes
    -----
    Of the lines that leave a bus, the one with the longest feeder behind it goes straight down. Every other one opens
    the nearest column that is free over its whole depth, right before left, so no two buses share a place.
    """
    parent = np.append(-1, feeder.branch_from)
    depth, below = np.zeros(feeder.n_bus, dtype=int), np.zeros(feeder.n_bus, dtype=int)
    for bus in range(1, feeder.n_bus):
        depth[bus] = depth[parent[bus]] + 1
    for bus in range(feeder.n_bus - 1, 0, -1):
        below[parent[bus]] = max(below[parent[bus]], below[bus] + 1)
    column = np.zeros(feeder.n_bus, dtype=int)
    rows_taken = {0: set(range(below[0] + 1))}
    for bus in range(feeder.n_bus):
        children = np.flatnonzero(parent == bus)
        straight = max(children, key=lambda child: below[child], default=-1)
        for child in children:
            if child == straight:
                column[child] = column[bus]
                continue
            rows = set(range(depth[child], depth[child] + below[child] + 1))
            side = (sign * distance for distance in range(1, feeder.n_bus) for sign in (1, -1))
            place = next(column[bus] + s for s in side if not rows_taken.get(column[bus] + s, set()) & rows)
            rows_taken.setdefault(place, set()).update(rows)
            column[child] = place
    x, y, up = _COLUMN_WIDTH * column, -depth, np.maximum(parent, 0)
    return pd.DataFrame({"bus": feeder.bus, "x": x, "y": y, "x_from": x[up], "y_from": y[up]})


def drawing_table(scenario, network, case) -> pd.DataFrame:
    """Everything that the map shows, one row an element.

    Parameters
    ----------
    scenario : Scenario
    network : Network
    case : GridCase

    Returns
    -------
    DataFrame
        ``panel`` (roads, feeder), ``kind`` (road, node, origin, station, line, bus, plugs, farm), ``name``, ``x_from``,
        ``y_from``, ``x``, ``y`` (drawing units, they carry no length), ``group`` (used or unused by some path; zone;
        wind or solar) and ``label``.
    """
    rows = [*_road_rows(scenario, network), *_feeder_rows(scenario, case)]
    columns = ["panel", "kind", "name", "x_from", "y_from", "x", "y", "group", "label"]
    table = pd.DataFrame(rows, columns=columns)
    table[["x_from", "y_from", "x", "y"]] = table[["x_from", "y_from", "x", "y"]].astype(float).round(4)
    return table


def networks(items: pd.DataFrame, title: str) -> go.Figure:
    """Extended road map on the left, feeder as a tree on the right.

    Parameters
    ----------
    items : DataFrame
        From :func:`drawing_table`.
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
    zone_colour = dict(zip(sorted(zones), COLOURS, strict=False))  # a fifth zone and more stay white
    _draw_roads(figure, roads, zone_colour)
    _draw_feeder(figure, feeder, zone_colour)
    legend = {"orientation": "h", "x": 0.02, "xanchor": "left", "y": -0.02, "yanchor": "top", "entrywidth": 125}
    finish(figure, title=title, height=620, margin={"l": 10, "r": 10, "t": 80, "b": 80}, legend=legend)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _road_rows(scenario, network):
    tables = scenario.tables
    place = {
        str(node): (x, y)
        for node, x, y in zip(tables.node.tolist(), tables.node_x.tolist(), tables.node_y.tolist(), strict=True)
    }
    used = {arc for path in network.paths for arc in path.arcs}
    neighbours = {node: [] for node in place}
    for arc, kind in enumerate(network.arc_kind):
        if kind == "road":
            tail, head = network.arc_tail[arc], network.arc_head[arc]
            neighbours[tail].append(head)
            neighbours[head].append(tail)
            group = "used" if arc in used else "unused"
            minutes = f"{network.free_flow_min[arc]:g}"
            yield ("roads", "road", network.arc_name[arc], *place[tail], *place[head], group, minutes)
    for node, (x, y) in place.items():
        yield ("roads", "node", node, x, y, x, y, "", node)
    virtual = [("origin", item.name, item.node) for item in scenario.origins]
    virtual += [("station", item.name, item.node) for item in scenario.stations]
    for kind, name, node in virtual:
        x, y = place[str(node)]
        dx, dy = _free_direction((x, y), [place[other] for other in neighbours[str(node)]])
        yield ("roads", kind, name, x, y, x + _OFFSET * dx, y + _OFFSET * dy, name, name)


def _free_direction(place, others):
    """The direction that is furthest from all roads at a node."""
    taken = [np.arctan2(y - place[1], x - place[0]) for x, y in others]

    def room(degrees):
        apart = [abs((np.radians(degrees) - angle + np.pi) % (2 * np.pi) - np.pi) for angle in taken]
        return round(min(apart, default=np.pi), 6)

    best = np.radians(max(_DIRECTIONS_DEG, key=room))
    return np.cos(best), np.sin(best)


def _feeder_rows(scenario, case):
    zone = {bus: (*case.zones, "trunk")[z] for bus, z in zip(case.feeder.bus.tolist(), case.bus_zone, strict=True)}
    place = {}
    for row in feeder_layout(case.feeder).itertuples():
        place[row.bus] = (row.x, row.y)
        yield ("feeder", "bus", str(row.bus), row.x, row.y, row.x, row.y, zone[row.bus], str(row.bus))
    feeder = case.feeder
    ends = zip(feeder.bus[feeder.branch_from].tolist(), feeder.bus[feeder.branch_to].tolist(), strict=True)
    for branch, (tail, head) in enumerate(ends):
        group = "tie" if branch in case.tie else "line"
        yield ("feeder", "line", f"{tail}-{head}", *place[tail], *place[head], group, "")
    for station in scenario.stations:
        spot = place[station.bus]
        yield ("feeder", "plugs", station.name, *spot, *spot, station.name, station.name)
    for farm, index in zip(scenario.grid.farms, case.farm_bus, strict=True):
        x, y = place[int(feeder.bus[index])]
        yield ("feeder", "farm", farm.name, x, y, x - 1.0, y, farm.kind, f"{farm.kind}<br>{farm.rating_mw:g} MW")


def _draw_roads(figure, roads, zone_colour):
    labels = {"used": "road to a station", "unused": "other road"}
    for group, dash, colour in (("used", "solid", _USED), ("unused", "dash", _UNUSED)):
        chosen = roads[(roads["kind"] == "road") & (roads["group"] == group)]
        figure.add_scatter(**_arrows(chosen), line={"color": colour, "width": 2, "dash": dash}, name=labels[group])
        steep = (chosen["x"] - chosen["x_from"]).abs() < 1e-9
        x, y = (0.55 * chosen[c] + 0.45 * chosen[f"{c}_from"] for c in "xy")
        _write(figure, x + np.where(steep, 0.14, 0.0), y + np.where(steep, 0.0, 0.13), chosen["label"])
    for kind, symbol in (("origin", "diamond"), ("station", "square")):
        chosen = roads[roads["kind"] == kind]
        line = {"color": INK, "width": 1.5, "dash": "dot"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, showlegend=False, hoverinfo="skip")
        badge = _badge(symbol, [_pale(zone_colour.get(name, "#FFFFFF")) for name in chosen["name"]], 26)
        figure.add_scatter(x=chosen["x"], y=chosen["y"], mode="markers", marker=badge, name=kind)
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
        _draw_zone(figure, buses[buses["group"] == zone], zone, colour, FILLS[number + 1])
    for group, width in (("line", 1.2), ("tie", 4)):
        chosen = feeder[(feeder["kind"] == "line") & (feeder["group"] == group)]
        line = {"color": INK, "width": width}
        show = {"name": "tie of a zone", "showlegend": group == "tie"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, **show, **_RIGHT)
    for kind, symbol in (("wind", "star-triangle-up"), ("solar", "star")):
        chosen = feeder[(feeder["kind"] == "farm") & (feeder["group"] == kind)]
        line = {"color": INK, "width": 1.2, "dash": "dot"}
        figure.add_scatter(**_segments(chosen), mode="lines", line=line, showlegend=False, **_RIGHT)
        badge = _badge(symbol, "#F0E442", 15)
        figure.add_scatter(x=chosen["x"], y=chosen["y"], mode="markers", marker=badge, name=f"{kind} farm", **_RIGHT)
        _write(figure, chosen["x"] - 0.3, chosen["y"], chosen["label"], 10, textposition="middle left", **_RIGHT)
    figure.add_scatter(
        x=buses["x"], y=buses["y"], mode="markers", marker=_badge("circle", "#FFFFFF", 16), showlegend=False, **_RIGHT
    )
    plugs = feeder[feeder["kind"] == "plugs"]
    badge = _badge("square", [_pale(zone_colour.get(name, "#FFFFFF")) for name in plugs["name"]], 22)
    figure.add_scatter(x=plugs["x"], y=plugs["y"], mode="markers", marker=badge, showlegend=False, **_RIGHT)
    _write(figure, buses["x"], buses["y"], buses["label"], 10, **_RIGHT)
    root = buses.iloc[0]
    figure.add_annotation(x=root["x"], y=root["y"], text="root", xshift=14, xanchor="left", **_NOTE)
    figure.update_xaxes(range=[buses["x"].min() - 2.1, buses["x"].max() + 2.1], col=2)
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
    """Ends of lines with gaps between them, so that one trace draws all."""
    gap = np.full(len(lines), np.nan)
    return {c: np.column_stack([lines[f"{c}_from"], lines[c], gap]).reshape(-1) for c in "xy"}


def _arrows(lines):
    """Lines with an arrow head a little behind their middle."""
    gap = np.full(len(lines), np.nan)
    x, y = (
        np.column_stack([lines[f"{c}_from"], 0.3 * lines[f"{c}_from"] + 0.7 * lines[c], lines[c], gap]).reshape(-1)
        for c in "xy"
    )
    marker = {"symbol": "arrow", "angleref": "previous", "size": np.tile([0, 13, 0, 0], len(lines))}
    return {"x": x, "y": y, "mode": "lines+markers", "marker": marker}


def _write(figure, x, y, text, size=11, **where):
    font = {"size": size, "color": INK}
    figure.add_scatter(x=x, y=y, mode="text", text=text, textfont=font, showlegend=False, hoverinfo="skip", **where)


def _badge(symbol, colour, size):
    return {"symbol": symbol, "size": size, "color": colour, "line": {"color": INK, "width": 1.2}}


def _pale(colour):
    """The colour mixed with white, so that a dark number on it can be read."""
    return "#" + "".join(f"{round(0.5 * (int(colour[i : i + 2], 16) + 255)):02X}" for i in (1, 3, 5))
