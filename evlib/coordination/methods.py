"""How traffic and grid respond to each other: one class per method, which finds the next flows, prices and rents."""

from __future__ import annotations

import math

import numpy as np

from evlib.assignment.dynamic_equilibrium import equilibrium
from evlib.assignment.route_choice import cheapest_departures, drop_residual_flows
from evlib.assignment.tno import Metric, reply
from evlib.coordination.city.method import City
from evlib.coordination.iteration import Iteration
from evlib.coordination.joint.cutting_planes import CutMemory, Cuts, solve_bundle
from evlib.coordination.joint.joint_program import joint_by_columns, joint_program, surrogate_bound
from evlib.coordination.joint.plug_rents import crowded
from evlib.coordination.method import Method
from evlib.coordination.newton.method import Newton

__all__ = ["METHODS", "BestResponse", "Bundle", "Inertia", "Joint", "RestedResponse"]

# For how many iterations plugs that were nearly full remain limited in the joint program.
WATCHED_FOR = 4
# Largest number of exchanges with the grid in one iteration of bundle, the same in its last exact_iterations, and the
# certified gap at which to stop earlier. At first trajectories change so much that a sharper answer is not worth it.
EXCHANGES, LAST_EXCHANGES, INNER_GAP = 2, 5, 1e-4
# How many times the scenario's steps drivers take to come to rest.
REST = 5
# Factors on an adaptive damping: after an iteration that made the price gap larger, and after any other.
DAMPING_DOWN, DAMPING_UP = 0.6, 1.1


class Joint(Method):
    """One program for both sides with frozen travel times; then drivers take steps of their own at its prices.

    The last ``exact_iterations`` and every ``exact_period``-th one before use exact domains. In all other iterations
    cohorts mix their best answers to earlier prices (an inner set).
    """

    knows_rents = True

    def checked(self, iteration: int) -> bool:
        return iteration == 0 or iteration > self.keys.iterations - self.keys.exact_iterations

    def exact(self, iteration: int) -> bool:
        """Whether this iteration uses the whole set of every cohort."""
        if not self.problem.vehicles.mixes or self.checked(iteration):
            return True
        # the last iteration too, so that the result is never priced by mixed schedules alone
        return iteration % self.keys.exact_period == 0 or iteration == self.keys.iterations - 1

    def answer(self, iteration: int):
        metric = self.run.metric()
        joint = self.program(iteration, metric.and_each(self.run.traffic.misjudged()[1]), self.watched())
        flows = drop_residual_flows(joint.flows_veh, self.problem.demand_veh, self.problem.network.path_origin)
        return self.drive(flows, metric, joint.price_cny_kwh, joint.rent_cny), joint.price_cny_kwh, joint.rent_cny

    def program(self, iteration: int, metric: Metric, watched):
        """The joint optimum at the present trajectories: flows, prices and rents."""
        run, problem, state = self.run, self.problem, self.run.state
        if self.exact(iteration):
            joint = self._whole(metric, watched)
            state.pool = []
            if iteration == self.keys.iterations - 1:  # bounds are for the last trajectories
                lower = surrogate_bound(problem, run.traffic, metric, joint.price_cny_kwh, joint.rent_cny)
                state.bounds_cny = (lower, joint.cost_cny)
        else:
            state.pool = [*state.means, *state.replies]
            joint = joint_program(problem, run.traffic, metric, state.pool, watched=watched)
        if problem.vehicles.mixes:
            state.replies = [*state.replies, problem.best_schedules(joint.price_cny_kwh)][-self.keys.schedules :]
        return joint

    def watched(self):
        """Where plugs were nearly full in recent iterations, shape (n_stations, K); None without rents."""
        state = self.run.state
        if state.rent_cny is None:
            return None
        state.crowded = [*state.crowded, crowded(self.problem, self.run.traffic)][-WATCHED_FOR:]
        return np.any(state.crowded, axis=0)

    def _whole(self, metric, watched):
        problem, traffic, state = self.problem, self.run.traffic, self.run.state
        if problem.vehicles.by_columns:
            start = state.replies or [problem.best_schedules(state.price_cny_kwh)]
            joint, schedules = joint_by_columns(problem, traffic, metric, start, watched=watched)
            state.replies = schedules[-self.keys.schedules :]
            return joint
        joint = joint_program(problem, traffic, metric, watched=watched)
        if joint.schedule is not None:
            state.means = [*state.means, joint.schedule][-2:]
        return joint


