"""The dual of the joint program of a city at frozen trajectories, and its ascent: prices and rents in turn.

As in :mod:`evlib.coordination.newton.dual`. Prices move by one Newton step of all price groups and the grid; rents of
all stations are solved together at these prices, see :mod:`evlib.assignment.many_stations.within_plugs`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.many_stations.plug_limits import DriversChoice, Held, PathsByOrigin, choose, project
from evlib.assignment.many_stations.within_plugs import rents_within_plugs
from evlib.assignment.path_costs import Traffic, path_costs
from evlib.coordination.city.kinds import Kinds
from evlib.coordination.city.price_curve import drivers_curvature, price_newton_step, whole_curvature
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.proximal_reply import ProximalFleet, ProximalReply
from evlib.grid.reduced.reduced_grid import ReducedGrid

__all__ = ["CityDual", "CityPoint"]

# A step of prices is shortened until the dual falls by at most this share of the scale of costs.
FALL, SHORTEN, LEAST_LENGTH = 1e-7, 0.4, 0.02


@dataclass(frozen=True)
class CityPoint:
    """The dual at prices and rents.

    Attributes
    ----------
    price_cny_kwh : ndarray, shape (n_stations, K)
    rent_cny : ndarray, shape (n_stations, K), or None
    value_cny : float
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    reply : ProximalReply
        Of one vehicle of every kind.
    grid_cny : float
        The grid's part of the value [CNY].
    choice : DriversChoice
        What drivers choose among at these prices.
    """

    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    value_cny: float
    flows_veh: np.ndarray
    reply: ProximalReply
    grid_cny: float
    choice: DriversChoice


class CityDual:
    """The dual at the trajectories of one loading.

    Parameters
    ----------
    problem : CoupledProblem
    traffic : Traffic
        The loading of the present flows.
    metric_cny_veh2 : ndarray, shape of the flows
    kinds : Kinds
    fleet : ProximalFleet
        Of ``kinds.fleet``.
    grid : ReducedGrid
    plan_kwh : ndarray, shape (n_kinds, T)
        What vehicles did last [kWh].
    weight : float
        Weight of the plan [CNY/kWh^2].
    """

    def __init__(
        self,
        problem: CoupledProblem,
        traffic: Traffic,
        metric_cny_veh2: np.ndarray,
        kinds: Kinds,
        fleet: ProximalFleet,
        grid: ReducedGrid,
        plan_kwh: np.ndarray,
        weight: float,
    ):
        self.problem, self.traffic, self.kinds = problem, traffic, kinds
        self.fleet, self.grid, self.plan_kwh, self.weight = fleet, grid, plan_kwh, weight
        network = problem.network
        self.with_rents = traffic.stations is not None
        self.road_cny = traffic.time_cny + traffic.road_toll_cny
        if self.with_rents:
            self.road_cny = self.road_cny - traffic.stations.waiting_cny
        self.choice = DriversChoice(
            network=network,
            groups=PathsByOrigin.of(network.path_origin, len(problem.demand_veh)),
            demand_veh=problem.demand_veh,
            fixed_veh=problem.fixed_veh,
            present_veh=traffic.flows_veh,
            cost_cny=self.road_cny,
            metric_cny_veh2=metric_cny_veh2,
            arrival_shares=traffic.stations.arrival_shares if self.with_rents else traffic.shares,
            queue_cny_h=problem.traffic.drivers.queue_cny_h,
            plugs=network.plugs,
        )

    def at(self, price_cny_kwh: np.ndarray, rent_cny: np.ndarray | None, grid_cny: float | None = None) -> CityPoint:
        """Let grid, vehicles and drivers reply to prices and rents, both of shape (n_stations, K)."""
        price = self.kinds.prices(price_cny_kwh)
        reply = self.fleet.reply(price, self.plan_kwh, self.weight)
        vehicle_cny = self.fleet.paid_cny(price, reply) + reply.own_cny + reply.away_cny
        electricity = self.kinds.by_step(vehicle_cny, self.problem.network.stay_steps)
        choice = replace(self.choice, cost_cny=self._costs(electricity))
        if grid_cny is None:
            grid_cny = self.grid.free(price_cny_kwh).cost_cny
        return self._point(price_cny_kwh, reply, grid_cny, choice, self._reply(choice, rent_cny))

    def price_step(self, point: CityPoint) -> CityPoint:
        """One Newton step of all prices, as long as the dual allows; rents stay."""
        kinds, size = self.kinds, self.sizes(point.flows_veh)
        curvature = whole_curvature(
            self.fleet.curvature(kinds.sizes(size), point.reply, self.weight),
            drivers_curvature(point.choice, self.traffic.shares, kinds, point.reply, point.flows_veh),
        )
        station_kw = kinds.station_kw(size, point.reply.power_kw)
        change, grid_cny = price_newton_step(self.grid, kinds, point.price_cny_kwh, station_kw, curvature)
        length, enough = 1.0, point.value_cny - FALL * self.problem.scale_cny
        while True:
            ahead = self.at(point.price_cny_kwh + length * change, point.rent_cny, grid_cny)
            if ahead.value_cny >= enough or length < LEAST_LENGTH:
                return ahead
            length, grid_cny = length * SHORTEN, None

    def rent_steps(self, point: CityPoint, tolerance_cny: float, most_steps: int) -> CityPoint:
        """Rents at which all drivers find a plug, at the point's prices; the point itself without rents."""
        if point.rent_cny is None:
            return point
        settled = rents_within_plugs(point.choice, point.rent_cny, tolerance_cny, most_steps)
        return self._point(point.price_cny_kwh, point.reply, point.grid_cny, point.choice, settled.held)

    def sizes(self, flows_veh: np.ndarray) -> np.ndarray:
        """Vehicles of each cohort, if flows plug in as they do in the loading, shape (n_cohorts,) [veh]."""
        network, cohorts = self.problem.network, self.kinds.cohorts
        everybody, n_levels = flows_veh + self.problem.fixed_veh, cohorts.n_levels
        plug_ins, n_stations = self.traffic.shares, len(network.stations)
        if n_levels == 1:
            return cohorts.sizes_of(plug_ins.sums(network.path_station, everybody, n_stations))
        share = network.arrival_levels.share
        by_level = [
            plug_ins.sums(network.path_station, share[:, :, level, None] * everybody, n_stations)
            for level in range(n_levels)
        ]
        return cohorts.sizes_of(np.stack(by_level, axis=2))

    def _costs(self, electricity_cny: np.ndarray) -> np.ndarray:
        network = self.problem.network
        return path_costs(
            self.road_cny, electricity_cny, self.traffic.shares, network.path_station, network.arrival_levels
        )

    def _reply(self, choice: DriversChoice, rent_cny) -> Held | tuple[float, np.ndarray]:
        if rent_cny is not None:
            return choose(choice, rent_cny)
        flows = project(choice.present_veh - choice.cost_cny / choice.metric_cny_veh2, choice.demand_veh, choice.groups)
        moved = 0.5 * float((choice.metric_cny_veh2 * (flows - choice.present_veh) ** 2).sum())
        return float((choice.cost_cny * (flows + choice.fixed_veh)).sum()) + moved, flows

    def _point(self, price, reply, grid_cny, choice, held) -> CityPoint:
        if isinstance(held, Held):
            value, flows, rent = held.value_cny, held.flows_veh, held.rent_cny
        else:
            (value, flows), rent = held, None
        return CityPoint(price, rent, float(grid_cny) + value, flows, reply, float(grid_cny), choice)
