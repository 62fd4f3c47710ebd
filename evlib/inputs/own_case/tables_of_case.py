"""The tables of a case of one's own, for any validated variant of it."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from evlib.errors import InputError
from evlib.inputs.own_case.case_feeders import CaseFeeders
from evlib.inputs.own_case.case_tables import CaseRoads, place_of
from evlib.inputs.own_case.demand_of_case import CaseDemand
from evlib.inputs.own_case.feeder_table import FeederTable
from evlib.inputs.own_case.profiles import profiles_by_step
from evlib.inputs.own_case.roads_of_case import refuse_absurd_values
from evlib.inputs.road_files.lengths import road_lengths
from evlib.inputs.road_files.room import RoadColumns
from evlib.inputs.scenario_tables import Tables

__all__ = ["CaseTables"]


class CaseTables:
    """Makes the tables of a scenario; called with its validated sections and its file."""

    def __init__(
        self,
        folder: Path,
        roads: CaseRoads,
        feeders: CaseFeeders,
        plug_kw,
        scales,
        nearest: int,
        demand: CaseDemand,
        fees=None,
        own_feeders: FeederTable | None = None,
    ):
        self.folder, self.roads, self.feeders = folder, roads, feeders
        self.plug_kw, self.scales, self.nearest = plug_kw, scales, nearest
        self.demand, self.fees, self.own_feeders = demand, fees, own_feeders

    def __call__(self, spec, file: Path) -> Tables:
        roads, feeder, grid = self.roads, self._scaled(spec.grid), spec.grid
        if self.plug_kw is not None and len(self.plug_kw) != len(spec.stations):
            raise InputError(
                f"{file}: stations: {len(spec.stations)}; must be the {len(self.plug_kw)} of its stations_file"
            )
        refuse_absurd_values(spec, roads, file)
        self._refuse_fees(spec, file)
        load, farms = self._profiles(spec)
        rating = self.feeders.rating_mva
        arrays = {
            "link_tail": roads.tail,
            "link_head": roads.head,
            "link_free_flow_min": roads.free_flow_min,
            "od_origin": np.zeros(0, dtype=int),
            "od_destination": np.zeros(0, dtype=int),
            "od_demand_veh": np.zeros(0),
            "node": roads.node,
            "node_x": roads.x,
            "node_y": roads.y,
            "load_pu": load,
            "available_pu": farms,
            "rating_mva": np.where(np.isnan(rating), np.inf, rating),
            "tie": _ties(grid.zones, feeder, file),
            "link_capacity_veh_h": roads.capacity_veh_h,
            "station_plug_kw": self.plug_kw,
            **self._lengths_and_room(spec, file),
            "ends_only": np.array(roads.ends_only) if roads.ends_only else None,
            **self._of_feeders(spec, feeder, file),
            "station_fee": self.fees,
            "trip_share": self.demand.trip_share(spec, file),
            "origin_profile": self.demand.origin_profile(spec, file),
        }
        digest = hashlib.sha256()
        for name in sorted(arrays):
            if arrays[name] is not None:
                arrays[name].setflags(write=False)
                digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
        for field_ in fields(feeder):
            if getattr(feeder, field_.name) is None:
                continue
            digest.update(field_.name.encode() + np.ascontiguousarray(getattr(feeder, field_.name)).tobytes())
        digest.update(f"nearest {self.nearest}".encode())
        return Tables(feeder=feeder, content_hash=digest.hexdigest(), nearest_stations=self.nearest, **arrays)

    def _lengths_and_room(self, spec, file: Path) -> dict:
        """Lengths of roads, and their lanes where a jam density says how many vehicles stand on one."""
        roads = self.roads
        capacity = spec.roads.capacity_veh_h if roads.capacity_veh_h is None else roads.capacity_veh_h
        columns = RoadColumns(
            roads.table.path, roads.tail, roads.head, roads.free_flow_min, capacity, roads.length_km, roads.lanes
        )
        lengths = road_lengths(spec, columns, file)
        return lengths | ({} if spec.roads.jam_veh_km_lane is None else {"link_lanes": roads.lanes})

    def _refuse_fees(self, spec, file: Path) -> None:
        """Fees are what drivers pay to stations; where they do not steer drivers, they would be ignored."""
        if self.fees is None:
            return
        if spec.switches.objective == "system":
            raise InputError(
                f"{file}: switches.objective: 'system' with fees of stations: a fee is a payment and no cost of the system; "
                "must be 'user', or remove the columns of fees"
            )
        driving = [item.name for item in spec.fleet.classes if item.drive_kwh_km]
        if driving and self.fees[1].any():
            raise InputError(
                f"{file}: fleet.classes.{driving[0]}.drive_kwh_km: with a fee per kWh the energy that vehicles come for must "
                "be that of their class: set it to 0, or give a fee per session"
            )

    def _of_feeders(self, spec, feeder, file: Path) -> dict:
        """Branches at the root and tariffs of feeders, where a table says that they have some of their own."""
        own, named = self.own_feeders, [tariff.name for tariff in spec.prices.feeder_tariffs or ()]
        if own is None:
            if named:
                raise InputError(
                    f"{file}: prices.feeder_tariffs: {named[0]} without grid.feeders_file, which says whose it is"
                )
            return {}
        position = {bus: place for place, bus in enumerate(feeder.bus.tolist())}
        branch = np.array([position[root] - 1 for root in own.roots])
        return {"feeder_branch": branch, "feeder_tariff": own.tariffs(named, file)}

    def _scaled(self, grid):
        """The feeder as it was read, or scaled otherwise where a variant of the case asks for it."""
        feeder, (load, divisor) = self.feeders.feeder, self.scales
        if self.own_feeders is not None:
            feeder = self.own_feeders.at_root_voltages(feeder, self.feeders.zones, grid.root_voltage_pu)
        if (grid.load_scale, grid.impedance_divisor) == self.scales:
            return feeder
        values = {name: getattr(feeder, name) * (grid.load_scale / load) for name in ("load_kw", "load_kvar")}
        values |= {name: getattr(feeder, name) * (divisor / grid.impedance_divisor) for name in ("r_pu", "x_pu")}
        for value in values.values():
            value.setflags(write=False)
        return replace(feeder, **values)

    def _profiles(self, spec) -> tuple[np.ndarray, np.ndarray]:
        grid, n_steps = spec.grid, spec.time.n_steps
        columns = {farm.column: f"grid.farms.{farm.name}.column" for farm in grid.farms}
        if not grid.profiles_file:
            if columns:
                raise InputError(f"grid.profiles_file: missing; {next(iter(columns.values()))} needs it")
            return np.ones(n_steps), np.zeros((0, n_steps))
        path = place_of(self.folder, "grid.profiles_file", grid.profiles_file)
        table = profiles_by_step(path, columns | {grid.load_column: "grid.load_column"}, spec.time)
        farms = np.array([table[farm.column] for farm in grid.farms]).reshape(len(grid.farms), n_steps)
        return table[grid.load_column], farms


def _ties(zones, feeder, file: Path) -> np.ndarray:
    """The one branch on which each zone hangs."""
    ties = []
    for zone in zones:
        inside = np.isin(feeder.bus, zone.buses)
        missing = sorted(set(zone.buses) - set(feeder.bus.tolist()))
        if missing:
            raise InputError(f"{file}: grid.zones.{zone.name}.buses: {missing[0]} is no bus of the feeders")
        crossing = np.flatnonzero(inside[feeder.branch_from] != inside[feeder.branch_to])
        if len(crossing) != 1 or inside[0]:
            raise InputError(
                f"{file}: grid.zones.{zone.name}.buses: {len(crossing)} lines leave the zone; a zone must be connected and hang "
                "on exactly one line"
            )
        ties.append(int(crossing[0]))
    return np.array(ties, dtype=int)
