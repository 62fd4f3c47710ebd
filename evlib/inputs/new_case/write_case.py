"""A folder with a case of one's own: tables of what was read, and a commented file that names what to change.

The file is longer than others because a case is matched and written from the same tables, described here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.feeders.feeder_file import FeederFile, write_feeders
from evlib.inputs.fleets.session_fleet import SessionFleet
from evlib.inputs.new_case.case_text import case_text, day_of
from evlib.inputs.new_case.matching import connected_part, listed, match_stations, spread, usual_distance
from evlib.inputs.new_case.whole_folder import whole_folder
from evlib.inputs.roads.road_file import RoadFile, write_roads

__all__ = ["CaseTables", "farms_of_file", "fill_folder", "match_case", "with_profile", "write_case"]

N_STATIONS, PLUGS, PLUG_KW = 4, 20, 60.0
# One origin for so many nodes, but not fewer or more than these.
NODES_AN_ORIGIN, FEWEST_ORIGINS, MOST_ORIGINS = 40, 12, 100
STATION_COLUMNS = ("station", "node", "bus", "plugs", "plug_kw", "site_kw", "x", "y", "node_distance", "bus_distance")
# Column of the profile for farms that are available at all times.
ALWAYS = "always_pu"
FEE = re.compile(r"fee_([a-z]{3})_(session|kwh)")


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
    assumed : dict of str -> tuple of str
        The same for the tables ``stations`` and ``origins``, in a few words each.
    """

    roads: RoadFile
    feeders: FeederFile
    origins: pd.DataFrame
    stations: pd.DataFrame
    notes: tuple[str, ...]
    trips: pd.DataFrame | None = None
    assumed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def fees(self) -> tuple[str, ...]:
        """Columns of the stations with fees, such as ``fee_eur_kwh``."""
        return tuple(name for name in self.stations if FEE.fullmatch(name))

    @property
    def currency(self) -> str:
        """Currency of the fees; CNY where there are none."""
        return next((FEE.fullmatch(name).group(1).upper() for name in self.fees), "CNY")


