"""A city as a case: roads, stations and feeders of files, or made by a seed, with the assumptions of a whole day.

What the sources say is kept: roads, stations and where they hang, feeders, loads and their profile. The rest is assumed
by the rules of the base case: classes of vehicles, plugs in proportion to the peak of an even spread, and limits of each
feeder's connection in proportion to its load and vehicles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.files import write_text
from evlib.inputs.build_roads import departure_profile
from evlib.inputs.feeders.feeder_file import write_feeders
from evlib.inputs.new_case.case_text import farms_line
from evlib.inputs.new_case.synthetic_city import CitySize, synthetic_feeders, synthetic_roads, synthetic_stations
from evlib.inputs.new_case.whole_folder import whole_folder
from evlib.inputs.new_case.write_case import CaseTables, farms_of_file, match_case, with_profile
from evlib.inputs.roads.road_file import write_roads

__all__ = [
    "CityAssumptions",
    "even_peak_veh",
    "fill_city_folder",
    "notes_of_city",
    "stations_of_city",
    "synthetic_tables",
    "write_city",
]

# What a city takes of its stations; plugs and their power follow from its assumptions.
STATION_COLUMNS = ("station", "node", "bus", "x", "y")
STEP_MIN, N_STEPS, LAST_DEPARTURE, PEAK_MIN, WIDTH_MIN = 5, 96, 65, 120.0, 60.0
# Class: share, battery [kWh], power [kW], stay [min], gain [1], value of time [CNY/h], peak over mean.
CLASSES = {
    "private": (0.60, 60, 22, 90, 0.3, 30, 1.7),
    "ride_hail": (0.25, 60, 60, 60, 0.4, 40, 1.7),
    "bus": (0.15, 250, 60, 120, 0.2, 50, 1.2),
}
# A feeder may import so many times its largest load and the mean power of its vehicles; it may export, and its backup
# gives, this much [MW].
IMPORT_FACTOR, EXPORT_MW, BACKUP_MW = 1.3, 2, 2


@dataclass(frozen=True)
class CityAssumptions:
    """What no file of a city says.

    Attributes
    ----------
    vehicles : float
    plug_factor : float
        Plugs of all stations together over the largest number plugged in if vehicles spread evenly; the base case has 1.6.
    lane_veh_h : float
        Capacity that is left to these vehicles on a lane [veh/h].
    nearest_stations : int
        Stations that drivers of an origin choose among at first.
    objective : {"system", "user"}
    """

    vehicles: float = 20_000.0
    plug_factor: float = 1.6
    lane_veh_h: float = 100.0
    nearest_stations: int = 10
    objective: str = "system"

    def __post_init__(self):
        for name in ("vehicles", "plug_factor", "lane_veh_h", "nearest_stations"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"city: {name} = {getattr(self, name)}; must be above 0")


def synthetic_tables(size: CitySize, assumed: CityAssumptions) -> CaseTables:
    """Tables of a synthetic city, see :mod:`evlib.inputs.new_case.synthetic_city`."""
    roads, feeders = synthetic_roads(size, assumed.lane_veh_h), synthetic_feeders(size)
    return match_case(roads, feeders, synthetic_stations(size, roads, feeders))


def even_peak_veh(vehicles: float) -> float:
    """Largest number plugged in at a time, if all vehicles plug in as they depart [veh]."""
    occupied = np.zeros(N_STEPS)
    for share, _, _, stay_min, _, _, peak in CLASSES.values():
        profile = departure_profile(STEP_MIN, LAST_DEPARTURE + 1, PEAK_MIN, WIDTH_MIN, peak)
        come = np.concatenate([vehicles * share * profile, np.zeros(N_STEPS - len(profile))]).cumsum()
        stay = stay_min // STEP_MIN
        occupied += come - np.concatenate([np.zeros(stay), come[:-stay]])
    return float(occupied.max())


def write_city(folder: str | Path, tables: CaseTables, assumed: CityAssumptions, source: str) -> Path:
    """Write a city's case.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; it may not hold a case already.
    tables : CaseTables
    assumed : CityAssumptions
    source : str
        Where roads, stations and feeders are from.

    Returns
    -------
    Path
        The case's YAML file.

    Raises
    ------
    InputError
        The folder holds a case, or a feeder has no name to tell it by.
    """
    with whole_folder(folder) as place:
        fill_city_folder(place, folder, tables, assumed, source)
    return Path(folder) / "case.yaml"


def fill_city_folder(
    place: Path, folder: str | Path, tables: CaseTables, assumed: CityAssumptions, source: str
) -> Path:
    """Write what :func:`write_city` writes to another place, until it is checked; the file in its present place."""
    links = tables.roads.links.copy()
    if "lanes" in links:
        links["capacity_veh_h"] = links["lanes"] * assumed.lane_veh_h
    write_roads(replace(tables.roads, links=links), place)
    feeders = with_profile(tables.feeders)
    write_feeders(replace(feeders, feeders=None), place)  # backup and voltages at roots are assumed, too
    plugs = max(round(assumed.plug_factor * even_peak_veh(assumed.vehicles) / len(tables.stations)), 1)
    columns = [name for name in STATION_COLUMNS if name in tables.stations]
    stations = tables.stations[columns].assign(plugs=plugs, plug_kw=60.0)
    for name, table in (("stations", stations), ("origins", tables.origins)):
        write_text(place / f"{name}.csv", table.to_csv(index=False, lineterminator="\n"))
    file = place / "case.yaml"
    write_text(file, _text(Path(folder), tables, stations, assumed, source))
    return file


def _text(folder: Path, tables: CaseTables, stations: pd.DataFrame, assumed: CityAssumptions, source: str) -> str:
    classes = "\n".join(
        f"    {name}: {{share: {share}, battery_kwh: {battery}, charge_kw: {kw}, discharge_kw: {kw}, stay_min: {stay}, "
        f"soc_arrival: 0.45, gain_share: {gain}, vot_cny_h: {vot}, peak_over_mean: {peak}}}"
        for name, (share, battery, kw, stay, gain, vot, peak) in CLASSES.items()
    )
    zones = "\n".join(
        f"    {name}: {{buses: {buses}, import_limit_mw: {limit}, export_limit_mw: {EXPORT_MW}, backup_mw: {BACKUP_MW}}}"
        for name, buses, limit in _feeder_limits(tables, stations, assumed.vehicles)
    )
    profile = "" if with_profile(tables.feeders).profile is None else "  profiles_file: profile.csv\n"
    profile += farms_line(farms_of_file(tables))
    return f"""\
