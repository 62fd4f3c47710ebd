"""The rule by which the base case was sized: only runs without coordination are looked at."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.assignment.route_choice import shortest_path_departures
from evlib.grid.grid_case import build_grid_case
from evlib.inputs.build_roads import origin_demand
from evlib.traffic.loading import load_traffic
from evlib.traffic.network import build_network

__all__ = ["sizing_table"]

PLUGS_OVER_PEAK = 1.6


def sizing_table(scenario) -> pd.DataFrame:
    """The article's situation as conditions on the shortest path and on the day without vehicles.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    DataFrame
        Columns ``rule``, ``measured``, ``low``, ``high``, ``unit``, ``holds``.

    Notes
    -----
    Coordinated runs never size anything. The number of plugs is compared with 1.6 times the vehicles plugged in at the
    peak when no plug is lacking, divided evenly among the stations (a design utilisation of about 60 %).
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


def _note(scenario, farm) -> str:
    notes = scenario.parameters().set_index("parameter")["note"]
    return notes[f"grid.farms.{farm.name}.rating_mw"]
