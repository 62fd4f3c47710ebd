"""Roads and feeders of another case of one's own, as sources of a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.own_case.case_feeders import read_feeders
from evlib.inputs.own_case.case_tables import LANE_VEH_H, LINK_COLUMNS, read_roads
from evlib.inputs.own_case.farms import read_farms
from evlib.inputs.own_case.feeder_table import read_feeder_table
from evlib.inputs.own_case.stated import DEFAULTS
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.roads.road_file import RoadFile, check_roads

__all__ = ["own_feeders", "own_roads"]


def own_roads(folder: Path) -> RoadFile:
    """Roads of another case: its columns, and what is put in where it has none.

    Parameters
    ----------
    folder : Path
        With ``links.csv`` and ``nodes.csv``.

    Returns
    -------
    RoadFile

    Raises
    ------
    InputError
        What :func:`evlib.inputs.own_case.case_tables.read_roads` refuses, or a road whose time or capacity is none.
    """
    roads = read_roads(folder / "links.csv", folder / "nodes.csv")
    table, shared = roads.table, float(DEFAULTS["roads"]["capacity_veh_h"])
    numbers = [str(row + 1) for row in range(len(table))]
    links = pd.DataFrame({"link": table.texts.get("link", numbers), "from": roads.tail, "to": roads.head})
    if roads.length_km is not None:
        links["length_km"] = roads.length_km
    links["free_flow_min"] = roads.free_flow_min
    if roads.lanes is not None:
        links["lanes"] = roads.lanes
    links["capacity_veh_h"] = shared if roads.capacity_veh_h is None else roads.capacity_veh_h
    nodes = pd.DataFrame({"node": roads.node, "x": roads.x, "y": roads.y})
    if roads.ends_only:
        nodes["through"] = np.where(nodes["node"].isin(roads.ends_only), "no", "yes")
    check_roads(folder / "links.csv", links, nodes)
    rows = [(name, name, LINK_COLUMNS[name].unit, len(links)) for name in table.values]
    if "link" not in table.values:
        rows.append(("(default)", "link: number of the row", "", len(links)))
    if "free_flow_min" not in table.values:
        rows.append(("(computed)", "free_flow_min: length_km / speed_km_h", "min", len(links)))
    if roads.capacity_veh_h is None:
        rows.append(("(default)", f"capacity_veh_h: {shared:g}; none in links.csv", "veh/h", len(links)))
    elif not {"capacity_veh_h", "capacity_veh_h_lane"} & set(table.values):
        rows.append(("(default)", f"capacity_veh_h: {LANE_VEH_H:g} for each of the lanes", "veh/h", len(links)))
    rows += [(name, name, "", len(nodes)) for name in nodes if name != "through"]
    rows += [("through", "no: trips begin and end there, no path passes", "", len(roads.ends_only))] * bool(
        roads.ends_only
    )
    return RoadFile(links, nodes, "", report_of(rows))


def own_feeders(folder: Path) -> FeederFile:
    """Feeders of another case, with their limits, farms and profile where it has tables of them.

    Parameters
    ----------
    folder : Path
        With ``buses.csv`` and ``branches.csv``, and any of ``feeders.csv``, ``farms.csv`` and ``profile.csv``.

    Returns
    -------
    FeederFile

    Raises
    ------
    InputError
        What the readers of these tables refuse, a farm at no bus, or without a column of the profile.
    """
    read = read_feeders(folder / "buses.csv", folder / "branches.csv")
    buses = read.bus_table
    branches = pd.read_csv(folder / "branches.csv", comment="#")
    rows = [(name, name, "", len(buses)) for name in buses.values] + [
        (name, name, "", len(branches)) for name in branches
    ]
    more = {}
    if (folder / "feeders.csv").is_file():
        own = read_feeder_table(folder / "feeders.csv", read)
        roots = pd.Series([read.bus_number[name] for name in own.table["root"].tolist()], name="root")
        others = {name: values for name, values in own.table.values.items() if name != "root"}
        more["feeders"] = pd.DataFrame({"root": roots} | others)
        rows += [(f"feeders.{name}", name, "", len(roots)) for name in own.table.values]
    if (folder / "farms.csv").is_file():
        table = read_farms(folder / "farms.csv")[1]
        farms = pd.DataFrame(table.values)
        for row, name in enumerate(farms["bus"].tolist()):
            if name not in read.bus_number:
                raise InputError(f"{table.place(row)}: bus = {name!r} is no bus of buses.csv, by number or name")
        rows += [
            (f"farms.{name}", name if name != "zone" else NOT_USED + "zones are the feeders", "", len(farms))
            for name in farms
        ]
        numbers = [read.bus_number[name] for name in farms["bus"]]
        more["farms"] = farms.assign(bus=numbers).drop(columns="zone", errors="ignore")
        if not (folder / "profile.csv").is_file():
            raise InputError(f"{folder / 'farms.csv'}: without profile.csv, whose columns say what is available")
    if (folder / "profile.csv").is_file():
        more["profile"] = pd.read_csv(folder / "profile.csv", comment="#", dtype={"time": str})
        kept = ["time", "load_pu", *dict.fromkeys(more["farms"]["column"] if "farms" in more else ())]
        rows += [
            (
                f"profile.{name}",
                name if name in kept else NOT_USED + "loads follow load_pu",
                "",
                len(more["profile"]),
            )
            for name in more["profile"]
        ]
        missing = [name for name in kept if name not in more["profile"]]
        if missing:
            raise InputError(f"{folder / 'profile.csv'}: column {missing[0]!r} is missing; must have {', '.join(kept)}")
        more["profile"] = more["profile"][kept]
    return FeederFile(pd.DataFrame(buses.values), branches, report_of(rows), **more)
