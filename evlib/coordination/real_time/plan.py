"""The plan from a step to the end of the day: prices, plug rents and the ways of those who still depart."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evlib.assignment.dynamic_equilibrium import Extragradient
from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.path_costs import Traffic
from evlib.assignment.route_choice import drop_residual_flows
from evlib.assignment.tno import Metric
from evlib.coordination.newton.curvature import Response
from evlib.coordination.newton.dual import Dual
from evlib.coordination.newton.pressed_rents import PressedRents, program_waiting
from evlib.coordination.newton.step import ascend, newton_step
from evlib.coordination.problem import CoupledProblem
from evlib.coordination.real_time.window_grid import WindowGrid
from evlib.flexibility.cohorts import vehicle_costs
from evlib.flexibility.proximal_reply import ProximalFleet

__all__ = ["FIRST_PLAN", "LATER_PLAN", "Effort", "Plan", "make_plan"]

# Weight of vehicles' last plan [CNY/kWh^2] and of drivers' last flows [CNY/veh]: in the first plan, factor after an
# iteration, least; as in coordination by Newton steps.
FIRST_WEIGHT, WEIGHT_FALL, LEAST_WEIGHT = 0.05, 0.8, 5e-3
FIRST_METRIC, METRIC_RISE, WORSE = 20.0, 1.5, 1.05
# Factor of the weight of flows after a better iteration, and its least: where drivers queue for plugs, and with rents, which
# move with flows.
METRIC_FALL, LEAST_METRIC = 0.65, 4.0
METRIC_FALL_WITH_RENTS, LEAST_METRIC_WITH_RENTS = 0.8, 8.0
LEAST_DEMAND_VEH = 0.05
# A dispatch is improved no further where a step leaves more than this share of the gap.
SLOW = 0.9


@dataclass(frozen=True)
class Effort:
    """How far a plan is worked out.

    Attributes
    ----------
    iterations : int
        Most answers of vehicles, drivers and grid to each other.
    relative_gap, price_gap : float
        It ends earlier where both gaps are this small.
    first_newton_steps, newton_steps : int
        Most Newton steps on prices and rents in the first iteration and in later ones.
    driver_steps : int
        Steps of drivers through the loading in an iteration.
    dispatch_steps : int
        Most steps by which the dispatch that the price gap is measured with is improved, once drivers have settled.
    """

    iterations: int
    relative_gap: float
    price_gap: float
    first_newton_steps: int
    newton_steps: int
    driver_steps: int = 15
    dispatch_steps: int = 0


FIRST_PLAN = Effort(32, 1e-3, 1e-4, 6, 3, 15, 8)
LATER_PLAN = Effort(3, 2e-3, 3e-4, 3, 2, 12)


@dataclass(frozen=True)
class Plan:
    """A plan, with its certificate; also what the next plan starts from.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of followers that are still to come [veh].
    price_cny_kwh : ndarray, shape (n_bus, K)
        Announced from the plan's first step on; earlier ones stay as they were.
    rent_cny : ndarray, shape (n_stations, K), or None
    change_kwh : ndarray, shape (n_cohorts, T)
        What vehicles are to charge in their remaining steps [kWh].
    weight, level_cny_veh, walk_step : float
        Present weights and step of the method.
    excess_cny_veh, relative_gap, price_gap : float
        Certificate: how far followers are from equilibrium at the announced prices, and prices from supporting the
        expected dispatch; the first two are nan where nobody follows any more.
    iterations : int
    monitored : ndarray of bool
        What the grid monitors.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    change_kwh: np.ndarray
    weight: float = FIRST_WEIGHT
    level_cny_veh: float = FIRST_METRIC
    walk_step: float = math.nan
    excess_cny_veh: float = math.nan
    relative_gap: float = math.nan
    price_gap: float = math.nan
    iterations: int = 0
    monitored: np.ndarray | None = None


