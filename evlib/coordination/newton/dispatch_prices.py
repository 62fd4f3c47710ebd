"""Prices that support a dispatch of the vehicles that came, with bounds on what that dispatch costs; nobody drives elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evlib.assignment.path_costs import Traffic
from evlib.coordination.newton.dual import Dual
from evlib.coordination.newton.step import ascend
from evlib.coordination.problem import CoupledProblem
from evlib.errors import InfeasibleError
from evlib.flexibility.cohorts import vehicle_costs
from evlib.flexibility.proximal_reply import ProximalFleet, ProximalReply
from evlib.grid.reduced.reduced_grid import ReducedGrid

__all__ = ["DispatchBounds", "SupportingPrices"]

# Weight that keeps flows where they are [CNY/veh^2].
STILL = 1e9
# Most Newton steps towards the dispatch of vehicles near a plan; the gain at which they end, as a share of the scale of costs;
# and how often the plan becomes what they last did.
STEPS, LITTLE_GAIN, ROUNDS = 4, 1e-7, 3


@dataclass(frozen=True)
class SupportingPrices:
    """Prices, and the cost of a dispatch that vehicles can follow.

    Attributes
    ----------
    price_cny_kwh : ndarray, shape (n_stations, K)
    lower_cny : float
        Value of these prices: no dispatch of these vehicles costs less.
    upper_cny : float
        The least cost of a dispatch that was met on the way to these prices; infinite if hard limits leave none near the plan.
    """

    price_cny_kwh: np.ndarray
    lower_cny: float
    upper_cny: float


class DispatchBounds:
    """The dispatch of given vehicles between two bounds.

    Parameters
    ----------
    problem : CoupledProblem
    fleet : ProximalFleet
    grid : ReducedGrid
    sizes_veh : ndarray, shape (n_cohorts,)
        Vehicles in each cohort [veh].
    """

    def __init__(self, problem: CoupledProblem, fleet: ProximalFleet, grid: ReducedGrid, sizes_veh: np.ndarray):
        self.problem, self.fleet, self.grid, self.sizes_veh = problem, fleet, grid, sizes_veh

    def lower_cny(self, price_cny_kwh: np.ndarray) -> float:
        """What prices of stations, shape (n_stations, K), are worth: no dispatch costs less [CNY]."""
        own_cny = vehicle_costs(self.problem.cohorts, price_cny_kwh)
        return self.grid.free(price_cny_kwh).cost_cny + float(self.sizes_veh @ own_cny)

    def upper_cny(self, reply: ProximalReply) -> float:
        """Cost of the dispatch in which vehicles do this [CNY]; infinite where hard limits forbid it."""
        station_kw = self.fleet.station_kw(self.sizes_veh, reply)
        try:
            return self.grid.fixed(station_kw).grid_cny + float(self.sizes_veh @ reply.own_cny)
        except InfeasibleError:
            return math.inf

    def supporting(
        self, traffic: Traffic, price_cny_kwh: np.ndarray, plan_kwh: np.ndarray, weight: float, close_cny: float
    ) -> SupportingPrices:
        """Newton steps from some prices towards those of the dispatch, until bounds are close.

        Parameters
        ----------
        traffic : Traffic
            The loading with which these vehicles came.
        price_cny_kwh : ndarray, shape (n_stations, K)
            Where to start.
        plan_kwh, weight
            Vehicles stay near this plan, as in :class:`evlib.coordination.newton.dual.Dual`; it follows what they do.
        close_cny : float
            Difference of the bounds at which to stop [CNY].

        Returns
        -------
        SupportingPrices
            The best prices met, the first ones among them.
        """
        still = np.full(traffic.flows_veh.shape, STILL)
        best_cny, best, upper = self.lower_cny(price_cny_kwh), price_cny_kwh, math.inf
        price = price_cny_kwh
        for _ in range(ROUNDS):
            dual = Dual(self.problem, traffic, still, self.fleet, self.grid, plan_kwh, weight)
            point = ascend(dual, dual.at(price, None), STEPS, little_gain=LITTLE_GAIN).point
            price, plan_kwh = point.price_cny_kwh, point.reply.change_kwh
            upper, lower = min(upper, self.upper_cny(point.reply)), self.lower_cny(price)
            if lower > best_cny:
                best_cny, best = lower, price
            if upper - best_cny <= close_cny:
                break
        return SupportingPrices(best, best_cny, upper)
