"""How traffic and grid answer each other: one class a method, each with the next flows, prices and rents."""

from __future__ import annotations

import math

import numpy as np

from evlib.assignment.dynamic_equilibrium import Extragradient
from evlib.assignment.route_choice import cheapest_departures, drop_residual_flows
from evlib.assignment.tno import Metric, reply
from evlib.coordination.cutting_planes import Cuts, solve_bundle
from evlib.coordination.iteration import Talk
from evlib.coordination.joint_program import joint_by_columns, joint_program, surrogate_bound
from evlib.coordination.plug_limits import crowded

__all__ = ["METHODS", "BestResponse", "Bundle", "Inertia", "Joint"]

# Plugs that were nearly full within so many iterations stay limits of the joint program.
WATCHED_FOR = 4
# Exchanges with the grid in one iteration of bundle, in its last exact_iterations, and the certified gap at which fewer will
# do: early on trajectories change by more than a sharper answer would be worth.
EXCHANGES, LAST_EXCHANGES, INNER_GAP = 2, 5, 1e-4
# Factors on an adaptive damping after an iteration that made the price gap larger, and after one that did not.
DAMPING_DOWN, DAMPING_UP = 0.6, 1.1


class Method:
    """What all methods share: every iterate is checked, nothing is remembered.

    Parameters
    ----------
    talk : Talk
        The run; a method keeps what it remembers in ``talk.state``, so that a saved run can go on.
    """

    knows_rents = False

    def __init__(self, talk: Talk):
        self.talk, self.market, self.keys = talk, talk.market, talk.keys
        state = talk.state
        if self.knows_rents and self.market.objective == "system" and state.rent_cny is None:
            state.rent_cny = np.zeros((len(self.market.network.stations), self.market.network.time.n_steps))
        theta = self.market.scenario.fleet.logit_cny
        self.walk = Extragradient(self.market.demand_veh, self.market.network.path_origin, logit_cny=theta)
        if not math.isnan(state.walk_step):
            self.walk.step = state.walk_step

    def checked(self, iteration: int) -> bool:
        """Whether the price gap of this iteration's start is measured."""
        return True

    def measure(self, iteration: int) -> None:
        """Load and measure the present flows."""
        self.talk.measure(self.checked(iteration))

    def answer(self, iteration: int):
        """Flows, prices and rents of the next iterate."""
        raise NotImplementedError

    def drive(self, flows_veh, metric: Metric, price_cny_kwh, rent_cny) -> np.ndarray:
        """Drivers find their way through the loading at announced prices and rents, for the scenario's number of steps.

        Drawn to the flows of before by the metric, as the program is: where neither half moves the other is answered too.
        """
        market, before, electricity = self.market, self.talk.state.flows_veh, self.talk.electricity(price_cny_kwh)
        flows = self.walk.run(
            lambda ahead: market.look(ahead).costs(electricity, rent_cny) + metric.pull_of(ahead - before),
            flows_veh,
            self.keys.traffic_steps,
        )
        self.talk.state.walk_step = self.walk.step
        return flows


class Joint(Method):
    """One program for both, travel times frozen; then drivers' own steps at its prices.

    All but the last ``exact_iterations``, and of the earlier every ``exact_period``-th, let cohorts mix their best answers
    to earlier prices (an inner set) instead of using exact domains.
    """

    knows_rents = True

    def checked(self, iteration: int) -> bool:
        return iteration == 0 or iteration > self.keys.iterations - self.keys.exact_iterations

    def exact(self, iteration: int) -> bool:
        """Whether this iteration works with the whole set of every cohort."""
        no_mix = self.market.charging == "uncontrolled" or self.market.domain_set == "zonotope"
        last = (
            iteration == self.keys.iterations - 1
        )  # so that what is returned is never priced by mixed schedules alone
        return no_mix or iteration % self.keys.exact_period == 0 or self.checked(iteration) or last

    def answer(self, iteration: int):
        metric = self.talk.metric()
        found = self.program(iteration, metric.and_each(self.talk.traffic.misjudged()[1]), self.watched())
        flows = drop_residual_flows(found.flows_veh, self.market.demand_veh, self.market.network.path_origin)
        return self.drive(flows, metric, found.price_cny_kwh, found.rent_cny), found.price_cny_kwh, found.rent_cny

    def program(self, iteration: int, metric: Metric, watched):
        """The common optimum at the present trajectories: flows, prices and rents."""
        talk, market, state = self.talk, self.market, self.talk.state
        if self.exact(iteration):
            found = self._whole(metric, watched)
            state.pool = []
            if iteration == self.keys.iterations - 1:  # bounds are those of the last trajectories
                lower = surrogate_bound(market, talk.traffic, metric, found.price_cny_kwh, found.rent_cny)
                state.bounds_cny = (lower, found.cost_cny)
        else:
            state.pool = [*state.means, *state.replies]
            found = joint_program(market, talk.traffic, metric, state.pool, watched=watched)
        if market.domain_set != "zonotope":
            state.replies = [*state.replies, market.best_schedules(found.price_cny_kwh)][-self.keys.schedules :]
        return found

    def watched(self):
        """Stations and steps where plugs were nearly full lately; None without rents."""
        state = self.talk.state
        if state.rent_cny is None:
            return None
        state.crowded = [*state.crowded, crowded(self.market, self.talk.traffic)][-WATCHED_FOR:]
        return np.any(state.crowded, axis=0)

    def _whole(self, metric, watched):
        market, traffic, state = self.market, self.talk.traffic, self.talk.state
        if market.domain_set == "columns" and market.charging != "uncontrolled":
            start = state.replies or [market.best_schedules(state.price_cny_kwh)]
            found, schedules = joint_by_columns(market, traffic, metric, start, watched=watched)
            state.replies = schedules[-self.keys.schedules :]
            return found
        found = joint_program(market, traffic, metric, watched=watched)
        if found.schedule is not None:
            state.means = [*state.means, found.schedule][-2:]
        return found


