"""The map of roads and feeder as a tidy table: positions and labels of everything to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.inputs.scenario import Scenario

__all__ = ["drawing_table", "feeder_layout"]

# Directions in which a virtual node may be drawn from its road node; of equally good ones the first is taken.
_DIRECTIONS_DEG = (45, 135, 315, 225, 90, 270, 0, 180)
_OFFSET = 0.42
_COLUMN_WIDTH = 2.6


def feeder_layout(feeder) -> pd.DataFrame:
    """Drawing coordinates of a radial feeder: the root on top, one row further down with each line.

    Parameters
    ----------
    feeder : Feeder

    Returns
    -------
    DataFrame
        One row for each bus, in the feeder's order: ``bus``, ``x``, ``y``, and the place of the bus that feeds it
        (``x_from``, ``y_from``; for the root its own place).

    Notes
    -----
    Of the lines that leave a bus, the one with the longest feeder behind it goes straight down. Every other line takes
    the nearest column that is free over its whole depth, trying right before left, so no two buses share a place.
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


def drawing_table(scenario: Scenario, network, case) -> pd.DataFrame:
    """Everything that the map shows, one row for each element.

    Parameters
    ----------
    scenario : Scenario
    network : Network
    case : GridCase

    Returns
    -------
    DataFrame
        ``panel`` (roads, feeder), ``kind`` (road, node, origin, station, line, bus, plugs, farm), ``name``, ``x_from``,
        ``y_from``, ``x``, ``y`` (drawing units without a scale), ``group`` (used or unused by some path; zone;
        wind or solar) and ``label``.
    """
    rows = [*_road_rows(scenario, network), *_feeder_rows(scenario, case)]
    columns = ["panel", "kind", "name", "x_from", "y_from", "x", "y", "group", "label"]
    table = pd.DataFrame(rows, columns=columns)
    table[["x_from", "y_from", "x", "y"]] = table[["x_from", "y_from", "x", "y"]].astype(float).round(4)
    return table


def _road_rows(scenario: Scenario, network):
    tables = scenario.tables
    place = {
        str(node): (x, y)
        for node, x, y in zip(tables.node.tolist(), tables.node_x.tolist(), tables.node_y.tolist(), strict=True)
    }
    used = {arc for path in network.paths for arc in path.arcs}
    neighbours = {node: [] for node in place}
    for arc, role in enumerate(network.arc_kind):
        if role == "road":
            tail, head = network.arc_tail[arc], network.arc_head[arc]
            neighbours[tail].append(head)
            neighbours[head].append(tail)
            group = "used" if arc in used else "unused"
            minutes = f"{network.free_flow_min[arc]:g}"
            yield ("roads", "road", network.arc_name[arc], *place[tail], *place[head], group, minutes)
    for node, (x, y) in place.items():
        yield ("roads", "node", node, x, y, x, y, "", node)
    virtual = [("origin", site.name, site.node) for site in scenario.origins]
    virtual += [("station", site.name, site.node) for site in scenario.stations]
    for role, name, node in virtual:
        x, y = place[str(node)]
        dx, dy = _free_direction((x, y), [place[neighbour] for neighbour in neighbours[str(node)]])
        yield ("roads", role, name, x, y, x + _OFFSET * dx, y + _OFFSET * dy, name, name)


def _free_direction(place, neighbours):
    """The direction, as a unit vector, that is furthest from all roads at a node."""
    taken = [np.arctan2(y - place[1], x - place[0]) for x, y in neighbours]

    def room(degrees):
        apart = [abs((np.radians(degrees) - angle + np.pi) % (2 * np.pi) - np.pi) for angle in taken]
        return round(min(apart, default=np.pi), 6)

    best = np.radians(max(_DIRECTIONS_DEG, key=room))
    return np.cos(best), np.sin(best)


def _feeder_rows(scenario: Scenario, case):
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