# A city: {source}.
# Plugs are {assumed.plug_factor:g} x the peak of an even spread; a feeder imports at most {IMPORT_FACTOR:g} x its load
# and vehicles.
# Coordinate it by evlib.coordination.coordinate.coordinate(evlib.load_scenario(".../case.yaml"), method="city"), or by
# python -m evlib solve .../case.yaml --strategy coordinated --method city, whose tables of all roads and cohorts are large.
own_case: 1
name: {folder.resolve().name.replace(":", "_")}
description: {source}
time:
  {{start_clock: "10:00", step_min: {STEP_MIN}, n_steps: {N_STEPS}, loading_step_s: 30,
   last_departure_step: {LAST_DEPARTURE}}}
roads: {{links_file: links.csv, nodes_file: nodes.csv, nearest_stations: {assumed.nearest_stations}}}
origins_file: origins.csv
stations_file: stations.csv
fleet:
  vehicles: {assumed.vehicles:g}
  peak_clock: "12:00"
  peak_width_min: {WIDTH_MIN:g}
  classes:
{classes}
grid:
  buses_file: buses.csv
  branches_file: branches.csv
{profile}  root_voltage_pu: 1.05
  zones:
{zones}
prices:
  import_tariff:
    morning: {{from_clock: "07:00", price_cny_kwh: 0.45}}
    afternoon: {{from_clock: "14:00", price_cny_kwh: 0.65}}
    night: {{from_clock: "22:00", price_cny_kwh: 0.35}}
switches: {{objective: {assumed.objective}, path_set: generated}}
"""


def _feeder_limits(tables: CaseTables, stations: pd.DataFrame, vehicles: float) -> list[tuple[str, list[int], int]]:
    """Name, buses and import limit [MW] of every feeder, which is named after its root."""
    buses, lines = tables.feeders.buses, tables.feeders.branches
    number = dict(zip(buses["bus"].tolist(), range(len(buses)), strict=True))
    closed = lines[lines["status"] == 1]
    part = _parts(
        len(buses),
        [number[bus] for bus in closed["from_bus"].tolist()],
        [number[bus] for bus in closed["to_bus"].tolist()],
    )
    label = (buses["name"] if "name" in buses else buses["bus"]).astype(str)
    at = stations["bus"].astype(str).map(dict(zip(label, part, strict=True)))
    mean_kwh = sum(share * battery * gain for share, battery, _, _, gain, _, _ in CLASSES.values())
    mean_mw = vehicles * mean_kwh / (N_STEPS * STEP_MIN / 60.0) / 1000.0
    limits = []
    for row in np.flatnonzero(buses["type"] == "slack").tolist():
        inside = buses[part == part[row]]
        share = float((at == part[row]).mean())
        limit = round(IMPORT_FACTOR * (inside["p_kw"].sum() / 1000.0 + share * mean_mw)) + 1
        limits.append((f"feeder_{label.iloc[row]}".replace(".", "_"), inside["bus"].tolist(), limit))
    return limits


def _parts(n: int, one: list[int], two: list[int]) -> np.ndarray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    return connected_components(coo_array((np.ones(len(one)), (one, two)), shape=(n, n)), directed=False)[1]


def stations_of_city(stations: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """What a city takes of a table of stations, and the columns that state something it does not use."""
    idle = [name for name in stations if name not in STATION_COLUMNS and stations[name].notna().any()]
    return stations[[name for name in stations if name in STATION_COLUMNS]], idle


def notes_of_city(tables: CaseTables) -> list[str]:
    """What matching assumed, without the plugs of a case: those of a city follow from its assumptions."""
    return [note for note in tables.notes if not note.startswith("stations: plug")]
