"""The loop's method of Newton steps: prices and rents that support the joint program, found without its vehicles and flows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import ClassVar

import numpy as np

from evlib.assignment.gaps import gaps
from evlib.assignment.route_choice import drop_residual_flows
from evlib.assignment.tno import Metric
from evlib.coordination.announced_price import price_gap
from evlib.coordination.iteration import Iterate, Iteration
from evlib.coordination.method import Method
from evlib.coordination.newton.dispatch_prices import DispatchBounds, SupportingPrices
from evlib.coordination.newton.dual import Dual
from evlib.coordination.newton.pace import open_share, out_of_reach
from evlib.coordination.newton.pressed_rents import PressedRents, program_waiting
from evlib.coordination.newton.step import LEAST_INERTIA, LITTLE_GAIN, ascend
from evlib.coordination.one_day import LEAST_COHORT_VEH
from evlib.errors import InputError
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.fleet_dispatch import FleetDispatch
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_options
from evlib.inputs.scenario import Scenario

__all__ = ["PRICE_GAP_TOLERANCE", "Newton", "why_not_newton"]

# Weight of vehicles' last plan [CNY/kWh^2]: at first, factor after an iteration, at least.
FIRST_WEIGHT, WEIGHT_FALL, LEAST_WEIGHT = 0.05, 0.8, 5e-3
# Softness of the choice to wait for a cheaper plug [CNY]: at first, factor after an iteration, at least. The least is what one
# vehicle may lose by waiting wrongly.
FIRST_SOFTNESS, SOFTNESS_FALL, LEAST_SOFTNESS = 1.0, 0.75, 0.05
# Both become less only after an iteration whose last Newton step gained less than this share of the scale of costs.
ANSWERED = 1e-3
# Weight that keeps flows near the last ones [CNY/veh]: at first and at least where drivers queue for plugs; the same with rents,
# which move with flows; and at most.
FIRST_METRIC, LEAST_METRIC = 40.0, 4.0
FIRST_METRIC_WITH_RENTS, LEAST_METRIC_WITH_RENTS = 20.0, 8.0
MOST_METRIC = 160.0
# It rises where the excess became more than WORSE times as large, faster where the relative gap is above FAR; it falls where the
# excess has crept down twice in turn, to more than CREEPS times the one before. While the excess falls fast it stays, or rents
# and prices would begin to swing from one loading to the next.
METRIC_FALL, METRIC_RISE, METRIC_RISE_FAR, WORSE, CREEPS, FAR = 0.5, 1.5, 2.0, 1.05, 0.7, 1e-2
# Most Newton steps in the first iteration, whose trajectories are far from any equilibrium, and in a later one; they end where
# one gains less than this share of the price gap; the tolerance of their programs. Steps of drivers after them.
FIRST_STEPS, NEWTON_STEPS, GAIN_OF_GAP, STEP_TOLERANCE = 6, 12, 3e-3, 1e-5
DRIVER_STEPS = 15
# No ratio of excesses is taken to less than this one [CNY/veh].
LEAST_EXCESS = 1e-12
# Where only the price gap has been too large for so many iterations, an exact dispatch may set the prices, in every such one.
PATIENCE = 3
PRICE_GAP_TOLERANCE = 1e-4
# The run ends at an iterate of so small a relative gap, if the scenario states no other, whose prices support its dispatch;
# its iterations are cheap, so it may take this many times the scenario's.
CLOSE, MORE_ITERATIONS = 1e-3, 2


def why_not_newton(scenario: Scenario, charging: str) -> str | None:
    """Why the method cannot be used, or None if it can."""
    switches = scenario.switches
    if charging == "uncontrolled":
        return "charging 'uncontrolled' does not reply to prices"
    if switches.set not in ("exact", "columns"):
        return f"switches.set is {switches.set!r}; vehicles reply with their exact domains ('exact' or 'columns')"
    if switches.grid_model == "cone":
        return "switches.grid_model is 'cone'; the grid without its buses is linear ('lindistflow' or 'cone_final')"
    if scenario.fleet.logit_cny > 0:
        return f"fleet.logit_cny is {scenario.fleet.logit_cny:g}; drivers reply without misjudging costs (0)"
    return None


class Newton(Method):
    """Newton steps on prices and rents at frozen trajectories; then drivers take steps of their own at these prices.

    While they do, rents give way to them (:mod:`evlib.coordination.newton.pressed_rents`); those of the last step are announced.

    Everything that it keeps from one iteration to the next is in the state of the run: prices, rents, vehicles' last plan
    and its weight. Its own weights and numbers of steps are the constants above; of the scenario's section
    ``coordination`` it reads ``iterations``, ``tol_relative_gap``, ``stop_relative_gap`` and
    ``stop_price_gap``.
    """

    knows_rents = True
    not_applicable: ClassVar[dict] = dict.fromkeys(
        ("lower_bound_cny", "upper_bound_cny"), "bounds of the joint program: method newton never solves it"
    )

    def __init__(self, run: Iteration):
        reason = why_not_newton(run.problem.scenario, run.problem.charging)
        if reason:
            raise InputError(f"method 'newton': {reason}; use method 'joint'")
        super().__init__(run)
        problem, state = self.problem, self.run.state
        self._close = min(self.keys.stop_relative_gap or CLOSE, self.keys.tol_relative_gap)
        self._close_price = self.keys.stop_price_gap or PRICE_GAP_TOLERANCE
        self.fleet, self.grid = ProximalFleet(problem.cohorts), ReducedGrid(problem.case, problem.options)
        if state.plan_kwh is None:
            state.plan_kwh, state.plan_weight = self.fleet.idle(), FIRST_WEIGHT
            state.level_cny_veh = FIRST_METRIC if state.rent_cny is None else FIRST_METRIC_WITH_RENTS
            state.softness_cny, state.rent_inertia = FIRST_SOFTNESS, LEAST_INERTIA
        if state.monitored is not None:
            self.grid.monitor(state.monitored)
        self._fresh = None  # sizes of an exact dispatch that set the prices, and its answer
        self._supporting: SupportingPrices | None = None  # of those who came, where only the price gap is too large
        self._gave_up = False

    @property
    def most_iterations(self) -> int:
        """Largest number of answers."""
        return MORE_ITERATIONS * self.keys.iterations

    def measure(self, iteration: int) -> None:
        """Load and measure the present flows, with a price gap between bounds on the cost of their dispatch."""
        state = self.run.state
        if state.price_cny_kwh is None:
            state.price_cny_kwh = np.broadcast_to(
                self.problem.case.import_price_cny_kwh, self.problem.case.load_kw.shape
            )
        last = iteration == self.most_iterations
        close = self.keys.tol_relative_gap if last else self._close
        self.run.measure(True, price_gap=partial(self._price_gap, close))
        if self._supporting is not None:
            self._announce_supporting_prices(close)
        self._gave_up = not last and self._is_out_of_reach()
        if self._only_prices_lack(iteration, last or self._gave_up):
            self._announce_fresh_prices(self.keys.tol_relative_gap if self._gave_up else close)
        state.looser_solves += self.grid.take_looser_solves()

    def _is_out_of_reach(self) -> bool:
        """Whether no iterate is within tolerance, and at this pace none will be."""
        rows, tolerance = self.run.state.rows, self.keys.tol_relative_gap
        if any(row.relative_gap <= tolerance and abs(row.price_gap) <= self._close_price for row in rows):
            return False
        shares = [open_share(row.relative_gap, row.price_gap, self._close, self._close_price) for row in rows]
        return out_of_reach(shares, self.most_iterations)

    def _only_prices_lack(self, iteration: int, last: bool) -> bool:
        """Whether drivers have been near equilibrium for some iterations, or are in the last, and prices are not settled."""
        rows = self.run.state.rows[-PATIENCE:]
        if rows[-1].price_gap <= self._close_price:
            return False
        if last:
            return rows[-1].relative_gap <= self.keys.tol_relative_gap
        near = [row.relative_gap <= self._close for row in rows]
        return iteration % PATIENCE == 0 and len(near) == PATIENCE and all(near)

    def _announce_supporting_prices(self, close: float) -> None:
        """Announce the prices that support a dispatch of those who came, if drivers are near equilibrium at them too."""
        run, supporting = self.run, self._supporting
        gap = (supporting.upper_cny - supporting.lower_cny) / self.problem.scale_cny
        if gap > self._close_price or run.state.rows[-1].price_gap <= self._close_price:
            return
        price = self._at_all_buses(supporting.price_cny_kwh)
        measured = gaps(run.traffic, run.electricity(price), run.state.rent_cny)
        if measured.relative_gap <= close:
            run.reprice(price, gap, measured)

    def _announce_fresh_prices(self, close: float) -> None:
        """Announce the prices of an exact dispatch of those who came, if drivers are near equilibrium at them too."""
        run, problem = self.run, self.problem
        sizes = problem.sizes(run.traffic)
        answer = problem.dispatch(np.where(sizes > LEAST_COHORT_VEH, sizes, 0.0))
        fresh = answer.dispatch
        measured = gaps(run.traffic, run.electricity(fresh.price_cny_kwh), run.state.rent_cny)
        if measured.relative_gap <= close:
            run.reprice(
                fresh.price_cny_kwh, price_gap(problem, sizes, fresh.price_cny_kwh, fresh.objective_cny), measured
            )
            self._fresh = sizes, answer

    def dispatcher(self, iterate: Iterate) -> Callable | None:
        """The exact dispatch that set the iterate's prices, if one did: it need not be solved twice."""
        problem = self.problem
        same_grid = build_grid_options(problem.scenario, final=True) == problem.options
        if not same_grid or self._fresh is None:
            return None
        sizes, answer = self._fresh
        if answer.dispatch.price_cny_kwh is not iterate.price_cny_kwh:
            return None

        def dispatch(sizes_veh: np.ndarray) -> FleetDispatch:
            same = np.allclose(sizes_veh, sizes, rtol=1e-9, atol=LEAST_COHORT_VEH)
            return answer if same else problem.dispatch(sizes_veh)

        return dispatch

    def _price_gap(self, close: float, sizes_veh: np.ndarray, relative_gap: float) -> float:
        """A bound on the price gap from above: cost of a dispatch that vehicles can follow less the value of the prices.

        The dispatch is that of vehicles near their plan. Where drivers are near equilibrium, prices that support a dispatch of
        those who came are looked for, which improves the bound. Where hard limits leave no dispatch near the plan, an exact one
        takes its place; if there is none at all, its error names the limits.
        """
        problem, state = self.problem, self.run.state
        price = state.price_cny_kwh[problem.case.station_bus]
        bounds = DispatchBounds(problem, self.fleet, self.grid, sizes_veh)
        reply = self.fleet.reply(price, state.plan_kwh, state.plan_weight)
        lower, upper = bounds.lower_cny(price), bounds.upper_cny(reply)
        close_cny = self._close_price * problem.scale_cny
        self._supporting = None
        if relative_gap <= close and upper - lower > close_cny:
            supporting = bounds.supporting(self.run.traffic, price, state.plan_kwh, state.plan_weight, close_cny)
            upper = min(upper, supporting.upper_cny)
            self._supporting = replace(supporting, upper_cny=upper)
        if math.isinf(upper):
            fresh = problem.dispatch(sizes_veh).dispatch
            return price_gap(problem, sizes_veh, state.price_cny_kwh, fresh.objective_cny)
        return (upper - lower) / problem.scale_cny

    def _at_all_buses(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Prices of all buses, shape (n_bus, K), where those of stations, shape (n_stations, K), are given."""
        price = self.grid.free(price_cny_kwh).price_cny_kwh.copy()
        price[self.problem.case.station_bus] = price_cny_kwh
        return price

    def statuses(self) -> str:
        """How the programs of the grid ended: all optimal, some perhaps at a looser tolerance than the first."""
        looser, n_answers = self.run.state.looser_solves, len(self.run.state.rows) - 1
        said = f"; {looser} programs at a looser tolerance" if looser else ""
        if self._gave_up and not self.settled():
            said += f"; given up after {n_answers} of {self.most_iterations} iterations, as its gaps fell too slowly"
        return super().statuses() + said

    def settled(self) -> bool:
        """Whether the present iterate is as close to equilibrium as wanted, with prices that support its dispatch."""
        row = self.run.state.rows[-1]
        return row.relative_gap <= self._close and abs(row.price_gap) <= self._close_price

    def gives_up(self) -> bool:
        """Whether the gaps fall too slowly to become small in the iterations that are left."""
        return self._gave_up

    def answer(self, iteration: int):
        problem, state, traffic = self.problem, self.run.state, self.run.traffic
        metric = self._metric()
        softness = state.softness_cny
        dual = Dual(problem, traffic, metric, self.fleet, self.grid, state.plan_kwh, state.plan_weight, softness)
        start = dual.at(state.price_cny_kwh[problem.case.station_bus], state.rent_cny)
        little = max(GAIN_OF_GAP * abs(state.rows[-1].price_gap), LITTLE_GAIN)
        most = NEWTON_STEPS if iteration else FIRST_STEPS
        ascent = ascend(dual, start, most, state.rent_inertia, little, STEP_TOLERANCE)
        point, state.rent_inertia = ascent.point, ascent.inertia
        state.note(exchanged=ascent.exchanged)
        state.plan_kwh = point.reply.change_kwh
        if ascent.gain < ANSWERED:
            state.plan_weight = max(state.plan_weight * WEIGHT_FALL, LEAST_WEIGHT)
            state.softness_cny = max(state.softness_cny * SOFTNESS_FALL, LEAST_SOFTNESS)
        price = self._at_all_buses(point.price_cny_kwh)
        state.monitored = self.grid.monitored
        state.looser_solves += self.grid.take_looser_solves()
        flows = drop_residual_flows(point.flows_veh, problem.demand_veh, problem.network.path_origin)
        rents = None
        if point.rent_cny is not None:
            rents = PressedRents(point.rent_cny, program_waiting(dual, point), problem.first_step)
        flows, rent = self.drive_at_rents(flows, Metric(metric), price, rents, DRIVER_STEPS)
        return flows, price, rent

    def _metric(self) -> np.ndarray:
        """Weight on each flow, half the level over its demand: it rises after a worse iteration and falls after slow ones."""
        state = self.run.state
        excess = [row.excess_cny_veh for row in state.rows[-3:]]
        ratios = [after / max(before, LEAST_EXCESS) for before, after in pairwise(excess)]
        factor = 1.0
        if ratios and ratios[-1] > WORSE:
            factor = METRIC_RISE_FAR if state.rows[-1].relative_gap > FAR else METRIC_RISE
        elif len(ratios) == 2 and all(CREEPS < ratio <= WORSE for ratio in ratios):
            factor = METRIC_FALL
        least = LEAST_METRIC if state.rent_cny is None else LEAST_METRIC_WITH_RENTS
        state.level_cny_veh = min(max(factor * state.level_cny_veh, least), MOST_METRIC)
        return 0.5 * state.level_cny_veh * self.run.per_level
