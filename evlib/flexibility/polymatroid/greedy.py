"""The exact sum of a station's vehicles without losses, and its cheapest point by the greedy algorithm."""

import numpy as np

from evlib.errors import InputError
from evlib.flexibility.fleet import check_cohorts
from evlib.flexibility.polymatroid.set_functions import energy_bounds, least_and_most
from evlib.flexibility.schedule import Schedule, cost_of

__all__ = ["greedy_support", "station_least_and_most"]


def station_least_and_most(domain, sizes, offsets, n_horizon, members):
    """Least and most energy that a station's vehicles store together in each of m sets of steps of the horizon.

    .. math:: p(A) = \\sum_v N_v\\, p_v(A), \\qquad b(A) = \\sum_v N_v\\, b_v(A)

    Parameters
    ----------
    domain : Domain
        One vehicle of each of n cohorts.
    sizes, offsets : array_like, shape (n,)
        Vehicles in each cohort [veh]; horizon step of the first usable step.
    n_horizon : int
        K.
    members : array_like of bool, shape (m, K + 1)
        Which steps each set holds; the last column is energy bought after the horizon.

    Returns
    -------
    least, most : ndarray, shape (m,)
        [kWh, battery side].

    Notes
    -----
    The sum of generalised polymatroids is that of their functions: the station can store x(0), ..., x(K) if and only if
    p(A) <= x(A) <= b(A) for all A, without any approximation.
    """
    sizes, offsets = check_cohorts(domain, sizes, offsets, n_horizon)
    least, most = _of_vehicles(domain, offsets, members)
    return sizes @ least, sizes @ most


def greedy_support(domain, sizes, offsets, n_horizon, prices_cny_kwh):
    """Least cost of a station's vehicles at given prices, by the greedy algorithm on its generalised polymatroid.

    Parameters
    ----------
    domain, sizes, offsets, n_horizon
        As in :func:`station_least_and_most`.
    prices_cny_kwh : array_like, shape (K,)
        [CNY/kWh].

    Returns
    -------
    value_cny : float
        Least cost, energy unserved and bought later included.
    schedule : Schedule
        Of one vehicle of each cohort; N times these add up to the station's cheapest point.

    Raises
    ------
    InputError
        If power at the meter is not proportional to stored energy: with losses or wear and discharging.

    Notes
    -----
    Steps are taken in the order of their price. Where energy costs something the dearest comes first, and gets the
    least that it can have after those before it, p(A + t) - p(A); where it earns something the most negative comes
    first, and gets the most, b(A + t) - b(A) (Edmonds 1970). Each vehicle can follow: in the same order the functions
    of the sum rise by the sum of what its members' rise by.
    """
    sizes, offsets = check_cohorts(domain, sizes, offsets, n_horizon)
    prices = np.asarray(prices_cny_kwh, dtype=float)
    if prices.shape != (n_horizon,) or not np.isfinite(prices).all():
        raise InputError(f"prices_cny_kwh: shape {prices.shape}; must be {(n_horizon,)} and finite")
    if domain.discharge_kw.any() and not (domain.eta_charge == domain.eta_discharge == 1 and domain.wear_cny_kwh == 0):
        raise InputError(
            f"domain: eta_charge = {domain.eta_charge:g}, eta_discharge = {domain.eta_discharge:g}, wear_cny_kwh = "
            f"{domain.wear_cny_kwh:g} with discharging; must be 1, 1 and 0, where power at the meter is stored power"
        )
    prices = np.append(prices, domain.terminal_price_cny_kwh)
    stored_kwh = np.zeros((domain.n, prices.size))
    for order, which in ((np.argsort(-prices, kind="stable"), 0), (np.argsort(prices, kind="stable"), 1)):
        order = order[prices[order] >= 0] if which == 0 else order[prices[order] < 0]
        prefixes = np.zeros((order.size, prices.size), dtype=bool)
        for i, step in enumerate(order):
            prefixes[i:, step] = True
        energy = _of_vehicles(domain, offsets, prefixes)[which]
        stored_kwh[:, order] = np.diff(energy, axis=1, prepend=0.0)
    schedule = _schedule(domain, offsets, stored_kwh)
    alone = cost_of(domain, _own_steps(domain, offsets, prices[None])[:, 0, :-1], schedule)
    return float(sizes @ alone), schedule


def _of_vehicles(domain, offsets, members):
    return least_and_most(energy_bounds(domain), _own_steps(domain, offsets, np.asarray(members, dtype=bool)))


def _own_steps(domain, offsets, rows):
    """Rows (m, K + 1) of the horizon, seen by each vehicle in its own steps, (n, m, T + 1); 0 where it is gone."""
    at = np.where(domain.active, offsets[:, None] + np.arange(domain.n_steps), 0)
    seen = np.where(domain.active[:, None, :], np.moveaxis(rows[:, at], 0, 1), 0)
    later = np.broadcast_to(rows[None, :, -1:], (domain.n, rows.shape[0], 1))
    return np.concatenate([seen, later], axis=2).astype(rows.dtype)


def _schedule(domain, offsets, stored_kwh):
    own = np.where(domain.active, np.take_along_axis(stored_kwh, _columns(domain, offsets), axis=1), 0.0)
    power = own / (domain.step_h * domain.eta_charge)
    energy = np.hstack([np.zeros((domain.n, 1)), np.cumsum(own, axis=1)])
    return Schedule(
        np.maximum(power, 0.0), np.maximum(-power, 0.0), energy, stored_kwh[:, -1], domain.least_unserved_kwh
    )


def _columns(domain, offsets):
    return np.where(domain.active, offsets[:, None] + np.arange(domain.n_steps), 0)
