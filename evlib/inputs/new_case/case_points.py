"""Roads, stations and feeders of a case as one table to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.inputs.new_case.write_case import CaseTables

__all__ = ["case_points"]

COLUMNS = ["kind", "name", "label", "x", "y", "x_from", "y_from"]


def case_points(tables: CaseTables) -> pd.DataFrame:
    """Positions of everything in a case; buses only where the feeders have coordinates.

    Parameters
    ----------
    tables : CaseTables

    Returns
    -------
    DataFrame
        ``kind`` (``road``, ``branch``, ``to node``, ``to bus``, ``bus``, ``root``, ``origin``, ``station``), ``name`` (of
        stations; of others it is their label), ``label``, ``x``, ``y``, and for lines ``x_from``, ``y_from``.
    """
    place = tables.roads.nodes.set_index("node")[["x", "y"]]
    links, stations, buses = tables.roads.links, tables.stations, tables.feeders.buses
    parts = [_lines("road", links["link"], place.loc[links["from"]], place.loc[links["to"]])]
    at_station = stations[["x", "y"]]
    distance = stations["node_distance"].map("{:.4g}".format)
    parts.append(_lines("to node", stations["station"], at_station, place.loc[stations["node"]]))
    label = stations["station"] + ": " + distance + " to node " + stations["node"] + ", bus " + stations["bus"]
    if {"x", "y"} <= set(buses) and buses[["x", "y"]].notna().all(axis=None):
        label += " at " + stations["bus_distance"].map("{:.4g}".format)
        by_number = buses.set_index("bus")[["x", "y"]]
        by_name = buses.set_index(buses.get("name", buses["bus"]).astype(str))[["x", "y"]]
        closed = tables.feeders.branches[tables.feeders.branches["status"] == 1]
        names = buses.get("name", buses["bus"]).astype(str)
        parts += [
            _lines("branch", closed["branch"], by_number.loc[closed["from_bus"]], by_number.loc[closed["to_bus"]]),
            _lines("to bus", stations["station"], at_station, by_name.loc[stations["bus"]]),
            *(
                _points(kind, names[buses["type"] == of].radd("bus "), buses.loc[buses["type"] == of])
                for kind, of in (("bus", "pq"), ("root", "slack"))
            ),
        ]
    parts.append(_points("origin", tables.origins["origin"], place.loc[tables.origins["node"]]))
    parts.append(_points("station", label, at_station).assign(name=stations["station"].astype(str).to_numpy()))
    return pd.concat(parts, ignore_index=True)


def _lines(kind: str, label, begin: pd.DataFrame, end: pd.DataFrame) -> pd.DataFrame:
    values = np.column_stack([end[["x", "y"]].to_numpy(float), begin[["x", "y"]].to_numpy(float)])
    table = pd.DataFrame(values, columns=COLUMNS[3:])
    label = np.asarray(label).astype(str)
    return table.assign(kind=kind, name=label, label=label)[COLUMNS]


def _points(kind: str, label, place: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(place[["x", "y"]].to_numpy(float), columns=["x", "y"])
    label = np.asarray(label).astype(str)
    return table.assign(kind=kind, name=label, label=label, x_from=np.nan, y_from=np.nan)[COLUMNS]