def match_case(
    roads: RoadFile,
    feeders: FeederFile,
    stations: pd.DataFrame | None,
    *,
    most_distance: float | None = None,
    where="stations",
    n_stations: int | None = None,
    trips: pd.DataFrame | None = None,
    shares: dict[str, float] | None = None,
) -> CaseTables:
    """Match roads, stations and feeders to each other.

    Parameters
    ----------
    roads : RoadFile
    feeders : FeederFile
    stations : DataFrame or None
        From :func:`evlib.inputs.new_case.sources.station_source`; by default some nodes far from each other.
    most_distance : float, optional
        As for :func:`evlib.inputs.new_case.matching.match_stations`; by default
        :func:`evlib.inputs.new_case.matching.usual_distance`.
    where : str
        Name of the stations' file in messages.
    n_stations : int, optional
        How many, where no stations are given; by default 4, or as many as there are nodes.
    trips : DataFrame, optional
        A fleet as trips; their origins and destinations are road nodes.
    shares : dict of str -> float, optional
        Nodes at which trips begin, and how many; by default the zones of the roads, with equal shares.

    Returns
    -------
    CaseTables

    Raises
    ------
    InputError
        Origins of trips that are no nodes, stations that cannot be matched, none wanted or more than there are nodes, or a
        zone of the roads that is not connected with the others.
    """
    among, notes = connected_part(roads.links, roads.ends_only), []
    assumed: dict[str, list[str]] = {"stations": [], "origins": []}
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
        n_stations = min(N_STATIONS, len(among)) if n_stations is None else n_stations
        if not 1 <= n_stations <= len(among):
            raise InputError(
                f"--n-stations {n_stations}: must be 1 to {len(among)}, the road nodes that are connected with each other in "
                "both directions"
            )
        chosen = spread(roads.nodes, among, n_stations)
        stations = pd.DataFrame({"station": [f"s_{node}" for node in chosen], "node": chosen})
        notes.append(f"no stations were given: {len(chosen)} nodes far from each other have {PLUGS} plugs each")
        assumed["stations"].append(f"{len(chosen)} nodes far from each other")
    distance, limit = usual_distance(roads.nodes, roads.unit)
    if most_distance is not None:
        distance, limit = most_distance, f"{most_distance:g} {roads.unit}".strip()
    matched = match_stations(
        stations, roads.nodes, feeders.buses, among, most_distance=distance, limit=limit, where=where
    )
    if "bus" not in stations:
        far = float(matched["bus_distance"].max())
        by = "the loaded buses in turn, as buses have no place"
        if np.isfinite(far):
            by = f"the nearest loaded bus, at most {far:.4g} {roads.unit}".strip() + " away"
        notes.append(f"stations without a bus: each has {by}")
        assumed["stations"].append(by)
    for column, value in (("plugs", PLUGS), ("plug_kw", PLUG_KW)):
        if column not in matched:
            matched[column] = value
            notes.append(f"stations: {column} was not given: {value:g}")
            assumed["stations"].append(f"{column} {value:g}")
    if trips is not None:
        for column in ("origin", "destination"):
            named = list(dict.fromkeys(trips.get(column, ())))
            lost = [node for node in named if node not in among]
            if lost:
                raise InputError(
                    f"trips: {column} {listed(lost, 10)} is no road node, or not connected in both directions with the others"
                )
        starts = list(dict.fromkeys(trips["origin"]))
        origins = pd.DataFrame({"origin": starts, "node": starts})
        return _tables(roads, feeders, origins, matched, notes, trips, assumed)
    free = among - set(matched["node"]) or among
    wanted = tuple(shares or roads.zones)
    zones = [zone for zone in wanted if zone in among]
    lost = [zone for zone in wanted if zone not in among]
    if lost:
        role = "trips: origins" if shares else "roads: zones"
        raise InputError(
            f"{role} {listed(lost, 10)} are no road nodes, or not connected in both directions with the others"
        )
    if not zones:
        number = min(max(len(among) // NODES_AN_ORIGIN, FEWEST_ORIGINS), MOST_ORIGINS)
        zones = spread(roads.nodes, free, number)
        notes.append(f"no zones were given: {len(zones)} nodes far from each other are origins of equal shares")
        assumed["origins"].append(f"{len(zones)} nodes far from each other, equal shares")
    elif not shares:
        notes.append(f"no trips were given: the {len(zones)} zones of the roads are origins of equal shares")
        assumed["origins"].append("equal shares of all zones")
    origins = pd.DataFrame({"origin": [f"o_{zone}" for zone in zones], "node": zones, "share": 1.0})
    if shares:
        origins["share"] = [shares[zone] for zone in zones]
    return _tables(roads, feeders, origins, matched, notes, None, assumed)


def _tables(roads, feeders, origins, stations, notes, trips, assumed) -> CaseTables:
    phrases = {name: tuple(texts) for name, texts in assumed.items() if texts}
    return CaseTables(roads, feeders, origins, stations, tuple(notes), trips, phrases)


def write_case(
    folder: str | Path,
    tables: CaseTables,
    *,
    roads_from: str,
    feeders_from: str,
    sessions: SessionFleet | None = None,
    vehicles=None,
) -> Path:
    """Write a case's folder, whole or not at all.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; it may not hold a case already.
    tables : CaseTables
    roads_from, feeders_from : str
        Names of the sources, for the description.
    sessions : SessionFleet, optional
        A fleet like that of measured sessions.
    vehicles : float, optional
        Vehicles of the day; by default as many as sessions on a mean day, or else as plugs.

    Returns
    -------
    Path
        The case's YAML file.

    Raises
    ------
    InputError
        The folder holds a case, or a file that would be replaced.
    """
    with whole_folder(folder) as place:
        fill_folder(
            place,
            folder,
            tables,
            roads_from=roads_from,
            feeders_from=feeders_from,
            sessions=sessions,
            vehicles=vehicles,
        )
    return Path(folder) / "case.yaml"


def fill_folder(
    place: Path,
    folder: str | Path,
    tables: CaseTables,
    *,
    roads_from: str,
    feeders_from: str,
    sessions: SessionFleet | None = None,
    vehicles=None,
) -> Path:
    """Write what :func:`write_case` writes to another place, until more is added or everything is checked.

    Parameters
    ----------
    place : Path
        Where to write.
    folder : str or Path
        The case's folder, named in its file.
    tables, roads_from, feeders_from, sessions, vehicles
        As for :func:`write_case`.

    Returns
    -------
    Path
        The case's YAML file, in its present place.
    """
    write_roads(tables.roads, place)
    feeders = with_profile(tables.feeders)
    write_feeders(feeders, place)
    columns = [name for name in (*STATION_COLUMNS, *tables.fees) if name in tables.stations]
    columns = [name for name in columns if tables.stations[name].notna().all()]
    stations = tables.stations[columns].round({"node_distance": 3, "bus_distance": 3})
    day = day_of(sessions)
    written = {"stations": stations, "origins": tables.origins, "trips": tables.trips}
    if sessions is not None:
        written["departures"] = _hourly(sessions, tables.origins["origin"].tolist())
    for name, table in written.items():
        if table is not None:
            write_text(place / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    classes = ["car"]
    if tables.trips is not None:
        classes = list(dict.fromkeys(tables.trips.get("class", classes)))
    text = case_text(
        Path(folder),
        roads_from=roads_from,
        feeders_from=feeders_from,
        classes=classes,
        plug_kw=float(tables.stations["plug_kw"].max()),
        plugs=float(tables.stations["plugs"].sum()),
        root_pu=tables.feeders.root_pu,
        day=day,
        vehicles=vehicles,
        sessions=sessions,
        trips=tables.trips is not None,
        currency=tables.currency,
        origins_assumed=", ".join(tables.assumed.get("origins", ())),
        stations_assumed=", ".join(tables.assumed.get("stations", ())),
        own_feeders=feeders.feeders is not None,
        farms=farms_of_file(tables),
        profile_of_file=None if feeders.profile is None else tables.feeders.profile is not None,
    )
    file = place / "case.yaml"
    write_text(file, text)
    return file


def _hourly(sessions: SessionFleet, origins: list[str]) -> pd.DataFrame:
    """Departures of every origin by hour of the day."""
    clock = [f"2026-01-05 {hour:02d}:00:00" for hour in range(24)]
    return pd.DataFrame({"time": clock} | dict.fromkeys(origins, sessions.hourly.round(6)))


def farms_of_file(tables: CaseTables) -> bool | None:
    """Whether a file says when farms are available; None if there are none."""
    farms = tables.feeders.farms
    return None if farms is None else "column" in farms


def with_profile(feeders: FeederFile) -> FeederFile:
    """The feeders with a profile for their farms, which are available at all times until somebody says when."""
    if feeders.farms is None or "column" in feeders.farms:
        return feeders
    profile = feeders.profile
    if profile is None:
        profile = pd.DataFrame({"time": [f"2026-01-05 {hour:02d}:00:00" for hour in range(24)], "load_pu": 1.0})
    return replace(feeders, profile=profile.assign(**{ALWAYS: 1.0}), farms=feeders.farms.assign(column=ALWAYS))
