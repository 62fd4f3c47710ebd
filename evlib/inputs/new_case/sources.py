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
from evlib.inputs.new_case.own_sources import own_feeders, own_roads
from evlib.inputs.new_case.write_case import FEE
from evlib.inputs.own_case.trips import TRIP_COLUMNS
from evlib.inputs.pandapower_feeder import LEAVE_OUT
from evlib.inputs.reading.column_report import NOT_USED, report_of
from evlib.inputs.reading.plausible import check_table
from evlib.inputs.reading.tables import Column, read_table, read_text
from evlib.inputs.roads.gmns_roads import read_gmns_roads
from evlib.inputs.roads.osm_roads import read_osm_roads
from evlib.inputs.roads.road_file import RoadFile
from evlib.inputs.roads.sumo_roads import read_sumo_roads
from evlib.inputs.roads.tntp_roads import read_tntp_roads
from evlib.inputs.roads.v2sim_roads import LANE_CAPACITY_VEH_H, read_v2sim_roads, read_v2sim_stations, read_xml
from evlib.inputs.tntp import read_trips

__all__ = ["feeder_source", "road_source", "shares_source", "station_source", "trips_source"]

_STATION = {
    "station": Column("text"),
    "node": Column("text", required=False),
    "bus": Column("text", required=False),
    "x": Column("number", required=False),
    "y": Column("number", required=False),
    "plugs": Column("number", "plugs", above=0, required=False),
    "plug_kw": Column("number", "kW", above=0, required=False),
    "site_kw": Column("number", "kW", above=0, required=False),
    "fee_*_session": Column("number", "of the currency", least=0, required=False),
    "fee_*_kwh": Column("number", "of the currency", least=0, required=False),
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
        return own_roads(path)
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
    unknown = [name for name in leave_out if name not in LEAVE_OUT]
    if unknown:
        raise InputError(f"--leave-out {unknown[0]}: must be one or both of {', '.join(LEAVE_OUT)}")
    if leave_out and path.suffix not in (".json", ".dss"):
        raise InputError(
            f"--leave-out {' '.join(leave_out)}: goes with *.json (pandapower) and *.dss (OpenDSS) only; remove it for {path}"
        )
    if path.is_dir() and (path / "buses.csv").is_file():
        return own_feeders(path)
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


def shares_source(path: str | Path) -> tuple[dict[str, float], pd.DataFrame]:
    """Read how the trips of a TNTP file, ``*_trips.tntp``, are shared among their origins.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    shares : dict of str -> float
        Trips that begin at each zone.
    report : DataFrame
    """
    trips = read_trips(path)
    shares = trips.groupby("origin")["demand_veh"].sum()
    rows = [
        ("Origin", "origins", "", len(shares)),
        ("(sum of a row)", "shares of origins", "", len(shares)),
        ("(destination)", NOT_USED + "trips end at stations", "", len(trips)),
    ]
    return {str(zone): float(share) for zone, share in shares.items() if share > 0}, report_of(rows)


def station_source(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read stations: V2Sim's ``*.fcs.xml``, or a CSV file.

    Parameters
    ----------
    path : str or Path
        A CSV file has ``station`` and ``node``, or ``x`` and ``y``; and may have ``bus``, ``plugs``, ``plug_kw``,
        ``site_kw``, and fees such as ``fee_eur_session`` and ``fee_eur_kwh``, whose currency is then the case's.

    Returns
    -------
    stations, report : DataFrame

    Raises
    ------
    InputError
        As :func:`road_source`; a CSV file with neither nodes nor coordinates, or with fees in two currencies.
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
    if ("x" in table.values) != ("y" in table.values):
        raise InputError(f"{path}: x and y: one of them is missing; must have both, or none")
    fees = [name for name in table.values if name.startswith("fee_")]
    bad = [name for name in fees if not FEE.fullmatch(name)]
    if bad:
        raise InputError(
            f"{path}: column {bad[0]!r}: must name its currency by three small letters, as fee_eur_session or fee_eur_kwh"
        )
    if len({FEE.fullmatch(name).group(1) for name in fees}) > 1:
        raise InputError(f"{path}: columns {', '.join(fees)}: a case has one currency; give all fees in it")
    stations = pd.DataFrame(table.values)
    for name in ("x", "y"):
        stations[name] = stations.get(name, np.nan)
    rows = [
        (name, _meaning(name), FEE.sub(_fee_unit, name) if name in fees else _STATION[name].unit)
        for name in table.values
    ]
    return stations, report_of((*row, len(table)) for row in rows)


def _meaning(name: str) -> str:
    found = FEE.fullmatch(name)
    return {"session": "fee paid once", "kwh": "fee for the energy wanted"}[found.group(2)] if found else name


def _fee_unit(match) -> str:
    return match.group(1).upper() + ("/kWh" if match.group(2) == "kwh" else "")
