"""The rules by which the base case was sized; they use only runs without coordination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from evlib.assignment.route_choice import shortest_path_departures
from evlib.flexibility.station_load import no_vehicles
from evlib.grid.dno import dispatch_grid
from evlib.inputs.build_grid import build_grid_case, build_grid_options
from evlib.inputs.build_roads import build_network, origin_demand
from evlib.inputs.scenario import Scenario
from evlib.traffic.loading import load_traffic

__all__ = ["line_ratings", "sizing_table"]

PLUGS_OVER_PEAK = 1.6


def sizing_table(scenario: Scenario) -> pd.DataFrame:
    """The situation in the article, as conditions on the run ``shortest_path`` and on a day without vehicles.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    DataFrame
        Columns ``rule``, ``measured``, ``low``, ``high``, ``unit``, ``holds``.

    Notes
    -----
    Coordinated runs are never used for sizing. The number of plugs is compared with 1.6 times the vehicles plugged in
    at the peak if plugs never run short, divided evenly among the stations (a design utilisation of about 60 %).
    """
    case = build_grid_case(scenario)
    roomy = build_network(scenario.replace({"stations.*.plugs": max(1.0, scenario.fleet.vehicles)}))
    network = build_network(scenario)
    demand = origin_demand(scenario)
    unlimited = load_traffic(roomy, shortest_path_departures(roomy, demand))
    loading = load_traffic(network, shortest_path_departures(network, demand))
    entered = np.diff(loading.entered_veh.sum(axis=1)[:, :: network.time.substeps], axis=1)
    first = [path.arcs[1] for path in network.paths]
    ratio = (entered / (network.capacity_veh_min[:, None] * network.time.step_min))[first].max()
    design = PLUGS_OVER_PEAK * unlimited.occupied_plugs.sum(axis=0).max() / len(network.stations)
    rows = [
        ("shortest path: largest inflow / capacity of the first roads", ratio, 1.1, 1.5, "1"),
        ("plugs of a station / (1.6 x even share of the peak)", network.plugs.mean() / design, 0.9, 1.1, "1"),
        ("shortest path: longest queue at a station", loading.queue_veh.max(), 1.0, np.inf, "veh"),
    ]
    step_mwh = case.step_h / 1000.0
    available = case.zone_sum(case.available_kw, case.farm_zone).sum(axis=1)
    share = np.divide(
        case.surplus_kw().sum(axis=1), available, out=np.full(len(available), np.nan), where=available > 0
    )
    named = {farm.zone for farm in scenario.grid.farms if "article has" in _note(scenario, farm)}
    for z, zone in enumerate(case.zones):
        if zone in named:
            rows.append((f"no EVs: surplus share of what is available at {zone}", share[z], 0.2, 0.4, "1"))
    spike = case.zones.index(scenario.grid.spike.zone)
    rows.append(
        (f"no EVs: largest deficit at {case.zones[spike]}", case.deficit_kw()[spike].max() / 1000, 1e-3, np.inf, "MW")
    )
    fleet = scenario.fleet
    energy = sum(item.share * item.gain_share * item.battery_kwh for item in fleet.classes) * fleet.vehicles
    drawn = energy / fleet.eta_charge / 1000.0
    rows.append(("EV energy / other energy of the feeder", drawn / (case.load_kw.sum() * step_mwh), 0.3, 0.5, "1"))
    table = pd.DataFrame(rows, columns=["rule", "measured", "low", "high", "unit"])
    table["holds"] = (table["measured"] >= table["low"]) & (table["measured"] <= table["high"])
    return table


def _note(scenario: Scenario, farm) -> str:
    notes = scenario.parameters().set_index("parameter")["note"]
    return notes[f"grid.farms.{farm.name}.rating_mw"]


def line_ratings(scenario: Scenario, *, margin=1.5, step_mva=0.5, least_mva=2.0) -> pd.DataFrame:
    """Rating of each line: a margin over the largest apparent power on a day without vehicles and without ratings.

    Lines from a zone's tie to its station are rated for at least the tie's import limit: a tie cannot carry 4 MW if the
    line behind it carries only 2 MW.

    Parameters
    ----------
    scenario : Scenario
        Its own ratings are ignored.
    margin : float
        Factor on the largest apparent power.
    step_mva, least_mva : float
        Ratings are rounded up to a multiple of ``step_mva`` and are at least ``least_mva`` [MVA].

    Returns
    -------
    DataFrame
        Columns ``from_bus``, ``to_bus``, ``rating_mva``, in the feeder's branch order.
    """
    case = build_grid_case(scenario)
    unlimited = replace(case, rating_kva=np.full_like(case.rating_kva, 1e5))
    nobody = no_vehicles(len(case.stations), case.n_steps)
    dispatch = dispatch_grid(unlimited, build_grid_options(scenario), nobody)
    largest_mva = np.hypot(dispatch.branch_kw, dispatch.branch_kvar).max(axis=1) / 1000.0
    least = np.maximum(least_mva, _tie_limits_mva(case))
    rating = step_mva * np.ceil(np.maximum(least, margin * largest_mva) / step_mva)
    feeder = case.feeder
    ends = {"from_bus": feeder.bus[feeder.branch_from], "to_bus": feeder.bus[feeder.branch_to]}
    return pd.DataFrame(ends | {"rating_mva": rating})


def _tie_limits_mva(case) -> np.ndarray:
    """Import limit of the zone's tie for every line between that tie and a station, 0 for other lines [MVA]."""
    feeder = case.feeder
    feeding = {int(to): branch for branch, to in enumerate(feeder.branch_to)}
    limits = np.zeros(len(case.rating_kva))
    for bus in case.station_bus:
        zone = case.bus_zone[bus]
        if zone < 0:
            continue
        while case.bus_zone[bus] == zone:
            branch = feeding[int(bus)]
            limits[branch] = max(limits[branch], case.import_limit_kw[zone] / 1000.0)
            bus = feeder.branch_from[branch]
    return limits
