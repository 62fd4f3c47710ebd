"""Which reader a file of roads, feeders or stations belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.feeders.matpower_feeder import read_matpower
from evlib.inputs.feeders.opendss_feeder import read_opendss
from evlib.inputs.feeders.pandapower_net import read_pandapower
from evlib.inputs.feeders.v2sim_grid import read_v2sim_grid
from evlib.inputs.own_case.case_feeders import read_feeders
from evlib.inputs.own_case.case_tables import LANE_VEH_H, LINK_COLUMNS, read_roads
from evlib.inputs.own_case.defaults import DEFAULTS
from evlib.inputs.own_case.feeder_table import read_feeder_table
from evlib.inputs.own_case.trips import TRIP_COLUMNS
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.plausible import check_table
from evlib.inputs.reading.tables import Column, read_table, read_text
from evlib.inputs.roads.gmns_roads import read_gmns_roads
from evlib.inputs.roads.osm_roads import read_osm_roads
from evlib.inputs.roads.road_file import RoadFile, check_roads
from evlib.inputs.roads.sumo_roads import read_sumo_roads
from evlib.inputs.roads.tntp_roads import read_tntp_roads
from evlib.inputs.roads.v2sim_roads import LANE_CAPACITY_VEH_H, read_v2sim_roads, read_v2sim_stations, read_xml

__all__ = ["feeder_source", "road_source", "station_source", "trips_source"]

_STATION = {
    "station": Column("text"),
    "node": Column("text", required=False),
    "bus": Column("text", required=False),
    "x": Column("number", required=False),
    "y": Column("number", required=False),
    "plugs": Column("number", "plugs", above=0, required=False),
    "plug_kw": Column("number", "kW", above=0, required=False),
    "site_kw": Column("number", "kW", above=0, required=False),
}


def road_source(
    path: str | Path,
    *,
    time_unit_min: float | None = None,
    length_unit_km: float | None = None,
    lane_veh_h: float | None = None,
    capacity_is: str | None = None,
) -> RoadFile:
    """Read roads from whatever file they are in.

    Parameters
    ----------
    path : str or Path
        ``*.tntp``; ``*.net.xml`` or ``*.net.xml.gz`` of V2Sim or SUMO; ``*.osm`` or ``*.osm.gz``; a folder with
        ``link.csv`` (GMNS) or with ``links.csv`` (a case of one's own).
    time_unit_min, length_unit_km : float, optional
        Units of a TNTP file, by default 1 min and 1 km.
    lane_veh_h : float, optional
        Capacity of a lane [veh/h] of V2Sim, SUMO and OpenStreetMap, whose files have none.
    capacity_is : {"lane", "link"}, optional
        What ``capacity`` of a GMNS file is, by default that of a lane.

    Returns
    -------
    RoadFile

    Raises
    ------
    InputError
        No such file, a format that is none of these, or an option that the format has no use for; and whatever the reader
        refuses.
    """
    path = Path(path)
    units = {"--time-unit-min": time_unit_min, "--length-unit-km": length_unit_km}
    lane, what = {"--lane-capacity": lane_veh_h}, {"--capacity-is": capacity_is}
    for option, value in (units | lane).items():
        if value is not None and not 0 < value < np.inf:
            raise InputError(f"{option} {value:g}: must be above 0")
    if path.is_dir() and (path / "link.csv").is_file():
        _refuse_options(path, units | lane, "GMNS files state their units and capacities")
        return read_gmns_roads(path, capacity_is=capacity_is or "lane")
    if path.is_dir() and (path / "links.csv").is_file():
        _refuse_options(
            path, units | lane | what, "the columns of links.csv have units, and capacities or lanes, of their own"
        )
        return _own_roads(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of roads")
    if path.suffix == ".tntp":
        _refuse_options(path, lane | what, "TNTP files state the capacity of each road")
        return read_tntp_roads(path, time_unit_min=time_unit_min or 1.0, length_unit_km=length_unit_km or 1.0)
    if path.name.endswith((".net.xml", ".net.xml.gz")):
        _refuse_options(path, units | what, "such files are in m and m/s, and have lanes without a capacity")
        reader = read_v2sim_roads if read_xml(path).tag == "roadnet" else read_sumo_roads
        return reader(path, LANE_CAPACITY_VEH_H if lane_veh_h is None else lane_veh_h)
    if path.name.endswith((".osm", ".osm.gz")):
        _refuse_options(path, units | what, "OpenStreetMap's units are fixed, and roads have lanes without a capacity")
        return read_osm_roads(path, lane_veh_h)
    raise InputError(
        f"{path}: roads of no known format; must be *.tntp, *.net.xml, *.net.xml.gz, *.osm, *.osm.gz, or a folder with link.csv "
        "or links.csv"
    )


def _refuse_options(path: Path, options: dict, why: str) -> None:
    for option, value in options.items():
        if value is not None:
            raise InputError(f"{option} {value}: {path} has no use for it: {why}; leave the option out")


def _own_roads(folder: Path) -> RoadFile:
    """Roads of another case: its columns, and what is put in where it has none."""
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


def feeder_source(path: str | Path, leave_out=()) -> FeederFile:
    """Read feeders from whatever file they are in.

    Parameters
    ----------
    path : str or Path
        ``*.m`` (MATPOWER), ``*.grid.xml`` (V2Sim), ``*.json`` (pandapower), ``*.dss`` (a balanced OpenDSS circuit, by
        pandapower's converter, which needs OpenDSSDirect.py), or a folder with ``buses.csv``, ``branches.csv``.
    leave_out : sequence of str
        Elements of a pandapower network to go without: ``"shunts"``, ``"generators"``.

    Returns
    -------
    FeederFile

    Raises
    ------
    InputError
        As :func:`road_source`.
    """
    path = Path(path)
    if path.is_dir() and (path / "buses.csv").is_file():
        read = read_feeders(path / "buses.csv", path / "branches.csv")
        buses = read.bus_table
        branches = pd.read_csv(path / "branches.csv", comment="#")
        rows = [(name, name, "", len(buses)) for name in buses.values] + [
            (name, name, "", len(branches)) for name in branches
        ]
        more = {}
        if (path / "feeders.csv").is_file():
            own = read_feeder_table(path / "feeders.csv", read)
            roots = pd.Series([read.bus_number[name] for name in own.table["root"].tolist()], name="root")
            others = {name: values for name, values in own.table.values.items() if name != "root"}
            more["feeders"] = pd.DataFrame({"root": roots} | others)
            rows += [(f"feeders.{name}", name, "", len(roots)) for name in own.table.values]
        if (path / "farms.csv").is_file():
            rows.append(("farms.csv", NOT_USED + "farms are those of the case: name it as grid.farms_file", "", 1))
        if (path / "profile.csv").is_file():
            more["profile"] = pd.read_csv(path / "profile.csv", comment="#", dtype={"time": str})
            rows += [(f"profile.{name}", name, "", len(more["profile"])) for name in more["profile"]]
        return FeederFile(pd.DataFrame(buses.values), branches, report_of(rows), **more)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of feeders")
    if path.suffix == ".m":
        return read_matpower(path)
    if path.name.endswith(".grid.xml"):
        return read_v2sim_grid(path)
    if path.suffix == ".dss":
        return read_opendss(path, leave_out=leave_out)
    if path.suffix == ".json":
        return read_pandapower(path, leave_out=leave_out)
    raise InputError(
        f"{path}: feeders of no known format; must be *.m, *.grid.xml, *.json, *.dss, or a folder with buses.csv and branches.csv"
    )


def trips_source(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Read a fleet as trips, if a file has a column ``origin``; sessions of charging have none.

    Parameters
    ----------
    path : str or Path
        CSV as for :func:`evlib.inputs.own_case.trips.read_trips`, with road nodes as origins.

    Returns
    -------
    trips, report : DataFrame
        Cells as text; or None.
    """
    header = next((line for line in read_text(path).split("\n") if line.strip() and not line.startswith("#")), "")
    if "origin" not in [name.strip() for name in header.split(",")]:
        return None
    table = read_table(path, TRIP_COLUMNS, unique=[("vehicle",)])
    check_table(table, ("battery_kwh",))
    rows = [(name, name, TRIP_COLUMNS[name].unit, len(table)) for name in table.values]
    return pd.DataFrame(table.texts), report_of(rows)


def station_source(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read stations: V2Sim's ``*.fcs.xml``, or a CSV file.

    Parameters
    ----------
    path : str or Path
        A CSV file has ``station`` and ``node``, or ``x`` and ``y``; and may have ``bus``, ``plugs``, ``plug_kw`` and
        ``site_kw``.

    Returns
    -------
    stations, report : DataFrame

    Raises
    ------
    InputError
        As :func:`road_source`; a CSV file with neither nodes nor coordinates.
    """
    path = Path(path)
    if path.name.endswith(".fcs.xml"):
        return read_v2sim_stations(path)
    if path.suffix != ".csv":
        raise InputError(f"{path}: stations of no known format; must be *.fcs.xml or *.csv")
    table = read_table(path, _STATION, unique=[("station",)])
    check_table(table, ("plug_kw", "site_kw"))
    if "node" not in table.values and not {"x", "y"} <= table.values.keys():
        raise InputError(f"{path}: neither node nor x and y; must say where the stations are")
    stations = pd.DataFrame(table.values)
    for name in ("x", "y"):
        stations[name] = stations.get(name, np.nan)
    return stations, report_of((name, name, _STATION[name].unit, len(table)) for name in table.values)
