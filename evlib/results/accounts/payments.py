"""Payments between drivers and operators: tolls and rents of a coordinated day, and what groups gain after them.

Payments are transfers. They stand in drivers' bills and in no total cost, because what one pays another receives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evlib.assignment.gaps import gaps
from evlib.assignment.path_costs import Drivers, Traffic, evaluate_loading, path_costs
from evlib.assignment.plug_prices import station_costs_cny
from evlib.coordination.one_day import Run

__all__ = ["group_gains", "own_gaps", "payment_table", "payments_cny", "payments_of"]

KEYS = ["path", "origin", "station", "vehicle_class", "step"]


def payments_of(traffic: Traffic, rent_cny: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Toll and rent in the signal to each driver, both of shape (n_paths, n_classes, n_departure_steps) [CNY/veh].

    Parameters
    ----------
    traffic : Traffic
        Evaluated for objective ``system``.
    rent_cny : ndarray, shape (n_stations, K), or None
        Plug rents announced; without them drivers pay a toll for the waiting that they cause.

    Notes
    -----
    At a station drivers are quoted the least total of rent and waiting. The rent is that total less their own waiting.
    """
    if rent_cny is None:
        return traffic.road_toll_cny + traffic.stations.toll_cny, np.zeros_like(traffic.time_cny)
    network, stations = traffic.loading.network, traffic.stations
    quoted = station_costs_cny(network, rent_cny, stations.queue_cny_h)
    nothing = np.zeros_like(traffic.time_cny)
    quoted = path_costs(nothing, quoted, stations.arrival_shares, network.path_station)
    return traffic.road_toll_cny, quoted - stations.waiting_cny


def payment_table(run: Run, paths: pd.DataFrame, drivers: Drivers, rent_cny: np.ndarray | None) -> pd.DataFrame:
    """Tolls and rents by path, class and departure step, under the signal that drivers receive.

    Parameters
    ----------
    run : Run
        A day coordinated with objective ``system``.
    paths : DataFrame
        The run's table of paths.
    drivers : Drivers
    rent_cny : ndarray, shape (n_stations, K), or None

    Returns
    -------
    DataFrame
        The first columns of the table of paths (see `KEYS`), ``toll_cny`` and ``rent_cny`` of one vehicle.
    """
    toll, rent = payments_of(evaluate_loading(run.loading, drivers, "system"), rent_cny)
    return paths[KEYS].assign(toll_cny=toll.reshape(-1), rent_cny=rent.reshape(-1))


def own_gaps(run: Run, drivers: Drivers, fixed_veh) -> dict[str, float]:
    """How much followers could save at their own cost, if they paid no tolls or rents: what they give to the common good.

    Parameters
    ----------
    run : Run
    drivers : Drivers
    fixed_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of drivers who do not follow the signal [veh].

    Returns
    -------
    dict of str -> float
        ``own_excess_cny_veh`` and ``own_relative_gap``, as in :class:`evlib.assignment.gaps.Gaps`.
    """
    traffic = evaluate_loading(run.loading, drivers, "user", fixed_veh)
    if not (traffic.flows_veh > 0).any():
        return {}
    measured = gaps(traffic, run.electricity_cny)
    return {"own_excess_cny_veh": measured.excess_cny_veh, "own_relative_gap": measured.relative_gap}


def payments_cny(result) -> dict[str, float]:
    """What all drivers together pay in tolls and rents [CNY]; 0 where nobody asks for either.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict of str -> float
        ``tolls_cny``, ``rents_cny``.
    """
    if "payments" not in result.tables:
        return {"tolls_cny": 0.0, "rents_cny": 0.0}
    vehicles, payments = result.tables["paths"]["departures_veh"], result.tables["payments"]
    return {f"{name}s_cny": float((vehicles * payments[f"{name}_cny"]).sum()) for name in ("toll", "rent")}


def group_gains(before, after) -> pd.DataFrame:
    """What each origin and class gains from one day to another, before and after payments.

    Parameters
    ----------
    before, after : Result
        Runs of one scenario with vehicles, such as ``shortest_path`` and ``coordinated``.

    Returns
    -------
    DataFrame
        ``group``, ``vehicles_veh``, and means of a vehicle [CNY]: ``before_cny`` and ``after_cny`` (time, queue and
        electricity), ``toll_cny`` and ``rent_cny`` (paid on the second day less on the first), ``refund_cny`` (the same
        for every vehicle: all payments returned), ``gain_cny`` (without payments), ``gain_paid_cny`` (after them),
        ``gain_refunded_cny`` (after payments and refund).

    Notes
    -----
    Tolls and rents are counted for everybody who drives, whether or not they follow the signal. Payments add up to the
    refunds, so the gains of all vehicles with refund add up to those without payments.
    """
    first, second = _by_group(before), _by_group(after)
    vehicles = second["vehicles_veh"]
    own = pd.DataFrame({"before_cny": first["cost_cny"], "after_cny": second["cost_cny"]})
    paid = second[["toll_cny", "rent_cny"]] - first[["toll_cny", "rent_cny"]]
    table = own.join(paid).assign(refund_cny=(paid.sum(axis=1) * vehicles).sum() / vehicles.sum())
    table["gain_cny"] = table["before_cny"] - table["after_cny"]
    table["gain_paid_cny"] = table["gain_cny"] - paid.sum(axis=1)
    table["gain_refunded_cny"] = table["gain_paid_cny"] + table["refund_cny"]
    table.insert(0, "vehicles_veh", vehicles)
    return table.rename_axis("group").reset_index()


def _by_group(result) -> pd.DataFrame:
    """Vehicles of each origin and class, and their mean cost, toll and rent."""
    paths = result.tables["paths"]
    payments = result.tables.get("payments", paths[KEYS].assign(toll_cny=0.0, rent_cny=0.0))
    vehicles = paths["departures_veh"]
    group = paths["origin"] + ", " + paths["vehicle_class"].str.replace("_", " ")
    values = payments[["toll_cny", "rent_cny"]].assign(cost_cny=paths["experienced_cost_cny"])
    sums = values.mul(vehicles, axis=0).groupby(group, sort=False).sum()
    total = vehicles.groupby(group, sort=False).sum()
    return sums.div(total, axis=0).assign(vehicles_veh=total)
