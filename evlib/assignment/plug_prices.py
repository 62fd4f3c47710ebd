"""What a vehicle pays at a station with plug rents: the least total of rent and waiting, by time of arrival."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from evlib.traffic.network import Network

__all__ = ["held_plugs", "rent_value_cny", "station_costs_cny"]


def held_plugs(network: Network) -> sp.csr_array:
    """Linear map from plug-ins to plugs held at the end of each step; each class holds a plug for its stay.

    Returns
    -------
    sparse array, shape (n_stations * K, n_stations * n_classes * K)
        Rows in C order of (station, step), columns in C order of (station, class, step).
    """
    n_steps = network.time.n_steps
    windows = [
        sp.diags_array([1.0] * int(stay), offsets=list(-np.arange(stay)), shape=(n_steps, n_steps))
        for stay in network.stay_steps
    ]
    return sp.kron(sp.eye_array(len(network.stations)), sp.hstack(windows), format="csr")


def station_costs_cny(network: Network, rent_cny: np.ndarray, queue_cny_h) -> np.ndarray:
    """Least total of rent and waiting cost for a vehicle at a station, by the step in which it arrives.

    .. math:: \\mu_m(k) = \\min_{k' \\ge k} \\Bigl[ w_m \\Delta (k' - k) + \\sum_{j = k'}^{k' + L_m - 1} \\beta(j) \\Bigr]

    Parameters
    ----------
    network : Network
    rent_cny : ndarray, shape (n_stations, K)
        Rent beta of one plug for one step [CNY].
    queue_cny_h : array_like, shape (n_classes,)
        Value of waiting w [CNY/h].

    Returns
    -------
    ndarray, shape (n_stations, n_classes, K + 1)
        [CNY per vehicle]; the last column, for arrivals after the horizon, is 0.

    Notes
    -----
    A vehicle plugs in at once or waits for a lower rent. Rents are the duals of a linear program in which a vehicle
    that waits at the end of a step has waited for the whole step, and plugs are counted at the ends of steps.
    """
    n_stations, n_steps = rent_cny.shape
    per_step = np.asarray(queue_cny_h) / 60.0 * network.time.step_min
    paid = np.concatenate([np.zeros((n_stations, 1)), np.cumsum(rent_cny, axis=1)], axis=1)
    start = np.arange(n_steps + 1)
    costs = np.empty((n_stations, len(network.stay_steps), n_steps + 1))
    for m, stay in enumerate(network.stay_steps):
        rent = paid[:, np.minimum(start + stay, n_steps)] - paid[:, start]
        clock = per_step[m] * start
        costs[:, m] = np.minimum.accumulate((rent + clock)[:, ::-1], axis=1)[:, ::-1] - clock
    return costs


def rent_value_cny(network: Network, rent_cny: np.ndarray) -> float:
    """Total rent of all plugs over the day, used or not [CNY], from rents per plug, shape (n_stations, K)."""
    return float((np.asarray(network.plugs, dtype=float) * rent_cny.sum(axis=1)).sum())
