"""A folder with a case of one's own: tables of what was read, and a commented file that names what to change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.feeders.feeder_file import FeederFile, write_feeders
from evlib.inputs.new_case.matching import connected_part, match_stations, spread
from evlib.inputs.roads.road_file import RoadFile, write_roads

__all__ = ["CaseTables", "match_case", "refuse_existing", "with_profile", "write_case"]

N_STATIONS, PLUGS, PLUG_KW = 4, 20, 60.0
# One origin for so many nodes, but not fewer or more than these.
NODES_AN_ORIGIN, FEWEST_ORIGINS, MOST_ORIGINS = 40, 12, 100

_CASE = """\
# A case of one's own. Whatever is left out has a stated default: `python -m evlib check {folder}` lists them.
# Solve it by `python -m evlib solve {folder}/case.yaml --strategy shortest_path --out {folder}/result`
own_case: 1
name: {name}
description: roads from {roads_from}, feeders from {feeders_from}
currency: CNY  # three letters; keys of prices then carry them, as vot_eur_h in EUR

time:
  start_clock: "07:00"  # local time; a horizon may pass midnight
  step_min: 15  # decisions, 1 to 60 min; profiles are brought to it: {rule}
  hours: 12
  loading_step_s: 30  # roads may be shorter

roads:
  links_file: links.csv  # from, to; free_flow_min, or length_km and speed_km_h; capacity_veh_h, or lanes
  nodes_file: nodes.csv  # node, x, y; through: no where no path passes
  nearest_stations: 10  # drivers of an origin choose among so many
origins_file: origins.csv  # {origins}
stations_file: stations.csv  # node, bus, plugs, plug_kw; columns site_kw, fee_cny_session and fee_cny_kwh may be added

fleet:
{demand}  # leave_when_full: true  # a full vehicle frees its plug
  classes:
{classes}
grid:
  buses_file: buses.csv  # one feeder below every slack bus
  branches_file: branches.csv
{profiles}{own}  root_voltage_pu: {root_pu:g}
{farms}  # zones: {{name: {{buses: [1, 2], import_limit_mw: 1, export_limit_mw: 0, backup_mw: 0}}}}  # by default the feeders

prices:
  import_tariff:
    day: {{from_clock: "07:00", price_cny_kwh: 0.7}}
    night: {{from_clock: "22:00", price_cny_kwh: 0.35}}
"""
FARMS_LINE = "  farms_file: farms.csv  # column: of profile.csv, what is available, per unit of the rating\n"
_PROFILE = """\
  vehicles: {vehicles}
  peak_width_min: 90
"""
_TRIPS = """\
  trips_file: trips.csv  # vehicle or count, origin, departure; class, soc and battery_kwh where they differ
"""
_CLASS = """\
    {name}:
      battery_kwh: {battery_kwh:g}
      charge_kw: {charge_kw:g}
      discharge_kw: {discharge_kw:g}  # 0: vehicles never feed back
      stay_min: {stay_min:g}
      soc_arrival: {soc_arrival:g}
      gain_share: {gain_share:g}  # wanted energy as a share of the battery
      vot_cny_h: 30
