"""Measures behind the article's claims, computed from the tables of a solved case."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from evlib.inputs.build_fleet import all_cohorts
from evlib.results.accounts.driving_energy import drive_kwh_of
from evlib.results.comparison_tables import cohort_positions

__all__ = [
    "bill_cny_veh",
    "capability_mwh",
    "charged_kwh",
    "cost_cny",
    "deficit_mwh",
    "discharge_limit_kw",
    "emissions_t",
    "flat_bill_cny",
    "gini",
    "peak_inflows",
    "price_cny_kwh",
    "response_mwh",
    "roads_to",
    "served_locally",
    "spread",
    "summary_value",
    "surplus_use_mwh",
    "time_parts_cny",
    "trip_times",
    "weighted_mean",
    "zone_mwh",
    "zone_of_station",
]


def summary_value(result, measure: str) -> float:
    """Value of a measure in the summary [in its unit]."""
    return float(result.tables["summary"].set_index("measure")["value"][measure])


def cost_cny(result, *items: str) -> float:
    """Sum of some items of the cost table [CNY]."""
    return float(result.tables["costs"].set_index("item")["cost_cny"][list(items)].sum())


def time_parts_cny(result) -> tuple[float, float]:
    """Cost of time on the road and cost of waiting [CNY]; their sum is the cost of time and queue."""
    fleet, paths = result.scenario.fleet, result.tables["paths"]
    vot_min = (
        paths["vehicle_class"].map({member.name: member.vot_cny_h / 60.0 for member in fleet.classes}).astype(float)
    )
    weight = paths["departures_veh"] * vot_min
    road, waiting = (float((weight * paths[f"experienced_{part}_min"]).sum()) for part in ("road", "waiting"))
    return road, fleet.queue_factor * waiting


def flat_bill_cny(result) -> float:
    """Bill for electricity at a single price, the mean import price [CNY].

    Covers energy charged less discharged, energy bought after the horizon, and vehicles that plug in later; no wear.
    """
    prices, cohorts = result.tables["prices"], result.tables["cohorts"]
    flat = prices.loc[prices["station"] == "root", "import_price_cny_kwh"].mean()
    net_kwh = (cohorts["charged_kwh"] - cohorts["discharged_kwh"]).sum()
    late = cost_cny(result, "drivers: electricity after the horizon")
    return float(flat * net_kwh + cohorts["terminal_cny"].sum()) + late


def bill_cny_veh(result, **group: str) -> float:
    """Electricity cost of a vehicle, averaged over the departures of a group [CNY/veh]; nan if nobody departs.

    Parameters
    ----------
    result : Result
    **group
        Columns of the path table with their value, such as ``origin="o1"``; without any, all vehicles.
    """
    paths = result.tables["paths"]
    for column, value in group.items():
        paths = paths[paths[column] == value]
    weight = paths["departures_veh"]
    bill = weight * (paths["experienced_cost_cny"] - paths["experienced_time_cny"])
    return float(bill.sum() / weight.sum()) if weight.sum() > 0 else float("nan")


def price_cny_kwh(result, vehicle_class: str | None = None) -> float:
    """Net payment for electricity, less earnings from discharging, per kWh charged [CNY/kWh]; nan below 0.1 MWh."""
    charged = charged_kwh(result, vehicle_class)
    paid_cny = _sum_of(result.tables["cohorts"], "payment_cny", "vehicle_class", vehicle_class)
    return paid_cny / charged if charged >= 100.0 else float("nan")


def charged_kwh(result, vehicle_class: str | None = None) -> float:
    """Energy charged within the horizon, by one class or all [kWh, meter side]."""
    return _sum_of(result.tables["cohorts"], "charged_kwh", "vehicle_class", vehicle_class)


def zone_mwh(result, column: str, zone: str | None = None) -> float:
    """Energy of a dispatch column over the horizon, in one zone or in all zones and the trunk [MWh]."""
    return _sum_of(result.tables["dispatch"], column, "zone", zone) * _step_mwh(result)


def surplus_use_mwh(result, zone: str) -> tuple[float, float]:
    """Net energy that vehicles take in a zone's surplus steps, and the zone's surplus, both in MWh."""
    dispatch = result.tables["dispatch"]
    surplus_steps = dispatch[(dispatch["zone"] == zone) & (dispatch["surplus_kw"] > 0)]
    return float(surplus_steps["vehicles_kw"].sum()) * _step_mwh(result), zone_mwh(result, "surplus_kw", zone)


def deficit_mwh(result) -> float:
    """Deficit of all zones, as it follows from the inputs without vehicles [MWh]."""
    return zone_mwh(result, "deficit_kw")


def response_mwh(result, without, *, inside: bool) -> float:
    """Energy discharged plus shedding avoided, in the steps in which some zone has a deficit [MWh].

    Parameters
    ----------
    result, without : Result
        The case, and the day without vehicles.
    inside : bool
        Count only zones that have a deficit in the step; otherwise all stations and buses.
    """
    zones = _zones(result)
    discharge = _by_zone(result, zones, _station_series(result, "discharge_kw"))
    avoided = _wide(without, "shed_kw", zones) - _wide(result, "shed_kw", zones)
    return float((discharge + avoided)[_deficit(result, inside)].sum()) * _step_mwh(result)


def served_locally(result) -> float:
    """Share of the load of zones with a deficit, in the steps of the deficit, served without shedding and backup."""
    in_deficit, zones = _deficit(result, inside=True), _zones(result)
    load, shed, backup = (_wide(result, f"{name}_kw", zones)[in_deficit].sum() for name in ("load", "shed", "backup"))
    return float((load - shed - backup) / load) if load > 0 else float("nan")


def capability_mwh(result, *, inside: bool) -> float:
    """Energy that vehicles could discharge in steps with a deficit, each step taken by itself [MWh].

    Parameters
    ----------
    result : Result
    inside : bool
        As in :func:`response_mwh`.

    Notes
    -----
    The sum of `discharge_limit_kw` over vehicles and steps. No schedule attains this limit in all steps at once.
    """
    cohorts = all_cohorts(result.scenario, 0.0, result.charging, drive_kwh_of(result))
    table, zones = result.tables["cohorts"], _zones(result)
    size = np.zeros(cohorts.domain.n)
    np.add.at(size, cohort_positions(result.scenario, table, cohorts.shape), table["vehicles_veh"].to_numpy())
    limit = cohorts.of_sizes(size).station_kw(discharge_limit_kw(cohorts.domain))
    by_station = {station.name: row for station, row in zip(result.scenario.stations, limit, strict=True)}
    return float(_by_zone(result, zones, by_station)[_deficit(result, inside)].sum()) * _step_mwh(result)


def discharge_limit_kw(domain) -> np.ndarray:
    """Largest discharging power of a vehicle in each usable step, that is, minus the lower bound of its power.

    .. math:: \\min\\left(P^{dis}, \\frac{\\eta_d}{h} \\max(0, reach_t - floor_{t+1})\\right)

    Parameters
    ----------
    domain : Domain
        n vehicles with up to T usable steps.

    Returns
    -------
    ndarray, shape (n, T)
        [kW, meter side]; 0 where the vehicle is not plugged in, or must charge without a pause (also if its target is
        out of reach).

    Notes
    -----
    reach is the most energy that a vehicle can have at that step, charging at full power from the start. floor is the
    least energy from which full power still reaches the target, less the energy that can be bought after the horizon.
    """
    step, full = np.arange(domain.n_steps), domain.charge_step_kwh[:, None]
    reach = np.minimum(domain.energy_high_kwh[:, None], step * full)
    need = (domain.target_kwh - domain.terminal_limit_kwh)[:, None]
    floor = np.maximum(domain.energy_low_kwh[:, None], need - (domain.n_usable[:, None] - 1 - step) * full)
    power = domain.eta_discharge / domain.step_h * np.maximum(reach - floor, 0.0)
    return np.where(domain.active, np.minimum(domain.discharge_kw[:, None], power), 0.0)


def emissions_t(result) -> float:
    """CO2 emitted for imported and backup energy, with what vehicles charge to make up for their way [t]."""
    factors = result.scenario.emissions
    energy = [summary_value(result, measure) for measure in ("import", "backup")]
    return energy[0] * factors.grid_kg_kwh + energy[1] * factors.backup_kg_kwh


def peak_inflows(result) -> pd.Series:
    """Largest inflow over capacity of each road, over all steps."""
    arcs = result.tables["arcs"]
    return arcs[arcs["kind"] == "road"].groupby("arc", sort=False)["inflow_over_capacity"].max()


def roads_to(result, stations=None) -> set[str]:
    """Roads on any path to the given stations (by default all), whether or not a vehicle takes it."""
    paths = result.tables["paths"].drop_duplicates("path")
    if stations is not None:
        paths = paths[paths["station"].isin(stations)]
    nodes = [label.split(": ", 1)[1].split("-") for label in paths["path"]]
    return {f"{tail}-{head}" for path in nodes for tail, head in itertools.pairwise(path)}


def trip_times(result) -> tuple[pd.DataFrame, np.ndarray]:
    """Minutes on the road, waiting and both (columns) by path, class and departure step; vehicles of each row."""
    paths = result.tables["paths"]
    road, waiting = paths["experienced_road_min"], paths["experienced_waiting_min"]
    return pd.DataFrame({"road": road, "waiting": waiting, "both": road + waiting}), paths["departures_veh"].to_numpy()


def spread(values, weights) -> float:
    """Distance from the 5th to the 95th percentile by weight; a percentile is the least value that covers its share.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0], [4, 48, 48])
    1.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(np.asarray(weights, dtype=float)[order])
    # lowered by a trillionth, so that rounding of the sum does not move a percentile that falls on a step
    low, high = np.searchsorted(reached, np.array([0.05, 0.95]) * reached[-1] * (1 - 1e-12))
    ordered = np.asarray(values, dtype=float)[order]
    return float(ordered[high] - ordered[low])


