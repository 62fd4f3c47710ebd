"""The grid's dispatch of the vehicles that came to a city's stations, between bounds on its cost."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from evlib.coordination.city.kinds import Kinds
from evlib.coordination.city.price_curve import price_newton_step, whole_curvature
from evlib.errors import SolverError
from evlib.flexibility.proximal_reply import ProximalFleet, ProximalReply, schedule_of
from evlib.flexibility.station_load import StationLoad
from evlib.grid.dno import dispatch_grid
from evlib.grid.fleet_dispatch import FleetDispatch
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.reduced.reduced_grid import ReducedGrid

__all__ = ["CityDispatch", "dispatch_city", "whole_dispatch"]

log = logging.getLogger(__name__)

# Steps end where one leaves more than this share of the gap.
SLOW = 0.9


@dataclass(frozen=True)
class CityDispatch:
    """A dispatch that vehicles can follow.

    Attributes
    ----------
    station_kw : ndarray, shape (n_stations, K)
        Of the cheapest one seen [kW].
    price_cny_kwh : ndarray, shape (n_stations, K)
        Prices after the last step.
    lower_cny, upper_cny : float
        Value of the first prices, or of the best if ``any_price``; cost of the dispatch. J(N) lies between.
    reply : ProximalReply
        What one vehicle of every kind does in it.
    """

    station_kw: np.ndarray
    price_cny_kwh: np.ndarray
    lower_cny: float
    upper_cny: float
    reply: ProximalReply


def dispatch_city(
    sizes_veh: np.ndarray,
    kinds: Kinds,
    fleet: ProximalFleet,
    grid: ReducedGrid,
    price_cny_kwh: np.ndarray,
    plan_kwh: np.ndarray,
    weight: float,
    *,
    close_cny: float,
    most_steps: int,
    any_price: bool = False,
) -> CityDispatch:
    """Improve a dispatch by Newton steps on prices, for vehicles that stay near a plan.

    Parameters
    ----------
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort [veh].
    kinds : Kinds
    fleet : ProximalFleet
        Of ``kinds.fleet``.
    grid : ReducedGrid
    price_cny_kwh : ndarray, shape (n_stations, K)
    plan_kwh : ndarray, shape (n_kinds, T)
    weight : float
        Of the plan [CNY/kWh^2].
    close_cny : float
        Steps end where the bounds are so near.
    most_steps : int
    any_price : bool, optional
        Whether the lower bound may be that of later prices; else it says what the first prices support.

    Returns
    -------
    CityDispatch
    """
    size, price, plan = kinds.sizes(sizes_veh), price_cny_kwh, plan_kwh
    lower = _value(grid, kinds, size, price)
    upper, best_kw, best = math.inf, np.zeros_like(price), None
    for step in range(most_steps):
        reply = fleet.reply(kinds.prices(price), plan, weight)
        station_kw = kinds.station_kw(sizes_veh, reply.power_kw)
        cost, before = _cost(grid, station_kw) + float(size @ reply.own_cny), upper
        if cost < upper or best is None:
            upper, best_kw, best = cost, station_kw, reply
        slow = step > 1 and upper - lower > SLOW * (before - lower)
        if upper - lower <= close_cny or slow or grid.n_groups != kinds.fleet.n_stations:
            break
        vehicles = fleet.curvature(size, reply, weight)
        curvature = whole_curvature(vehicles, np.zeros([vehicles[:, 0].size] * 2))
        price = price + price_newton_step(grid, kinds, price, station_kw, curvature)[0]
        plan = reply.change_kwh if step % 2 else plan
        if any_price:
            lower = max(lower, _value(grid, kinds, size, price))
    return CityDispatch(best_kw, price, lower, upper, best)


def whole_dispatch(
    case: GridCase, options: GridOptions, sizes_veh: np.ndarray, kinds: Kinds, answer: CityDispatch
) -> FleetDispatch:
    """The feeder with all its buses at a dispatch's station power, and what the vehicles of every cohort do.

    Parameters
    ----------
    case : GridCase
    options : GridOptions
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort [veh].
    kinds : Kinds
    answer : CityDispatch

    Returns
    -------
    FleetDispatch
        It says by how much it may cost more than the least.

    Raises
    ------
    SolverError
        If the feeder cannot deliver this power.
    """
    own_cny = float(kinds.sizes(sizes_veh) @ answer.reply.own_cny)
    load = StationLoad(cp.Constant(answer.station_kw / 1000.0), cp.Constant(own_cny / 1000.0))
    schedule = schedule_of(kinds.fleet.domain, answer.reply)

    def of_cohorts():
        whole = schedule.take(kinds.of_cohort)
        return whole.times(sizes_veh > 0)

    dispatch = dispatch_grid(case, options, load)
    return FleetDispatch(dispatch, of_cohorts, most_above_cny=max(answer.upper_cny - answer.lower_cny, 0.0))


def _value(grid: ReducedGrid, kinds: Kinds, size: np.ndarray, price: np.ndarray) -> float:
    """Least cost of the grid that sells at prices, and what vehicles pay at least [CNY]: never above J(N)."""
    return grid.free(price).cost_cny + float(size @ kinds.vehicle_cny(price))


def _cost(grid: ReducedGrid, station_kw: np.ndarray) -> float:
    """Cost of the grid at given station power [CNY]; infinite where a hard limit forbids it."""
    try:
        return grid.fixed(station_kw).grid_cny
    except SolverError as error:
        log.debug("no dispatch of vehicles near their plan: %s", error)
        return math.inf
