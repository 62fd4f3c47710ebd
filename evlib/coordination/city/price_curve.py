"""One Newton step of the prices of all groups together, with the curvature that vehicles and drivers give the dual."""

from __future__ import annotations

import numpy as np

from evlib.assignment.many_stations.plug_limits import DriversChoice
from evlib.coordination.city.kinds import Kinds
from evlib.flexibility.proximal_reply import ProximalReply
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.grid.reduced.station_cost import Block
from evlib.numba_cache import njit
from evlib.traffic.step_shares import StepShares

__all__ = ["drivers_curvature", "price_newton_step", "whole_curvature"]

# Added to the curvature [kWh per CNY/kWh], so that it has an inverse.
PRICE_INERTIA = 1.0
# Tolerance of the programs, which only have to lead the right way.
ROUGH = 1e-6
# With more groups than this each has a block of its own, without what drivers take from one to another.
MOST_TOGETHER = 8


def drivers_curvature(
    choice: DriversChoice, shares: StepShares, kinds: Kinds, reply: ProximalReply, flows_veh: np.ndarray
) -> np.ndarray:
    """How much energy drivers take elsewhere if prices rise: minus the second derivative of their part of the dual.

    .. math:: \\sum_{o,m,k} \\Bigl[ \\sum_p \\frac{c_p c_p^T}{M_p} - \\frac{s s^T}{\\sum_p 1 / M_p} \\Bigr],
              \\qquad s = \\sum_p \\frac{c_p}{M_p}

    c is the energy of one vehicle by group and step. As demand is fixed, only differences between paths count.

    Parameters
    ----------
    choice : DriversChoice
    shares : StepShares
        Of plug-ins.
    kinds : Kinds
    reply : ProximalReply
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Drivers' reply [veh].

    Returns
    -------
    ndarray, shape (n_groups * K, n_groups * K)
        In C order of (group, step) [kWh per CNY/kWh].
    """
    network, cohorts = choice.network, kinds.cohorts
    n_groups, n_steps = kinds.fleet.n_stations, kinds.fleet.n_steps
    n_stations, n_classes, n_types, _ = cohorts.shape
    power = reply.power_kw[kinds.of_cohort.reshape(n_stations, n_classes, n_types, n_steps)[kinds.first_station]]
    energy = _shifted(cohorts.domain.step_h * power.mean(axis=2))
    pairs = np.zeros((n_classes, n_groups, n_steps, n_groups, n_steps))
    moves = np.where(flows_veh > 0, 1.0 / choice.metric_cny_veh2, 0.0)
    group = kinds.station_group[network.path_station].astype(np.int64)
    _pairs(shares.first_step, shares.share, group, choice.groups.path, choice.groups.begin, moves, pairs)
    total = np.zeros((n_groups, n_steps, n_groups, n_steps))
    for m in range(n_classes):
        for g in range(n_groups):
            for h in range(n_groups):
                total[g, :, h] += energy[g, m].T @ pairs[m, g, :, h] @ energy[h, m]
    return total.reshape(n_groups * n_steps, -1)


def whole_curvature(of_vehicles: np.ndarray, of_drivers: np.ndarray) -> np.ndarray:
    """Curvature by all prices from that of vehicles by group, (n_groups, K, K), and that of drivers; with some inertia."""
    n_groups, n_steps, _ = of_vehicles.shape
    total = of_drivers + PRICE_INERTIA * np.eye(n_groups * n_steps)
    for g in range(n_groups):
        own = slice(g * n_steps, (g + 1) * n_steps)
        total[own, own] += of_vehicles[g]
    return total