"""


@dataclass(frozen=True)
class CaseTables:
    """What a new case is made of.

    Attributes
    ----------
    roads : RoadFile
    feeders : FeederFile
    origins : DataFrame
        ``origin``, ``node``, ``share``.
    stations : DataFrame
        ``station``, ``node``, ``bus``, ``plugs``, ``plug_kw``, ``x``, ``y``, ``node_distance``, ``bus_distance``.
    notes : tuple of str
        What was assumed, as sentences.
    trips : DataFrame or None
        A fleet as trips, see :func:`evlib.inputs.new_case.sources.trips_source`; origins then have no ``share``.
    """

    roads: RoadFile
    feeders: FeederFile
    origins: pd.DataFrame
    stations: pd.DataFrame
    notes: tuple[str, ...]
    trips: pd.DataFrame | None = None


def refuse_existing(folder: str | Path) -> None:
    """Refuse a folder that holds a case already."""
    file = Path(folder) / "case.yaml"
    if file.exists():
        raise InputError(f"{file}: there is a case already; choose another folder, or remove it")


def match_case(
    roads: RoadFile,
    feeders: FeederFile,
    stations: pd.DataFrame | None,
    *,
    most_distance=float("inf"),
    where="stations",
    n_stations: int = N_STATIONS,
    trips: pd.DataFrame | None = None,
) -> CaseTables:
    """Match roads, stations and feeders to each other.

    Parameters
    ----------
    roads : RoadFile
    feeders : FeederFile
    stations : DataFrame or None
        From :func:`evlib.inputs.new_case.sources.station_source`; by default some nodes far from each other.
    most_distance : float
        As for :func:`evlib.inputs.new_case.matching.match_stations`.
    where : str
        Name of the stations' file in messages.
    n_stations : int
        How many, where no stations are given.
    trips : DataFrame, optional
        A fleet as trips; their origins are road nodes.

    Returns
    -------
    CaseTables

    Raises
    ------
    InputError
        Origins of trips that are no nodes, stations that cannot be matched, none wanted, or a zone of the roads that is not
        connected with the others.
    """
    if n_stations < 1:
        raise InputError(f"stations: {n_stations} wanted; must be at least 1")
    among, notes = connected_part(roads.links, roads.ends_only), []
    n_left = len({*roads.links["from"], *roads.links["to"]}) - len(among)
    if n_left:
        notes.append(
            f"{n_left} nodes are not connected in both directions with the others; nobody starts or charges there"
        )
    if roads.ends_only:
        notes.append(
            f"at {len(roads.ends_only)} nodes trips begin and end, but no path passes: through is no in nodes.csv"
        )
    if stations is None:
        chosen = spread(roads.nodes, among, n_stations)
        stations = pd.DataFrame({"station": [f"s_{node}" for node in chosen], "node": chosen})
        notes.append(f"no stations were given: {len(chosen)} nodes far from each other have {PLUGS} plugs each")
    if "bus" not in stations:
        notes.append(
            "stations without a bus: each has the nearest loaded bus, or the loaded buses in turn where they have no place"
        )
    matched = match_stations(stations, roads.nodes, feeders.buses, among, most_distance=most_distance, where=where)
    for column, value in (("plugs", PLUGS), ("plug_kw", PLUG_KW)):
        if column not in matched:
            matched[column] = value
            notes.append(f"stations: {column} was not given: {value:g}")
    if trips is not None:
        starts = list(dict.fromkeys(trips["origin"]))
        lost = [node for node in starts if node not in among]
        if lost:
            raise InputError(
                f"trips: origin {', '.join(lost[:10])} is no road node, or not connected in both directions with the others"
            )
        origins = pd.DataFrame({"origin": starts, "node": starts})
        return CaseTables(roads, feeders, origins, matched, tuple(notes), trips)
    free = among - set(matched["node"]) or among
    zones = [zone for zone in roads.zones if zone in among]
    lost = [zone for zone in roads.zones if zone not in among]
    if lost:
        raise InputError(f"roads: zones {', '.join(lost[:10])} are not connected in both directions with the others")
    if not zones:
        number = min(max(len(among) // NODES_AN_ORIGIN, FEWEST_ORIGINS), MOST_ORIGINS)
        zones = spread(roads.nodes, free, number)
        notes.append(f"no zones were given: {len(zones)} nodes far from each other are origins of equal shares")
    origins = pd.DataFrame({"origin": [f"o_{zone}" for zone in zones], "node": zones, "share": 1.0})
    return CaseTables(roads, feeders, origins, matched, tuple(notes))


def write_case(
    folder: str | Path,
    tables: CaseTables,
    *,
    roads_from: str,
    feeders_from: str,
    fleet: dict | None = None,
    vehicles=None,
) -> Path:
    """Write a case's folder.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; it may not hold a case already.
    tables : CaseTables
    roads_from, feeders_from : str
        Names of the sources, for the description.
    fleet : dict, optional
        Values of the class of vehicles, as :func:`evlib.inputs.fleets.session_files.class_of_sessions` gives them.
    vehicles : float, optional
        Vehicles of the day; by default as many as plugs.

    Returns
    -------
    Path
        The case's YAML file.

    Raises
    ------
    InputError
        The folder holds a case.
    """
    refuse_existing(folder)
    folder = Path(folder)
    file = folder / "case.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    write_roads(tables.roads, folder)
    feeders = with_profile(tables.feeders)
    write_feeders(feeders, folder)
    columns = [
        name
        for name in ("station", "node", "bus", "plugs", "plug_kw", "site_kw", "x", "y", "node_distance", "bus_distance")
        if name in tables.stations and tables.stations[name].notna().all()
    ]
    stations = tables.stations[columns].round({"node_distance": 3, "bus_distance": 3})
    write_text(folder / "stations.csv", stations.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "origins.csv", tables.origins.to_csv(index=False, lineterminator="\n"))
    values = {
        "battery_kwh": 60.0,
        "charge_kw": float(tables.stations["plug_kw"].max()),
        "discharge_kw": 0.0,
        "stay_min": 45.0,
        "soc_arrival": 0.4,
        "gain_share": 0.3,
    } | (fleet or {})
    demand = _PROFILE.format(vehicles=f"{float(tables.stations['plugs'].sum() if vehicles is None else vehicles):g}")
    names, shares = ["car"], "node and share of all trips; shares need not sum to 1"
    if tables.trips is not None:
        write_text(folder / "trips.csv", tables.trips.to_csv(index=False, lineterminator="\n"))
        demand, shares = _TRIPS, "node; the trips say how many depart"
        names = list(dict.fromkeys(tables.trips.get("class", names)))
    text = _CASE.format(
        folder=folder,
        name=folder.resolve().name.replace(":", "_"),
        roads_from=roads_from,
        feeders_from=feeders_from,
        rule="a step takes the mean, a day repeats",
        demand=demand,
        origins=shares,
        classes="".join(_CLASS.format(name=name, **values) for name in names),
        profiles="" if feeders.profile is None else "  profiles_file: profile.csv  # all loads follow load_pu\n",
        own=""
        if feeders.feeders is None
        else "  feeders_file: feeders.csv  # root; root_pu, tariff and limits of each\n",
        farms="" if feeders.farms is None else FARMS_LINE,
        root_pu=tables.feeders.root_pu,
    )
    write_text(file, text)
    return file


def with_profile(feeders: FeederFile) -> FeederFile:
    """The feeders with a profile for their farms, which are available at all times until somebody says when."""
    if feeders.farms is None:
        return feeders
    profile = feeders.profile
    if profile is None:
        profile = pd.DataFrame({"time": [f"2026-01-05 {hour:02d}:00:00" for hour in range(24)], "load_pu": 1.0})
    return replace(feeders, profile=profile.assign(always_pu=1.0), farms=feeders.farms.assign(column="always_pu"))
