"""The price gap: whether announced prices support the dispatch of the vehicles that actually come."""

from __future__ import annotations

import numpy as np

from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.station_load import priced_power
from evlib.grid.dno import dispatch_grid

__all__ = ["grid_side", "price_gap"]


def price_gap(problem: CoupledProblem, sizes_veh: np.ndarray, price_cny_kwh: np.ndarray, cost_cny: float) -> float:
    """Measure how far announced prices are from supporting a dispatch, as a share of the cost's scale S.

    .. math:: \\frac{J(N) - d(\\lambda; N)}{S}, \\quad
              d(\\lambda; N) = \\min_e [\\text{grid}(e) - \\Delta_h \\lambda \\cdot e] + N \\cdot V(\\lambda)

    Parameters
    ----------
    problem : CoupledProblem
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles N in each cohort [veh].
    price_cny_kwh : ndarray, shape (n_bus, K)
        Announced prices [CNY/kWh].
    cost_cny : float
        J(N), from a new solve for these cohorts [CNY].

    Returns
    -------
    float
        Not negative, except within the solver's tolerance; 0 if the prices support the dispatch.
    """
    station_price = price_cny_kwh[problem.case.station_bus]
    value = problem.vehicles.vehicle_costs(station_price)
    dual_cny = grid_side(problem, station_price) + float((sizes_veh * value).sum())
    return (cost_cny - dual_cny) / problem.scale_cny


def grid_side(problem: CoupledProblem, station_price: np.ndarray) -> float:
    """Grid part of the dual [CNY]: least grid cost minus what stations pay, if they may draw any power.

    Parameters
    ----------
    problem : CoupledProblem
    station_price : ndarray, shape (n_stations, K)
        [CNY/kWh].
    """
    free = priced_power(station_price, problem.case.step_h)
    return dispatch_grid(problem.case, problem.options, free).objective_cny
