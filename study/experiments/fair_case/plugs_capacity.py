"""Claim A3 as a map: what shortest paths cost over the coordinated day, by plugs of a station and capacity of a road."""

from __future__ import annotations

import logging
import math
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.folders import RESULTS
from evlib.results import measures as measure
from evlib.results.accounts.road_storage import largest_factor
from evlib.solve_scenario import solve
from study.experiments.provenance import run_hash, write_table
from study.experiments.variants import KEYS

__all__ = ["CAPACITIES_VEH_H", "MAP_FILE", "PLUGS", "map_row", "table_of_map", "write"]

log = logging.getLogger(__name__)

MAP_FILE = "plugs_capacity_nguyen.csv"
# From end to end of the ranges stated in the scenario, through the base case; but on roads narrower than 130 veh/h the queue of
# shortest paths does not fit.
PLUGS = (130.0, 150.0, 170.0, 200.0, 255.0)
CAPACITIES_VEH_H = (130.0, 150.0, 175.0, 200.0, 225.0)


def map_row(scenario, plugs: float, capacity_veh_h: float, *, cache: bool = True) -> dict:
    """Shortest paths and the coordinated day, both with V2G, with as many plugs at every station and as much capacity.

    Returns
    -------
    dict
        ``plugs``, ``capacity_veh_h``; costs of both days [CNY]: ``..._road_cny``, ``..._waiting_cny``,
        ``..._electricity_cny`` (the drivers' bill) and ``..._total_cny`` (time, queue and grid); by how much shortest paths cost
        more [%]: ``a3_road``, ``a3_time_queue``, ``a3_with_electricity`` (the headline's definition); ``saving_cny`` of the
        total; of the coordinated run ``excess_cny_veh``, ``relative_gap``, ``price_gap``, ``settled``;
        ``beyond_storage``, vehicles over room on the worst road of either day that has too many (0 if all fit).
    """
    varied = scenario.replace(KEYS | {"stations.*.plugs": plugs, "roads.capacity_veh_h": capacity_veh_h})
    days = {
        name: solve(varied, strategy, "v2g", "newton", cache=cache)
        for name, strategy in (("nearest", "shortest_path"), ("coordinated", "coordinated"))
    }
    row, costs = {"plugs": plugs, "capacity_veh_h": capacity_veh_h}, {}
    for name, result in days.items():
        road, waiting = measure.time_parts_cny(result)
        costs[name] = {
            "road": road,
            "waiting": waiting,
            "electricity": measure.cost_cny(result, "drivers: electricity"),
            "total": measure.cost_cny(result, "society: time and queue plus grid"),
        }
        row |= {f"{name}_{part}_cny": cost for part, cost in costs[name].items()}
    parts = {"a3_road": ("road",), "a3_time_queue": ("road", "waiting")}
    parts["a3_with_electricity"] = ("road", "waiting", "electricity")
    for label, summed in parts.items():
        old, new = (sum(costs[name][part] for part in summed) for name in ("nearest", "coordinated"))
        row[label] = 100 * (old / new - 1) if new > 0 else math.nan
    row["saving_cny"] = costs["nearest"]["total"] - costs["coordinated"]["total"]
    certificate = days["coordinated"].certificate
    row |= {key: getattr(certificate, key) for key in ("excess_cny_veh", "relative_gap", "price_gap")}
    full = max(largest_factor(result.certificate) for result in days.values())
    return row | {"settled": int(certificate.converged), "beyond_storage": full}


def table_of_map(scenario, plugs=PLUGS, capacities_veh_h=CAPACITIES_VEH_H, *, cache: bool = True) -> pd.DataFrame:
    """Rows of :func:`map_row` for every pair."""
    rows = []
    for number, capacity in tqdm(list(product(plugs, capacities_veh_h)), unit="run", leave=False, disable=None):
        rows.append(map_row(scenario, number, capacity, cache=cache))
        last = rows[-1]
        log.info(
            "%g plugs, %g veh/h: A3 %.0f %%, gap %.1g",
            number,
            capacity,
            last["a3_with_electricity"],
            last["relative_gap"],
        )
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS) -> Path:
    """Solve the map and write the table (some ten minutes)."""
    scenario, code = load_scenario("nguyen"), run_hash(__name__)
    notes = (
        f"scenario: nguyen {scenario.hash}; charging v2g, objective system, method newton",
        "a3_*: by how many percent shortest paths cost more than the coordinated day",
    )
    return write_table(MAP_FILE, table_of_map(scenario), code, notes, folder=folder)
