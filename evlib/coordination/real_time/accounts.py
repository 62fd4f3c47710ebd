"""What a day has cost and who paid: totals that close, what drivers were told against what they got, and how it swung."""

from __future__ import annotations

import numpy as np

from evlib.assignment.path_costs import evaluate_loading, path_costs
from evlib.coordination.real_time.day import Day
from evlib.coordination.real_time.state import GRID_MEASURES, State
from evlib.flexibility.cohorts import mean_over_types
from evlib.flexibility.fleet import Fleet
from evlib.flexibility.schedule import recourse
from evlib.traffic.arrival_levels import plug_ins
from evlib.traffic.loading import load_traffic

__all__ = ["accounts", "own_costs", "switched_share"]

# A change of energy within this is none [kWh].
LITTLE_KWH = 1e-12


def accounts(day: Day, state: State) -> dict[str, float]:
    """Costs, transfers, regrets, and how well everything closes.

    Parameters
    ----------
    day : Day
    state : State
        After the last step.

    Returns
    -------
    dict of str -> float
        Costs: ``time_cny`` (time and waiting of all drivers), ``grid_cny``, ``vehicles_cny`` (wear, unserved energy,
        energy bought after the horizon), ``late_cny`` (of those who plug in after it); ``total_cny`` is their sum.
        ``electricity_bill_cny`` is what drivers pay at the prices that came about, a transfer.
        Behaviour: ``switched_share``, see :func:`switched_share`; ``price_move_cny_kwh``, root mean square of the change
        of a station's price from step to step.
        Followers, means per vehicle: ``told_excess_cny_veh`` (what the recommended way was told to cost above the
        cheapest), ``surprise_cny_veh`` (absolute difference between time and electricity as told and as paid),
        ``worst_surprise_cny_veh`` (one in twenty pays at least so much more than told), its parts of time and
        electricity, ``hindsight_cny_veh`` (cost above the best way, had prices and times been known); all nan where
        nothing was told. ``transfers_cny``: tolls and plug rents. ``operator_bears_cny``: electricity at local prices
        less what was paid as promised.
        Closure: ``residual_vehicles_veh``, ``residual_energy_kw``, ``residual_money_cny``; ``traced_share`` is how much
        the bill differs if it is counted by the ways that vehicles took, traced through the loading, not by cohorts.
    """
    base, network = day.base, day.base.network
    loading = load_traffic(network, state.departures_veh)
    traffic = evaluate_loading(loading, base.traffic.drivers, "user")
    sizes = base.sizes(traffic)
    price = state.real_price_cny_kwh[base.case.station_bus]
    own = own_costs(base.cohorts, state.change_kwh, state.power_kw)
    bought = base.case.step_h * (base.cohorts.cohort_prices(price) * state.power_kw).sum(axis=1)
    realised = mean_over_types(base.cohorts, bought + own, network.stay_steps)
    nothing = np.zeros_like(traffic.time_cny)
    electricity = path_costs(nothing, realised, traffic.shares, network.path_station, network.arrival_levels)
    flows, time_cny = state.departures_veh, float((state.departures_veh * traffic.time_cny).sum())
    late_veh = plug_ins(loading, traffic.shares)[..., day.n_steps :].sum(axis=-1)
    late_cny = float((late_veh * realised[..., -1]).sum())
    bill = float(sizes @ (bought + own)) + late_cny
    at_stations = base.case.step_h * float((price * state.station_kw).sum())
    grid = dict(zip(GRID_MEASURES, state.grid, strict=True))
    station_kw = base.cohorts.of_sizes(sizes).station_kw(state.power_kw)
    energy_h = base.case.step_h
    result = {
        "vehicles_veh": float(flows.sum()),
        "followers_veh": float(state.followers_veh.sum()),
        "time_cny": time_cny,
        "grid_cny": float(grid["cost_cny"].sum()),
        "vehicles_cny": float(sizes @ own),
        "late_cny": late_cny,
        "total_cny": time_cny + float(grid["cost_cny"].sum() + sizes @ own) + late_cny,
        "electricity_bill_cny": bill,
        "charged_kwh": float((sizes[:, None] * np.maximum(state.power_kw, 0.0)).sum() * energy_h),
        "discharged_kwh": float((sizes[:, None] * np.maximum(-state.power_kw, 0.0)).sum() * energy_h),
        "curtailed_kwh": float(grid["curtailed_kw"].sum() * energy_h),
        "backup_kwh": float(grid["backup_kw"].sum() * energy_h),
        "shed_kwh": float(grid["shed_kw"].sum() * energy_h),
        "largest_queue_veh": float(loading.queue_veh.max()),
        "price_move_cny_kwh": float(np.sqrt((np.diff(price, axis=1) ** 2).mean())),
        "switched_share": switched_share(state.followers_veh, network.path_station, network.path_origin),
        "residual_vehicles_veh": _vehicle_residual(day, state, loading),
        "residual_energy_kw": float(
            max(np.abs(station_kw - state.station_kw).max(), grid["balance_residual_kw"].max())
        ),
        "residual_money_cny": abs(float(sizes @ bought) - at_stations),
        "traced_share": float((flows * electricity).sum() / bill - 1.0) if bill else 0.0,
    }
    least = base.electricity(state.real_price_cny_kwh)
    least = path_costs(traffic.time_cny, least, traffic.shares, network.path_station, network.arrival_levels)
    return result | _told(day, state, traffic.time_cny, electricity, least)


