"""The announced price: whether it supports the dispatch of the vehicles that come, measured by the price gap."""

from __future__ import annotations

import numpy as np

from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.station_load import priced_power
from evlib.grid.dno import dispatch_grid

__all__ = ["grid_side", "price_gap"]


def price_gap(problem: CoupledProblem, sizes_veh: np.ndarray, price_cny_kwh: np.ndarray, cost_cny: float) -> float:
    """How far announced prices are from supporting a dispatch, as a share of the cost's scale S.

    .. math:: \\frac{J(N) - d(\\lambda; N)}{S}, \\quad
              d(\\lambda; N) = \\min_e [\\text{grid}(e) - \\Delta_h \\lambda \\cdot e] + N \\cdot V(\\lambda)

    Parameters
    ----------
    problem : CoupledProblem
    sizes_veh : ndarray, shape (n_cohorts,)
    price_cny_kwh : ndarray, shape (n_bus, K)
        Announced prices.
    cost_cny : float
        J(N), freshly solved.

    Returns
    -------
    float
        Not negative but for the solver's tolerance; 0 where the prices support the dispatch.
    """
    station_price = price_cny_kwh[problem.case.station_bus]
    value = problem.vehicles.vehicle_costs(station_price)
    dual_cny = grid_side(problem, station_price) + float((sizes_veh * value).sum())
    return (cost_cny - dual_cny) / problem.scale_cny


def grid_side(problem: CoupledProblem, station_price: np.ndarray) -> float:
    """Least grid cost less what stations pay, their power free: the dual's grid part [CNY]."""
    free = priced_power(station_price, problem.case.step_h)
    return dispatch_grid(problem.case, problem.options, free).objective_cny