def price_newton_step(
    grid: ReducedGrid, kinds: Kinds, price_cny_kwh: np.ndarray, station_kw: np.ndarray, curvature: np.ndarray
) -> tuple[np.ndarray, float]:
    """Change of prices that maximises the dual's quadratic model, and the grid's part of the dual after it.

    .. math:: \\min_e \\; g(e) - h \\lambda \\cdot e + \\tfrac12 a^T H^{-1} a, \\qquad a = h (\\bar e - e), \\qquad
              \\Delta\\lambda = H^{-1} a

    Parameters
    ----------
    grid : ReducedGrid
    kinds : Kinds
        By the grid's present groups.
    price_cny_kwh, station_kw : ndarray, shape (n_stations, K)
        Prices, and what stations draw at them.
    curvature : ndarray, shape (n_groups * K, n_groups * K)
        H, from :func:`whole_curvature`.

    Returns
    -------
    change_cny_kwh : ndarray, shape (n_stations, K)
    grid_cny : float
    """
    step_h, n_steps = kinds.cohorts.domain.step_h, kinds.fleet.n_steps
    n_groups, now = kinds.fleet.n_stations, kinds.prices(price_cny_kwh)
    drawn = np.zeros((n_groups, n_steps))
    np.add.at(drawn, kinds.station_group, station_kw)
    sets = [tuple(range(n_groups))] if n_groups <= MOST_TOGETHER else [(g,) for g in range(n_groups)]
    blocks, inverses = [], []
    for groups in sets:
        rows = (np.array(groups)[:, None] * n_steps + np.arange(n_steps)).reshape(-1)
        inverse = np.linalg.inv(curvature[np.ix_(rows, rows)])
        inverse = 0.5 * (inverse + inverse.T)
        inverses.append(inverse)
        linear = -(step_h**2) * (inverse @ drawn[list(groups)].reshape(-1))
        blocks.append(Block(groups, step_h**2 * inverse, linear))
    answer = grid.with_blocks(-step_h * now, blocks, tolerance=ROUGH)
    change = np.zeros_like(now)
    for groups, inverse in zip(sets, inverses, strict=True):
        lacking = step_h * (drawn[list(groups)] - answer.station_kw[list(groups)])
        change[list(groups)] = (inverse @ lacking.reshape(-1)).reshape(len(groups), n_steps)
    grid_cny = answer.grid_cny - step_h * float(((now + change) * answer.station_kw).sum())
    return change[kinds.station_group], grid_cny


def _shifted(energy: np.ndarray) -> np.ndarray:
    """Energy by step of the horizon from energy by usable step, which begins after the step of plugging in."""
    n_groups, n_classes, n_steps, n_usable = energy.shape
    whole = np.zeros((n_groups, n_classes, n_steps, n_steps))
    for step in range(n_steps - 1):
        last = min(n_usable, n_steps - step - 1)
        whole[:, :, step, step + 1 : step + 1 + last] = energy[:, :, step, :last]
    return whole


@njit(cache=True, nogil=True, error_model="numpy")
def _pairs(first, share, group, path, begin, moves, pairs):
    n_classes, n_groups, n_steps = pairs.shape[:3]
    width = share.shape[2]
    mean = np.zeros((n_groups, n_steps))
    for o in range(len(begin) - 1):
        for m in range(n_classes):
            for k in range(moves.shape[2]):
                total, low, high = 0.0, n_steps, 0
                for i in range(begin[o], begin[o + 1]):
                    p = path[i]
                    weight = moves[p, m, k]
                    if weight == 0.0:
                        continue
                    total += weight
                    g, start = group[p], first[p, k]
                    end = min(start + width, n_steps)
                    low, high = min(low, start), max(high, end)
                    for w in range(start, end):
                        one = weight * share[p, k, w - start]
                        mean[g, w] += one
                        for v in range(start, end):
                            pairs[m, g, w, g, v] += one * share[p, k, v - start]
                for g in range(n_groups):
                    for w in range(low, high):
                        if mean[g, w] == 0.0:
                            continue
                        for h in range(n_groups):
                            for v in range(low, high):
                                pairs[m, g, w, h, v] -= mean[g, w] * mean[h, v] / total
                for g in range(n_groups):
                    for w in range(low, high):
                        mean[g, w] = 0.0