def own_costs(cohorts: Fleet, change_kwh: np.ndarray, power_kw: np.ndarray) -> np.ndarray:
    """Wear, unserved energy and energy bought after the horizon of one vehicle of each cohort, shape (n,) [CNY].

    Parameters
    ----------
    cohorts : Fleet
    change_kwh, power_kw : ndarray, shape (n, T)
        What it did in each usable step: energy in the battery [kWh] and power at the meter [kW].

    Notes
    -----
    Change and power give discharge d: power = c - d and change / h = eta_c c - d / eta_d for charge c.
    """
    domain = cohorts.domain
    lossy = 1.0 / domain.eta_discharge - domain.eta_charge
    if lossy > 0:
        discharge_kw = (domain.eta_charge * power_kw - change_kwh / domain.step_h) / lossy
    else:
        discharge_kw = np.maximum(-power_kw, 0.0)
    discharge_kw = np.where(np.abs(discharge_kw) > LITTLE_KWH / domain.step_h, np.maximum(discharge_kw, 0.0), 0.0)
    end_kwh = np.where(domain.active, change_kwh, 0.0).sum(axis=1)
    cheaper = domain.terminal_price_cny_kwh / domain.eta_charge <= domain.unserved_cny_kwh
    terminal, unserved = recourse(domain, end_kwh, terminal_first=cheaper)
    return (
        domain.wear_cny_kwh * domain.step_h * discharge_kw.sum(axis=1)
        + domain.terminal_price_cny_kwh / domain.eta_charge * terminal
        + domain.unserved_cny_kwh * unserved
    )


def switched_share(flows_veh: np.ndarray, path_station: np.ndarray, path_origin: np.ndarray) -> float:
    """Mean share of a step's departures that goes to other stations than those of the step before.

    Parameters
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    path_station, path_origin : ndarray of int, shape (n_paths,)

    Returns
    -------
    float
        Half the sum of changes of each station's share, weighted with the vehicles of an origin and class; 0 if shares
        stay as they are and 1 if everybody always goes elsewhere. nan without two steps in which somebody departs.
    """
    lost = weight = 0.0
    for origin in np.unique(path_origin):
        rows = path_origin == origin
        stations = np.unique(path_station[rows])
        by_station = np.array([flows_veh[rows & (path_station == c)].sum(axis=0) for c in stations])
        total = by_station.sum(axis=0)
        share = np.divide(by_station, total, out=np.zeros_like(by_station), where=total > 0)
        both = np.minimum(total[:, 1:], total[:, :-1])
        lost += float((both * 0.5 * np.abs(np.diff(share, axis=2)).sum(axis=0)).sum())
        weight += float(both.sum())
    return lost / weight if weight else float("nan")


def _vehicle_residual(day: Day, state: State, loading) -> float:
    """Vehicles that were drawn but did not depart, and that departed but never plugged in [veh]."""
    drawn = day.drawn_veh + day.others_veh
    origin = day.base.network.path_origin
    left = np.array([state.departures_veh[origin == o].sum(axis=0) for o in range(len(drawn))])
    return float(max(np.abs(left - drawn).max(initial=0.0), abs(loading.plugged_veh[..., -1].sum() - drawn.sum())))


def _told(day: Day, state: State, time_cny, electricity_cny, alternative_cny) -> dict[str, float]:
    """What followers were told against what they got, and who bears the difference.

    ``alternative_cny`` is what every way would have cost with the best schedule at the prices that came about.
    """
    flows = state.followers_veh
    names = ("told_excess_cny_veh", "surprise_cny_veh", "worst_surprise_cny_veh", "time_surprise_cny_veh")
    names += ("electricity_surprise_cny_veh", "operator_bears_cny", "transfers_cny", "hindsight_cny_veh")
    counted = flows > 0
    nobody = dict.fromkeys(names, float("nan"))
    if not counted.any() or np.isnan(state.told_time_cny[counted]).any():
        return nobody
    promised = day.signal == "promised"
    paid = np.where(promised, state.told_electricity_cny, electricity_cny)
    vehicles = flows.sum()

    def mean(values):
        return float((flows * np.where(counted, values, 0.0)).sum() / vehicles)

    surprise = time_cny - state.told_time_cny + paid - state.told_electricity_cny
    told = state.told_time_cny + state.told_electricity_cny + state.told_transfer_cny
    own, best, least = time_cny + electricity_cny, np.empty_like(told), np.empty_like(told)
    for origin in np.unique(day.base.network.path_origin):
        rows = day.base.network.path_origin == origin
        best[rows], least[rows] = told[rows].min(axis=0), alternative_cny[rows].min(axis=0)
    ordered = np.argsort(surprise[counted])
    share = np.cumsum(flows[counted][ordered]) / vehicles
    return {
        "told_excess_cny_veh": mean(told - best),
        "surprise_cny_veh": mean(np.abs(surprise)),
        "worst_surprise_cny_veh": float(surprise[counted][ordered][np.searchsorted(share, 0.95)]),
        "time_surprise_cny_veh": mean(np.abs(time_cny - state.told_time_cny)),
        "electricity_surprise_cny_veh": mean(np.abs(electricity_cny - state.told_electricity_cny)),
        "operator_bears_cny": float((flows * (electricity_cny - paid)).sum()),
        "transfers_cny": float((flows * np.where(counted, state.told_transfer_cny, 0.0)).sum()),
        "hindsight_cny_veh": mean(own - least),
    }
