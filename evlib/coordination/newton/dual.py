"""The dual of the joint program for frozen trajectories: everybody replies to prices and rents, and nothing is mixed.

.. math:: D(\\lambda, \\rho) = \\min_e [g(e) - h \\lambda \\cdot e] - P \\cdot \\rho
          + \\min_f \\bigl[ C(V_\\varepsilon(\\lambda), \\mu(\\rho)) \\cdot f + \\tfrac12 (f - f^i)^T M (f - f^i) \\bigr]

g is the grid's cost of station power, V the electricity cost of vehicles, which also stay near their last plan, and mu
what a plug costs in rent and waiting. D is concave; where it is largest, prices and rents support one answer of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evlib.assignment.dynamic_equilibrium import nearest_flows
from evlib.assignment.path_costs import Traffic
from evlib.assignment.plug_prices import rent_value_cny
from evlib.coordination.newton.soft_waiting import SoftWaiting, soft_waiting
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.cohorts import mean_over_types
from evlib.flexibility.proximal_reply import ProximalFleet, ProximalReply
from evlib.grid.reduced.reduced_grid import ReducedGrid

__all__ = ["Dual", "DualPoint"]

# Softness of the choice to wait for a cheaper plug, if none is named [CNY]; what it takes from D is next to nothing.
SHARP_CNY = 1e-3


@dataclass(frozen=True)
class DualPoint:
    """The dual at prices and rents.

    Attributes
    ----------
    price_cny_kwh : ndarray, shape (n_stations, K)
    rent_cny : ndarray, shape (n_stations, K), or None
        Rent of one plug for one step [CNY]; None for objective ``user``.
    value_cny : float
        D, a lower bound on the joint program with the vehicles' proximal term.
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Drivers' reply [veh].
    reply : ProximalReply
        What one vehicle of every cohort does.
    waiting : SoftWaiting or None
        When vehicles plug in at these rents.
    """

    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    value_cny: float
    flows_veh: np.ndarray
    reply: ProximalReply
    waiting: SoftWaiting | None = None


class Dual:
    """The dual at the trajectories of one loading.

    Parameters
    ----------
    problem : CoupledProblem
    traffic : Traffic
        The loading of the present flows f^i.
    metric_cny_veh2 : ndarray, shape of the flows
        Diagonal of M, the same on all paths of an origin, class and step [CNY/veh^2].
    fleet : ProximalFleet
    grid : ReducedGrid
    plan_kwh : ndarray, shape (n_cohorts, T)
        What vehicles did last: change of energy in each step [kWh].
    weight : float
        Weight of the plan [CNY/kWh^2].
    softness_cny : float, optional
        By how much those who wait for a cheaper plug may be wrong, see :mod:`evlib.coordination.newton.soft_waiting` [CNY].
    """

    def __init__(
        self,
        problem: CoupledProblem,
        traffic: Traffic,
        metric_cny_veh2: np.ndarray,
        fleet: ProximalFleet,
        grid: ReducedGrid,
        plan_kwh: np.ndarray,
        weight: float,
        softness_cny: float = SHARP_CNY,
    ):
        self.problem, self.traffic, self.metric = problem, traffic, metric_cny_veh2
        self.fleet, self.grid, self.plan_kwh, self.weight = fleet, grid, plan_kwh, weight
        self.softness_cny = softness_cny

    def at(self, price_cny_kwh: np.ndarray, rent_cny: np.ndarray | None, grid_cny: float | None = None) -> DualPoint:
        """Let grid, vehicles and drivers reply to prices and rents, both of shape (n_stations, K).

        ``grid_cny`` is the grid's part if it is known already [CNY].
        """
        problem, present = self.problem, self.traffic.flows_veh
        reply = self.fleet.reply(price_cny_kwh, self.plan_kwh, self.weight)
        vehicle_cny = self.fleet.paid_cny(price_cny_kwh, reply) + reply.own_cny + reply.away_cny
        electricity = mean_over_types(problem.cohorts, vehicle_cny, problem.network.stay_steps)
        waiting = station_cny = None
        if rent_cny is not None:
            waiting = soft_waiting(problem.network, rent_cny, self.traffic.stations.queue_cny_h, self.softness_cny)
            station_cny = waiting.cost_cny
        cost = self.traffic.costs(electricity, rent_cny, station_cny)
        flows = nearest_flows(present - cost / self.metric, problem.demand_veh, problem.network.path_origin)
        drivers_cny = (cost * (flows + problem.fixed_veh)).sum() + 0.5 * (self.metric * (flows - present) ** 2).sum()
        plugs_cny = 0.0 if rent_cny is None else rent_value_cny(problem.network, rent_cny)
        if grid_cny is None:
            grid_cny = self.grid.free(price_cny_kwh).cost_cny
        return DualPoint(price_cny_kwh, rent_cny, float(grid_cny + drivers_cny - plugs_cny), flows, reply, waiting)