class Bundle(Joint):
    """The same program solved by exchanging cohorts and prices; cuts of earlier trajectories stay, every iterate is checked."""

    def __init__(self, talk: Talk):
        super().__init__(talk)
        self.cuts = Cuts(self.market, **talk.state.cuts)

    def checked(self, iteration: int) -> bool:
        return True

    def measure(self, iteration: int) -> None:
        """What crosses the border for it counts, and the grid's answer becomes a cut."""
        before = self.cuts.crossed
        self.talk.measure(True, self.cuts.observe)
        self.talk.state.rows[-1] |= {"inner_gap": math.nan, "exchanged": self.cuts.crossed - before}

    def program(self, iteration: int, metric: Metric, watched):
        state, cuts, before = self.talk.state, self.cuts, self.cuts.crossed
        late = iteration >= self.keys.iterations - self.keys.exact_iterations
        most = LAST_EXCHANGES if late else EXCHANGES
        found = solve_bundle(self.market, self.talk.traffic, metric, cuts, gap=INNER_GAP, most=most, watched=watched)
        state.bounds_cny, state.cuts = (found.lower_cny, found.upper_cny), cuts.remembered()
        row = state.rows[-1]
        row |= {"inner_gap": found.gap, "exchanged": row["exchanged"] + cuts.crossed - before}
        return found


class Inertia(Method):
    """Prices move part of the way to the grid's last answer, and drivers answer them, drawn to where they were.

    Switch ``damping_rule``: the part is ``damping``, constant or divided by the square root of the iteration, or made larger
    or smaller by what it did to the price gap, but at least that of plain averages.
    """

    def answer(self, iteration: int):
        talk, market = self.talk, self.market
        weight, metric, traffic = self._weight(iteration), talk.metric(), talk.traffic
        price = talk.state.price_cny_kwh + weight * (talk.fresh.price_cny_kwh - talk.state.price_cny_kwh)
        slope, curvature = traffic.misjudged()
        cost, bent = traffic.costs(market.electricity(price)) + slope, metric.and_each(curvature)
        flows = reply(cost, market.demand_veh, market.network.path_origin, traffic.flows_veh, bent)
        return self.drive(flows, metric, price, None), price, None

    def _weight(self, iteration: int) -> float:
        rule, state = self.market.scenario.switches.damping_rule, self.talk.state
        if rule == "decreasing":
            return self.keys.damping / math.sqrt(iteration + 1.0)
        if iteration == 0 or rule == "constant":
            state.damping = self.keys.damping
        elif iteration > 1:
            before, now = (row["price_gap"] for row in state.rows[-2:])
            changed = state.damping * (DAMPING_DOWN if now > before else DAMPING_UP)
            state.damping = min(max(changed, self.keys.damping / (iteration + 1.0)), 1.0)  # never too little to arrive
        return state.damping


class BestResponse(Method):
    """Everybody's best reply to the last prices: the article, read literally."""

    def measure(self, iteration: int) -> None:
        super().measure(iteration)
        self.talk.state.rows[-1]["metric_cny_veh"] = math.nan  # nothing keeps flows near the last

    def answer(self, iteration: int):
        talk, market, traffic = self.talk, self.market, self.talk.traffic
        price = talk.fresh.price_cny_kwh
        cost = traffic.costs(market.electricity(price))
        if traffic.logit_cny > 0:
            return cheapest_departures(market.network, market.demand_veh, cost, traffic.logit_cny), price, None
        return reply(cost, market.demand_veh, market.network.path_origin), price, None


METHODS = {"joint": Joint, "bundle": Bundle, "inertia": Inertia, "best_response": BestResponse}