def make_plan(problem: CoupledProblem, grid: WindowGrid, start: Plan, effort: Effort) -> tuple[Plan, Traffic]:
    """Let grid, vehicles and drivers settle from the problem's first step on.

    Parameters
    ----------
    problem : CoupledProblem
        Departures that are over, or that follow no signal, are its ``fixed_veh``; cohorts are as they stand now.
    grid : WindowGrid
        The remaining steps, as they are forecast.
    start : Plan
        The last plan; its flows meet the demand that is still to come.
    effort : Effort

    Returns
    -------
    Plan
        The best of its iterates, with its own gaps, measured after loading.
    Traffic
        The loading of its flows.

    Notes
    -----
    The method is that of :mod:`evlib.coordination.newton`. Drivers who misjudge costs (logit) do not reply within the
    dual; they take their steps through the loading only.
    """
    settling, best, least = _Settling(problem, grid, start), None, math.inf
    for iteration in range(effort.iterations + 1):
        settling.measure(effort)
        distance = settling.distance(effort)
        if best is None or distance < least:
            best, least = (settling.plan(iteration), settling.traffic), distance
        if iteration == effort.iterations or distance <= 1.0:
            break
        settling.answer(effort.newton_steps if iteration else effort.first_newton_steps, effort.driver_steps)
    plan, traffic = best
    return replace(plan, monitored=grid.monitored), traffic