class Bundle(Joint):
    """The joint program solved by exchanging cohorts and prices.

    Cuts from earlier trajectories are kept, and the price gap of every iterate is measured.
    """

    def __init__(self, run: Iteration):
        super().__init__(run)
        run.state.cuts = run.state.cuts or CutMemory()
        self.cuts = Cuts(self.problem, run.state.cuts)

    def checked(self, iteration: int) -> bool:
        return True

    def measure(self, iteration: int) -> None:
        """Load and measure the present flows, count the numbers exchanged, and keep the grid's answer as a cut."""
        before = self.cuts.crossed
        self.run.measure(True, self.cuts.observe)
        self.run.state.note(inner_gap=math.nan, exchanged=self.cuts.crossed - before)

    def program(self, iteration: int, metric: Metric, watched):
        state, cuts, before = self.run.state, self.cuts, self.cuts.crossed
        late = iteration >= self.keys.iterations - self.keys.exact_iterations
        most = LAST_EXCHANGES if late else EXCHANGES
        bundle = solve_bundle(self.problem, self.run.traffic, metric, cuts, gap=INNER_GAP, most=most, watched=watched)
        state.bounds_cny = (bundle.lower_cny, bundle.upper_cny)
        state.note(inner_gap=bundle.gap, exchanged=state.rows[-1].exchanged + cuts.crossed - before)
        return bundle


class Inertia(Method):
    """Prices move part of the way to the grid's last answer; drivers reply to them, held near their present flows.

    The switch ``damping_rule`` sets this part: ``damping`` as a constant, or divided by the square root of the
    iteration, or raised and lowered according to its effect on the price gap, but at least that of plain averages.
    """

    def answer(self, iteration: int):
        run, problem = self.run, self.problem
        weight, metric, traffic = self._weight(iteration), run.metric(), run.traffic
        price = run.state.price_cny_kwh + weight * (run.fresh.price_cny_kwh - run.state.price_cny_kwh)
        slope, curvature = traffic.misjudged()
        cost, bent = traffic.costs(problem.electricity(price)) + slope, metric.and_each(curvature)
        flows = reply(cost, problem.demand_veh, problem.network.path_origin, traffic.flows_veh, bent)
        return self.drive(flows, metric, price, None), price, None

    def _weight(self, iteration: int) -> float:
        rule, state = self.problem.scenario.switches.damping_rule, self.run.state
        if rule == "decreasing":
            return self.keys.damping / math.sqrt(iteration + 1.0)
        if iteration == 0 or rule == "constant":
            state.damping = self.keys.damping
        elif iteration > 1:
            before, now = (row.price_gap for row in state.rows[-2:])
            changed = state.damping * (DAMPING_DOWN if now > before else DAMPING_UP)
            state.damping = min(max(changed, self.keys.damping / (iteration + 1.0)), 1.0)  # never too small to arrive
        return state.damping


class BestResponse(Method):
    """Everybody's best reply to the last prices: the article's method, taken literally."""

    def measure(self, iteration: int) -> None:
        super().measure(iteration)
        self.run.state.note(metric_cny_veh=math.nan)  # no metric keeps flows near the last ones

    def answer(self, iteration: int):
        run, problem, traffic = self.run, self.problem, self.run.traffic
        price = run.fresh.price_cny_kwh
        cost = traffic.costs(problem.electricity(price))
        if traffic.logit_cny > 0:
            return cheapest_departures(problem.network, problem.demand_veh, cost, traffic.logit_cny), price, None
        return reply(cost, problem.demand_veh, problem.network.path_origin), price, None


class RestedResponse(BestResponse):
    """Drivers come to rest at the last prices, which are not damped: the article's method in a fairer reading.

    Each side solves its own problem to the end: drivers reach an equilibrium among themselves before the grid answers.
    """

    def answer(self, iteration: int):
        problem, price = self.problem, self.run.fresh.price_cny_kwh
        steps = max(self.keys.traffic_steps, 1)
        flows = self.run.state.flows_veh
        rest = equilibrium(problem.traffic, problem.electricity(price), flows, n_steps=REST * steps, every=steps)
        return rest.flows_veh, price, None


METHODS = {"newton": Newton, "joint": Joint, "bundle": Bundle, "inertia": Inertia, "best_response": BestResponse}
METHODS |= {"rested_response": RestedResponse, "city": City}