def weighted_mean(values, weights) -> float:
    """Weighted mean of values; nan if the weights sum to 0."""
    total = float(np.sum(weights))
    return float(np.dot(values, weights)) / total if total > 0 else float("nan")


def gini(values) -> float:
    """Gini coefficient of non-negative values: 0 if all are alike, near 1 if one holds everything; nan if all are 0.

    .. math:: G = \\frac{\\sum_{i,j} |x_i - x_j|}{2 n \\sum_i x_i}

    Examples
    --------
    >>> gini([1.0, 1.0, 1.0]), gini([0.0, 0.0, 0.0, 1.0])
    (0.0, 0.75)
    """
    x = np.asarray(values, dtype=float)
    total = x.sum()
    return float(np.abs(x[:, None] - x).sum() / (2 * len(x) * total)) if total > 0 else float("nan")


def zone_of_station(scenario) -> dict[str, str]:
    """Zone in which each station's bus lies; ``trunk`` if it lies in no zone."""
    zone_of_bus = {bus: zone.name for zone in scenario.grid.zones for bus in zone.buses}
    return {station.name: zone_of_bus.get(station.bus, "trunk") for station in scenario.stations}


def _sum_of(table: pd.DataFrame, column: str, key: str, value: str | None) -> float:
    """Sum of a column over the rows with a value of the key, or over all rows if the value is None."""
    rows = table[key] == value if value is not None else slice(None)
    return float(table.loc[rows, column].sum())