class _Settling:
    """The iteration of one plan."""

    def __init__(self, problem: CoupledProblem, grid: WindowGrid, start: Plan):
        self.problem, self.grid, self.fleet = problem, grid, ProximalFleet(problem.cohorts)
        self.flows, self.rent, self.change = start.flows_veh, start.rent_cny, start.change_kwh
        self.bus_price = start.price_cny_kwh
        self.price = grid.level(start.price_cny_kwh[problem.case.station_bus])
        self.weight, self.level = start.weight, start.level_cny_veh
        self.followers = bool(problem.demand_veh.any())
        self.replying = self.followers and problem.traffic.drivers.logit_cny == 0
        network = problem.network
        self.walk = Extragradient(problem.demand_veh, network.path_origin, logit_cny=problem.traffic.drivers.logit_cny)
        if not math.isnan(start.walk_step):
            self.walk.step = start.walk_step
        wanted = np.maximum(problem.demand_veh[network.path_origin], LEAST_DEMAND_VEH)
        self.per_level = 0.5 / wanted
        self.traffic, self.gaps, self.price_gap, self.excess = None, Gaps(), math.nan, math.nan
        self.sold_cny = math.nan

    def measure(self, effort: Effort) -> None:
        """Load the present flows and measure both gaps at the present prices."""
        problem, grid = self.problem, self.grid
        self.traffic = problem.traffic.evaluate(self.flows)
        if self.followers:
            before, self.gaps = self.excess, gaps(self.traffic, problem.electricity(self._at_buses()), self.rent)
            self.excess = self.gaps.excess_cny_veh
            if not math.isnan(before):
                fall, least = METRIC_FALL_WITH_RENTS, LEAST_METRIC_WITH_RENTS
                if self.rent is None:
                    fall, least = METRIC_FALL, LEAST_METRIC
                factor = METRIC_RISE if self.excess > WORSE * before else fall
                self.level = max(self.level * factor, least)
        sizes = problem.sizes(self.traffic)
        answer = grid.free(self.price)
        self.sold_cny = answer.cost_cny
        lower = answer.cost_cny + float(sizes @ vehicle_costs(problem.cohorts, self.price))
        self.price_gap = self._price_gap(sizes, lower, effort)
        self.bus_price = self._announced(answer.price_cny_kwh)

    def _price_gap(self, sizes: np.ndarray, lower_cny: float, effort: Effort) -> float:
        """Cost of a dispatch that vehicles can follow less the value of the prices, over the scale of costs."""
        problem, price, gap, change = self.problem, self.price, math.inf, self.change
        settled = not self.followers or self.gaps.relative_gap <= effort.relative_gap
        for tried in range(1 + effort.dispatch_steps * settled):
            reply = self.fleet.reply(price, change, self.weight)
            station_kw = self.fleet.station_kw(sizes, reply)
            upper_cny = self.grid.fixed(station_kw).grid_cny + float(sizes @ reply.own_cny)
            before, gap = gap, min(gap, (upper_cny - lower_cny) / problem.scale_cny)
            if gap <= effort.price_gap or (tried > 1 and gap > SLOW * before) or tried == effort.dispatch_steps:
                break
            bend = self.fleet.curvature(sizes, reply, self.weight)
            response = Response(station_kw, np.zeros_like(station_kw), bend)
            price = self.grid.level(price + newton_step(problem, self.grid, price, None, response).price_cny_kwh)
            change = reply.change_kwh if tried % 2 else change
        return gap

    def _at_buses(self) -> np.ndarray:
        """Prices of all buses of which those of stations are the present ones; all that vehicles ask for."""
        price = self.bus_price.copy()
        price[self.problem.case.station_bus] = self.price
        return price

    def _announced(self, fresh: np.ndarray) -> np.ndarray:
        """Prices of all buses, those before the first step unchanged."""
        price, later = self.bus_price.copy(), slice(self.problem.first_step, None)
        price[:, later] = fresh[:, later]
        price[self.problem.case.station_bus, later] = self.price[:, later]
        return price

    def distance(self, effort: Effort) -> float:
        """How many times larger than wanted the present gaps are, the larger of both."""
        of_drivers = self.gaps.relative_gap / effort.relative_gap if self.followers else 0.0
        return float(max(of_drivers, self.price_gap / effort.price_gap))

    def answer(self, newton_steps: int, driver_steps: int) -> None:
        """Newton steps on prices and rents; then drivers take steps through the loading at these, and rents give way to them."""
        problem, rent = self.problem, self.rent if self.replying else None
        metric = self.level * self.per_level
        seen, traffic = problem, self.traffic
        if not self.replying:
            nobody = np.zeros_like(problem.demand_veh)
            fixed = problem.fixed_veh + self.flows
            seen = replace(problem, traffic=replace(problem.traffic, demand_veh=nobody, fixed_veh=fixed))
            traffic = replace(self.traffic, fixed_veh=fixed)
        dual = Dual(seen, traffic, metric, self.fleet, self.grid, self.change, self.weight)
        point = ascend(dual, dual.at(self.price, rent, self.sold_cny), newton_steps).point
        self.price, self.change = point.price_cny_kwh, point.reply.change_kwh
        self.weight = max(self.weight * WEIGHT_FALL, LEAST_WEIGHT)
        rents = None
        if rent is not None:
            self.rent = point.rent_cny
            rents = PressedRents(point.rent_cny, program_waiting(dual, point), problem.first_step)
        if self.followers:
            self._drive(point.flows_veh if self.replying else self.flows, Metric(metric), rents, driver_steps)

    def _drive(self, flows: np.ndarray, metric: Metric, rents: PressedRents | None, n_steps: int) -> None:
        problem, before = self.problem, self.flows
        flows = drop_residual_flows(flows, problem.demand_veh, problem.network.path_origin)
        electricity = problem.electricity(self._at_buses())

        def cost_of(ahead):
            traffic = problem.traffic.evaluate(ahead)
            rent_cny = self.rent if rents is None else rents(traffic)
            return traffic.costs(electricity, rent_cny) + metric.pull_of(ahead - before)

        moved = self.walk.run(cost_of, flows, n_steps)
        self.flows = drop_residual_flows(moved, problem.demand_veh, problem.network.path_origin)
        if rents is not None:
            self.rent = rents(problem.traffic.evaluate(self.flows))

    def plan(self, iterations: int) -> Plan:
        """The present state as a plan."""
        return Plan(
            flows_veh=self.flows,
            price_cny_kwh=self.bus_price,
            rent_cny=self.rent,
            change_kwh=self.change,
            weight=self.weight,
            level_cny_veh=self.level,
            walk_step=self.walk.step,
            excess_cny_veh=float(self.gaps.excess_cny_veh),
            relative_gap=float(self.gaps.relative_gap),
            price_gap=float(self.price_gap),
            iterations=iterations,
        )
