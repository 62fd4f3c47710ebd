"""A case of one's own as a whole scenario: the file's values in the study's names, the defaults, and the tables."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.own_case.case_feeders import CaseFeeders, read_feeders, with_sites
from evlib.inputs.own_case.case_tables import FEES, CaseRoads, place_of, read_origins, read_stations
from evlib.inputs.own_case.demand_of_case import CaseDemand, refuse_idle_peaks
from evlib.inputs.own_case.farms import place_farms, read_farms
from evlib.inputs.own_case.feeder_table import read_feeder_table, wide_limits
from evlib.inputs.own_case.roads_of_case import roads_of_case
from evlib.inputs.own_case.stated import DEFAULTS, completed, in_study_names, loose, refuse_blocks_alone, renamed
from evlib.inputs.own_case.tables_of_case import CaseTables
from evlib.inputs.own_case.trips import Trips, read_trips
from evlib.inputs.own_case.whole_time import leave_when_full, whole_time
from evlib.inputs.reading.provenance import Provenance, split_provenance
from evlib.inputs.reading.tables import Table

__all__ = ["OwnCase", "expand"]

VERSION = 1
CURRENCY = re.compile(r"[A-Z]{3}")
_FILES = ("origins_file", "stations_file", "departures_file")


@dataclass(frozen=True)
class OwnCase:
    """What a case's file says, in the names of the study.

    Attributes
    ----------
    values : dict
        Sections of a scenario with plain values.
    provenance : dict of str -> Provenance
        Of the values that the file states as ``{value, unit, ...}``.
    currency : str
    defaulted : tuple of str
        Dotted names of what the file leaves out, as it would write them.
    rounded : tuple of str
        What was rounded, as sentences.
    tables_for : callable
        ``tables_for(spec)`` gives the :class:`Tables` of a validated scenario.
    roads : CaseRoads
    feeders : CaseFeeders
    stations : Table or None
        Stations as read, where they are in a table.
    """

    values: dict
    provenance: dict[str, Provenance]
    currency: str
    defaulted: tuple[str, ...]
    rounded: tuple[str, ...]
    tables_for: Callable
    roads: CaseRoads = field(repr=False)
    feeders: CaseFeeders = field(repr=False)
    stations: Table | None = field(repr=False, default=None)

    def in_own_words(self, text: str) -> str:
        """A message on the scenario in the keys and units of the case's file."""
        return renamed(text, "cny", self.currency.lower()).replace("CNY", self.currency)