def _step_mwh(result) -> float:
    return result.scenario.time.step_min / 60.0 / 1000.0


def _zones(result) -> list[str]:
    return list(result.tables["dispatch"]["zone"].unique())


def _wide(result, column: str, zones: list[str]) -> np.ndarray:
    """A column of the dispatch, shape (n_zones, K)."""
    table = result.tables["dispatch"].pivot(index="zone", columns="step", values=column)
    return table.loc[zones].to_numpy()


def _station_series(result, column: str) -> dict[str, np.ndarray]:
    table = result.tables["stations"].pivot(index="station", columns="step", values=column)
    return {name: table.loc[name].to_numpy() for name in table.index}


def _by_zone(result, zones: list[str], by_station: dict[str, np.ndarray]) -> np.ndarray:
    zone_of = zone_of_station(result.scenario)
    zero = np.zeros(len(next(iter(by_station.values()))))
    return np.array([sum((by_station[name] for name in by_station if zone_of[name] == zone), zero) for zone in zones])


def _deficit(result, inside: bool) -> np.ndarray:
    """Which zones and steps to count, (n_zones, K): zones with a deficit, or all zones when any zone has one."""
    deficit = _wide(result, "deficit_kw", _zones(result)) > 0
    return deficit if inside else np.broadcast_to(deficit.any(axis=0), deficit.shape)
