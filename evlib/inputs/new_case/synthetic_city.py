"""A city made by a seed, of the size and statistics of V2Sim's Nanjing, for everybody who has no files of a city.

Streets run one way in turn, as in many cities; those at the border and every tenth have both ways. Distances between
streets are spread as widely as the lengths of Nanjing's roads, and speeds, lanes and feeders have its shares (V2Sim,
Qian et al. 2025, https://github.com/fmy-xfk/v2sim; roads there are of OpenStreetMap and are not copied here).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from evlib.errors import InputError
from evlib.folders import DATA
from evlib.inputs.feeders.feeder_file import FeederFile
from evlib.inputs.roads.road_file import RoadFile

__all__ = ["CitySize", "synthetic_feeders", "synthetic_roads", "synthetic_stations"]

# Shares of speeds [km/h] and lanes among the streets, and the mean length of a road [km].
SPEEDS_KM_H, SPEED_SHARES = (100.0, 80.0, 50.0, 10.0), (0.35, 0.22, 0.33, 0.1)
LANES, LANE_SHARES = (1, 2, 3, 4), (0.71, 0.16, 0.08, 0.05)
ROAD_KM, LENGTH_SPREAD = 0.16, 0.8
# Every so many streets there is one with both ways.
BOTH_WAYS = 9
# Feeders are the 33-bus system at this voltage, with its loads times this.
FEEDER_KV, LOAD_FACTOR = 35.0, 2.5
# Load by hour over its largest, of a city's evening peak.
LOAD_PU = (
    *(0.28, 0.26, 0.25, 0.25, 0.25, 0.24, 0.29, 0.36, 0.46, 0.64, 0.81, 0.88),
    *(0.90, 0.72, 0.40, 0.69, 0.79, 0.92, 0.97, 1.00, 0.78, 0.56, 0.40, 0.32),
)


@dataclass(frozen=True)
class CitySize:
    """Size of a synthetic city.

    Attributes
    ----------
    columns, rows : int
        Streets in each direction; they cross at ``columns * rows`` nodes.
    stations, feeders : int
    seed : int
    """

    columns: int = 72
    rows: int = 54
    stations: int = 315
    feeders: int = 5
    seed: int = 0

    def __post_init__(self):
        for name, least in (("columns", 3), ("rows", 3), ("stations", 1), ("feeders", 1)):
            if getattr(self, name) < least:
                raise InputError(f"city: {name} = {getattr(self, name)}; must be at least {least}")
        if self.stations > self.columns * self.rows // 2:
            most = self.columns * self.rows // 2
            raise InputError(f"city: stations = {self.stations}; must be at most {most}, one at every second node")


def synthetic_roads(size: CitySize, lane_veh_h: float) -> RoadFile:
    """Streets of a synthetic city.

    Parameters
    ----------
    size : CitySize
    lane_veh_h : float
        Capacity of a lane [veh/h].

    Returns
    -------
    RoadFile
        Coordinates in m.
    """
    rng = np.random.default_rng([size.seed, 1])
    across, along = (_street_positions(rng, n) for n in (size.columns, size.rows))
    x, y = (grid.ravel() for grid in np.meshgrid(across, along))
    number = np.arange(len(x)).reshape(size.rows, size.columns)
    names = [f"n{node}" for node in range(len(x))]
    rows = []
    for streets in (number, number.T):
        speed = rng.choice(SPEEDS_KM_H, len(streets), p=SPEED_SHARES)
        lanes = rng.choice(LANES, len(streets), p=LANE_SHARES)
        for street, nodes in enumerate(streets.tolist()):
            both = street in (0, len(streets) - 1) or street % BOTH_WAYS == 0
            ways = [nodes, nodes[::-1]] if both else [nodes[:: 1 if street % 2 else -1]]
            for way in ways:
                for one, two in pairwise(way):
                    km = (abs(x[one] - x[two]) + abs(y[one] - y[two])) / 1000.0
                    rows.append((names[one], names[two], km, 60.0 * km / speed[street], float(lanes[street])))
    links = pd.DataFrame(rows, columns=["from", "to", "length_km", "free_flow_min", "lanes"])
    links.insert(0, "link", [f"r{road}" for road in range(len(links))])
    links["capacity_veh_h"] = links["lanes"] * lane_veh_h
    nodes = pd.DataFrame({"node": names, "x": x.round(1), "y": y.round(1)})
    return RoadFile(links.round({"length_km": 5, "free_flow_min": 6}), nodes, "m", pd.DataFrame())


def synthetic_stations(size: CitySize, roads: RoadFile, feeders: FeederFile) -> pd.DataFrame:
    """Stations at random nodes; each hangs on the feeder of its part of the city, on the loaded buses in turn.

    Returns
    -------
    DataFrame
        ``station``, ``node``, ``bus``, ``x``, ``y``.
    """
    rng = np.random.default_rng([size.seed, 2])
    place = roads.nodes[["x", "y"]].to_numpy()
    chosen = np.sort(rng.choice(len(place), size.stations, replace=False))
    centre = place[rng.choice(len(place), size.feeders, replace=False)]
    part = ((place[chosen, None] - centre[None]) ** 2).sum(axis=2).argmin(axis=1)
    buses = []
    for station in range(size.stations):
        loaded = feeders.buses[(feeders.buses["feeder"] == part[station]) & (feeders.buses["p_kw"] > 0)]["name"]
        buses.append(loaded.iloc[(part[:station] == part[station]).sum() % len(loaded)])
    nodes = roads.nodes.iloc[chosen]
    return pd.DataFrame(
        {
            "station": [f"s{node}" for node in chosen.tolist()],
            "node": nodes["node"].to_numpy(),
            "bus": buses,
            "x": nodes["x"].to_numpy(),
            "y": nodes["y"].to_numpy(),
        }
    )


def synthetic_feeders(size: CitySize) -> FeederFile:
    """As many 33-bus feeders as wanted (Baran and Wu 1989), at the voltage and with the loads of V2Sim's Nanjing."""
    one, lines = (pd.read_csv(DATA / f"case33bw_{name}.csv") for name in ("buses", "branches"))
    lines = lines[lines["status"] == 1]
    buses, branches = [], []
    for feeder in range(size.feeders):
        first = len(one) * feeder
        own = one.assign(bus=one["bus"] + first, name=[f"B{feeder}_{bus}" for bus in one["bus"]], feeder=feeder)
        buses.append(own)
        shifted = {end: lines[end] + first for end in ("from_bus", "to_bus")}
        branches.append(lines.assign(branch=lines["branch"] + 100 * feeder, **shifted))
    table = pd.concat(buses, ignore_index=True)
    table["base_kv"] = FEEDER_KV
    table[["p_kw", "q_kvar"]] *= LOAD_FACTOR
    clock = [f"2026-01-05 {hour:02d}:00:00" for hour in range(24)]
    profile = pd.DataFrame({"time": clock, "load_pu": LOAD_PU})
    columns = ["branch", "from_bus", "to_bus", "r_ohm", "x_ohm", "status"]
    lines = pd.concat(branches, ignore_index=True)[columns]
    return FeederFile(table, lines, pd.DataFrame(), profile, 1.05)


def _street_positions(rng, n: int) -> np.ndarray:
    """Places of parallel streets [m]: distances between neighbours are lognormal, with the mean length of a road."""
    distance = rng.lognormal(0.0, LENGTH_SPREAD, n - 1)
    distance = np.maximum(distance / distance.mean(), 0.05)
    return np.concatenate([[0.0], np.cumsum(1000.0 * ROAD_KM * distance)])