def expand(raw: dict, file: Path) -> OwnCase:
    """Complete a case by defaults and read its tables.

    Parameters
    ----------
    raw : dict
        Content of the file.
    file : Path
        Its path; file names inside are relative to it.

    Returns
    -------
    OwnCase

    Raises
    ------
    InputError
        An unknown version or currency, a key in another currency, a table that is refused.
    """
    raw = dict(raw)
    version = raw.pop("own_case")
    if isinstance(version, bool) or version != VERSION:
        raise InputError(
            f"{file}: own_case: must be {VERSION}, the version of this format, not {version!r}: `python -m evlib new` writes "
            "such files, `python -m evlib convert FILE FOLDER` makes one of a scenario in the study's format, without own_case"
        )
    currency = raw.pop("currency", "CNY")
    if not (isinstance(currency, str) and CURRENCY.fullmatch(currency)):
        raise InputError(f"{file}: currency: {currency!r}; must be three capital letters, such as EUR")
    if raw.get("provenance"):
        raise InputError(
            f"{file}: provenance: unknown key; state {{value, unit, source, range}} beside a value instead"
        )
    if isinstance(raw.get("roads"), dict) and "od_file" in raw["roads"]:
        raise InputError(f"{file}: roads.od_file: unknown key; a case of one's own has no traffic beside its fleet")
    files = {key: raw.pop(key, None) for key in _FILES}
    provenance: dict[str, Provenance] = {}
    stated = in_study_names(split_provenance(loose(raw, "", file), "", provenance, file), currency, "", file)
    provenance = {
        renamed(name, currency.lower(), "cny"): replace(origin, unit=origin.unit.replace(currency, "CNY"))
        for name, origin in provenance.items()
    }
    for key in ("grid", "fleet", "time", "roads", "prices"):
        if not isinstance(stated.get(key, {}), dict):
            raise InputError(f"{file}: {key}: must be a mapping of its fields")
    refuse_blocks_alone(stated.get("prices", {}), file)
    folder, table_of_farms = file.parent, None
    if "farms_file" in stated.get("grid", {}):
        if "farms" in stated["grid"]:
            raise InputError(f"{file}: grid.farms_file: beside grid.farms; keep one of the two")
        path = place_of(folder, "grid.farms_file", stated["grid"].pop("farms_file"))
        stated["grid"]["farms"], table_of_farms = read_farms(path)
    defaulted: list[str] = []
    values = completed(DEFAULTS, stated, "", defaulted)
    values.setdefault("name", file.stem)
    trips = None
    if "trips_file" in values["fleet"]:
        path = place_of(folder, "fleet.trips_file", values["fleet"].pop("trips_file"))
        trips = read_trips(path, values["fleet"], stated["fleet"], file)
        values["fleet"] |= {"vehicles": float(trips.count.sum())} | (
            {"classes": trips.classes} if trips.classes else {}
        )
    roads = roads_of_case(values["roads"], stated.get("roads", {}), defaulted, file)
    grid = values["grid"]
    feeders = read_feeders(
        place_of(folder, "grid.buses_file", grid["buses_file"]),
        place_of(folder, "grid.branches_file", grid["branches_file"]),
        load_scale=grid["load_scale"],
        impedance_divisor=grid["impedance_divisor"],
    )
    own_feeders = None
    if "feeders_file" in grid:
        path = place_of(folder, "grid.feeders_file", grid.pop("feeders_file"))
        own_feeders = read_feeder_table(path, feeders)
    nearest = values["roads"].pop("nearest_stations")
    if isinstance(nearest, bool) or not isinstance(nearest, int) or nearest < 1:
        raise InputError(f"{file}: roads.nearest_stations: {nearest!r}; must be a whole number of at least 1")
    nodes = {*roads.tail.tolist(), *roads.head.tolist()}
    if "origins" not in values:
        path = place_of(folder, "origins_file", files["origins_file"] or "origins.csv")
        values["origins"] = read_origins(path, nodes, shares=trips is None)
    if trips is not None and "destination" in trips.table.values:
        _go_on(values, trips, nodes, defaulted)
    if trips is not None:
        for group, column in (("origins", "origin"), ("destinations", "destination")):
            _say_shares(values, group, trips, column, file)
    departures = None
    if files["departures_file"] is not None:
        departures = place_of(folder, "departures_file", files["departures_file"])
        if trips is not None:
            raise InputError(f"{file}: departures_file: fleet.trips_file says who departs when; remove one of the two")
        refuse_idle_peaks(departures, values["origins"], stated.get("fleet", {}), file)
    plug_kw, fees, table = None, None, None
    if "stations" not in values:
        path = place_of(folder, "stations_file", files["stations_file"] or "stations.csv")
        values["stations"], table = read_stations(path, nodes, feeders.bus_number, currency)
        plug_kw = table.values.get("plug_kw")
        columns = [f"fee_{currency.lower()}_{per}" for per in FEES]
        if any(name in table.values for name in columns):
            fees = np.array([table.values.get(name, np.zeros(len(table))) for name in columns])
        before = [station["bus"] for station in values["stations"].values()]
        feeders, at = with_sites(feeders, before, table.values.get("site_kw", np.full(len(table), np.nan)))
        for station, bus in zip(values["stations"].values(), at, strict=True):
            station["bus"] = bus
        _move_into_zones(grid.get("zones"), before, at)
    full = leave_when_full(values["fleet"], values["time"], plug_kw, file)
    values["time"], notes = whole_time(values["time"], values["fleet"], trips, file, defaulted)
    notes += full
    notes += trips.notes if trips else ()
    if not grid.get("zones", True):
        raise InputError(f"{file}: grid.zones: empty; name at least one, or leave the key out for one zone a feeder")
    wide_limits(values, feeders, plug_kw, own_feeders, defaulted, file)
    place_farms(grid, feeders, file, table_of_farms)
    scales = (grid["load_scale"], grid["impedance_divisor"])
    said = {key: copy.deepcopy(values[key]) for key in ("fleet", "origins", "destinations") if key in values}
    demand = CaseDemand(trips, departures, said)
    tables_for = CaseTables(folder, roads, feeders, plug_kw, scales, nearest, demand, fees, own_feeders)
    return OwnCase(values, provenance, currency, tuple(defaulted), tuple(notes), tables_for, roads, feeders, table)


def _go_on(values: dict, trips: Trips, nodes: set[str], defaulted: list[str]) -> None:
    """Trips with destinations go on there, and the destinations are those of the table, unless the file says otherwise."""
    if isinstance(values["switches"], dict) and "trip_end" not in values["switches"]:
        values["switches"]["trip_end"] = "destination"
        defaulted.append("switches.trip_end")
    if "destinations" not in values and isinstance(values["origins"], dict):
        values["destinations"] = trips.destinations(values["origins"], nodes)
        defaulted.append("destinations")


def _say_shares(values: dict, group: str, trips: Trips, column: str, file: Path) -> None:
    """Shares of origins or destinations as the trips say them; a case may not say them again."""
    if column not in trips.table.values or not isinstance(values.get(group), dict):
        return
    what = {"origins": "an origin of the case", "destinations": "a destination of the case"}[group]
    trips.positions(column, list(values[group]), what)
    shares = trips.share_of(column)
    for name, member in values[group].items():
        if not isinstance(member, dict):
            continue
        if "share" in member:
            raise InputError(f"{file}: {group}.{name}.share: {trips.table.path.name} says it; remove one of the two")
        member["share"] = shares.get(name, 0.0)


def _move_into_zones(zones, before: list[int], at: list[int]) -> None:
    """A station's connection of its own lies in the zone that the file states for the station's bus."""
    for zone in zones.values() if isinstance(zones, dict) else ():
        if isinstance(zone, dict) and isinstance(zone.get("buses"), list):
            inside = zone["buses"]
            zone["buses"] = inside + [new for old, new in zip(before, at, strict=True) if new != old and old in inside]
