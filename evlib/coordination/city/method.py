"""The loop's method for a city: prices and rents at frozen trajectories, each by Newton steps, then a new loading."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from evlib.assignment.dynamic_equilibrium import Extragradient
from evlib.assignment.gaps import gaps
from evlib.assignment.many_stations.choice_sets import with_appended
from evlib.assignment.route_choice import drop_residual_flows
from evlib.assignment.tno import Metric
from evlib.coordination.city.city_dual import CityDual
from evlib.coordination.city.dispatch import CityDispatch, dispatch_city, whole_dispatch
from evlib.coordination.city.growing import OutsideSearch, adopt_paths, same_loading
from evlib.coordination.city.kinds import Kinds
from evlib.coordination.city.memory import refuse_too_large
from evlib.coordination.city.plugs import plugs_lacking_veh
from evlib.coordination.iteration import Iterate, Iteration, IterationRow
from evlib.coordination.method import Method
from evlib.coordination.newton.method import PRICE_GAP_TOLERANCE, why_not_newton
from evlib.coordination.newton.pressed_rents import PressedRents
from evlib.errors import InputError
from evlib.flexibility.proximal_reply import ProximalFleet
from evlib.grid.fleet_dispatch import FleetDispatch
from evlib.grid.reduced.reduced_grid import ReducedGrid
from evlib.inputs.build_grid import build_grid_options

__all__ = ["City"]

log = logging.getLogger(__name__)

# Weight of vehicles' last plan [CNY/kWh^2]: at first, factor after each iteration, at least.
FIRST_WEIGHT, WEIGHT_FALL, LEAST_WEIGHT = 0.05, 0.7, 2e-3
# Weight that keeps flows near the last ones [CNY/veh]: at first, and its bounds; its factors after an iteration that made
# the excess less than BETTER times the last, and after any other. A weight that made the excess WORSE times as large was
# too small: the run goes back to the best iterate with these paths, and from then on the weight stays above ABOVE times that.
FIRST_METRIC, LEAST_METRIC, MOST_METRIC = 4.0, 0.2, 20.0
METRIC_FALL, METRIC_RISE, BETTER, WORSE, ABOVE = 0.7, 1.2, 0.95, 1.5, 1.6
# Steps of prices, each followed by rents: in an iteration, in one where travel times move (see FROZEN), and in the first.
PRICE_STEPS, MOVING_PRICE_STEPS, FIRST_PRICE_STEPS = 2, 4, 6
# Rents are solved until this much a vehicle is wrong [CNY/veh], or this share of the excess, or after so many steps.
RENT_TOLERANCE, RENT_SHARE, RENT_STEPS = 3e-4, 0.05, 10
# Steps towards a dispatch of the vehicles that came, where the price gap is too large.
DISPATCH_STEPS = 8
# Steps of drivers through the loading after an answer: where they queue for plugs, and where travel times move so much
# with flows that the first answer, found at those of the start, left more than this share of the excess. The run then
# starts again, with at least this weight on flows.
DRIVER_STEPS, FROZEN, MOVING_METRIC = 15, 0.5, 10.0
# Ways to all stations are searched after an iteration that added more than this share of paths, and in every iteration of
# this number; for every so many departure steps, and in the end for all.
GREW, SEARCH_EVERY, SEARCH_STEPS = 0.02, 4, 3
# The run ends at so small a relative gap, or excess [CNY/veh] if the scenario states no other, over all ways and stations;
# it may take this many times the scenario's iterations.
CLOSE, CLOSE_CNY_VEH, MORE_ITERATIONS = 1e-3, 6e-3, 2


class City(Method):
    """As method ``newton``, for hundreds of stations: cohorts merged, rents solved together, paths that grow.

    It is made for objective ``system``, where rents share the plugs. With ``user`` drivers queue for them; where many do,
    it does not settle, and its certificate says so. Where long queues stand on the roads, as in the base case, drivers take
    steps of their own and rents give way to them; it settles there too, though method ``newton`` takes fewer iterations.

    Of the scenario's section ``coordination`` it reads ``iterations``, ``tol_relative_gap``, ``stop_excess_cny_veh`` and
    ``stop_price_gap``.
    """

    knows_rents, grows = True, True
    not_applicable: ClassVar[dict] = dict.fromkeys(
        ("lower_bound_cny", "upper_bound_cny"), "bounds of the joint program: method city never solves it"
    )

    def __init__(self, run: Iteration):
        scenario, charging = run.problem.scenario, run.problem.charging
        reason = why_not_newton(scenario, charging)
        if scenario.switches.signal != "experienced":
            reason = reason or f"switches.signal is {scenario.switches.signal!r}; ways are searched as experienced"
        if run.problem.traffic.drivers.fee_cny is not None:
            reason = reason or "stations have fees, which its search of all ways does not count"
        if reason:
            raise InputError(f"method 'city': {reason}; use method 'joint'")
        log.info("memory: about %.1f GiB", refuse_too_large(run.problem.network))
        super().__init__(run)
        problem, state = self.problem, self.run.state
        self.plugs_lacking_veh = self._plugs_lacking_veh()
        self.grid, self.search = ReducedGrid(problem.case, problem.options), OutsideSearch(problem)
        self.may_grow = scenario.switches.path_set == "generated"
        if state.plan_kwh is None:
            state.plan_kwh = np.zeros((problem.cohorts.n, problem.cohorts.domain.n_steps))
            state.plan_weight, state.level_cny_veh = FIRST_WEIGHT, FIRST_METRIC
        if state.price_cny_kwh is None:
            state.price_cny_kwh = np.broadcast_to(problem.case.import_price_cny_kwh, problem.case.load_kw.shape)
        if state.monitored is not None:
            self.grid.monitor(state.monitored)
        self._merge()

    @property
    def most_iterations(self) -> int:
        """Largest number of answers."""
        return MORE_ITERATIONS * self.keys.iterations

    def _plugs_lacking_veh(self) -> float:
        network = self.problem.network
        departures = self.problem.demand_veh.sum(axis=0) + self.problem.fixed_veh.sum(axis=0)
        lacking = plugs_lacking_veh(departures, network.stay_steps, network.plugs)
        if lacking > 0:
            log.warning(
                "%s: %.0f plugs, but %.0f vehicles are to be plugged in at once; somebody must wait, and the run is not likely "
                "to settle: add plugs, or send fewer vehicles",
                *(network.label, network.plugs.sum(), network.plugs.sum() + lacking),
            )
        return lacking

    def _merge(self) -> None:
        """Merge cohorts by the grid's present price groups."""
        self.kinds = Kinds.of(self.problem.cohorts, self.grid.station_group)
        self.fleet = ProximalFleet(self.kinds.fleet)

    def _electricity(self, station_price: np.ndarray) -> np.ndarray:
        return self.kinds.by_step(self.kinds.vehicle_cny(station_price), self.problem.network.stay_steps)

    def measure(self, iteration: int) -> None:
        """Load and measure the present flows over all ways and stations; paths that would save somebody are added."""
        run, state, start = self.run, self.run.state, time.perf_counter()
        run.traffic = self.problem.traffic.evaluate(state.flows_veh)
        loaded, price = time.perf_counter(), state.price_cny_kwh[self.problem.case.station_bus]
        electricity, rent = self._electricity(price), state.rent_cny
        measured, bound = gaps(run.traffic, electricity, rent), math.nan
        if self._looks(iteration, measured):
            bound = self._look(electricity, rent)
            measured = gaps(run.traffic, electricity, rent)
        gap = self._price_gap(price)
        state.looser_solves += self.grid.take_looser_solves()
        row = IterationRow(
            iteration=len(state.rows),
            excess_cny_veh=measured.excess_cny_veh,
            relative_gap=measured.relative_gap,
            price_gap=gap,
            metric_cny_veh=state.level_cny_veh,
            priced_by="exact",
            seconds_load=loaded - start,
            seconds_check=time.perf_counter() - loaded,
            n_paths=len(self.problem.network.paths),
            bound_over_all_cny_veh=bound,
        )
        state.rows.append(row)
        state.iterates.append(Iterate(state.flows_veh, state.price_cny_kwh, rent, measured))

    def _looks(self, iteration: int, measured) -> bool:
        """Whether ways to all stations are searched in this iteration."""
        rows = self.run.state.rows
        grew = len(rows) < 2 or rows[-1].n_paths > (1.0 + GREW) * rows[-2].n_paths
        return iteration > 0 and (grew or iteration % SEARCH_EVERY == 0 or self._close(measured))

    def _close(self, measured) -> bool:
        """Whether an excess is small enough to end the run."""
        close = measured.relative_gap <= min(CLOSE, self.keys.tol_relative_gap)
        return close or measured.excess_cny_veh <= (self.keys.stop_excess_cny_veh or CLOSE_CNY_VEH)

    def _look(self, electricity, rent) -> float:
        """Bound on the excess over all ways and stations; paths are added that may save somebody."""
        run, cost = self.run, self.run.traffic.costs(electricity, rent)
        outside = self.search.look(self.problem, run.traffic, electricity, rent, SEARCH_STEPS)
        bound = outside.excess_cny_veh(run.traffic, cost)
        paths = self.search.cheaper_paths(run.traffic, outside, cost) if self.may_grow else []
        if paths:
            adopt_paths(run, paths)
            self.problem = run.problem
            step, self.walk = self.walk.step, Extragradient(self.problem.demand_veh, self.problem.network.path_origin)
            self.walk.step = step
            run.traffic = same_loading(self.problem, run.traffic)
        return bound

    def over_all_paths(self, iterate: Iterate) -> dict:
        """Of the certificate: quickest ways that may still save somebody, the excess if drivers knew them, plugs that lack."""
        traffic = self.problem.traffic.evaluate(iterate.flows_veh)
        electricity = self._electricity(iterate.price_cny_kwh[self.problem.case.station_bus])
        outside = self.search.look(self.problem, traffic, electricity, iterate.rent_cny)
        cost = traffic.costs(electricity, iterate.rent_cny)
        missing = self.search.cheaper_paths(traffic, outside, cost)
        wider = self.problem.with_traffic(with_appended(self.problem.traffic, missing))
        over_all = gaps(same_loading(wider, traffic), electricity, iterate.rent_cny).excess_cny_veh
        measured = {"paths_missing": len(missing), "excess_over_all_paths_cny_veh": over_all}
        return measured | {"plugs_lacking_veh": self.plugs_lacking_veh}

    def _price_gap(self, price: np.ndarray) -> float:
        """A bound on the price gap from above: cost of a dispatch that vehicles can follow less the value of the prices."""
        answer = self._dispatch(self.problem.sizes(self.run.traffic), price)
        return (answer.upper_cny - answer.lower_cny) / self.problem.scale_cny

    def _dispatch(self, sizes_veh: np.ndarray, price: np.ndarray, *, any_price: bool = False) -> CityDispatch:
        """A dispatch near vehicles' last plan, in steps that start from prices (n_stations, K)."""
        state, close = self.run.state, PRICE_GAP_TOLERANCE * self.problem.scale_cny
        plan, weight = state.plan_kwh[self.kinds.first], state.plan_weight
        steps = {"close_cny": close, "most_steps": DISPATCH_STEPS, "any_price": any_price}
        return dispatch_city(sizes_veh, self.kinds, self.fleet, self.grid, price, plan, weight, **steps)

    def dispatcher(self, iterate: Iterate) -> Callable:
        """Dispatches those who come in an iterate as the loop did, from the prices announced to them."""
        problem, price = self.problem, iterate.price_cny_kwh[self.problem.case.station_bus]
        options = build_grid_options(problem.scenario, final=True)

        def dispatch(sizes_veh: np.ndarray) -> FleetDispatch:
            answer = self._dispatch(sizes_veh, price, any_price=True)
            return whole_dispatch(problem.case, options, sizes_veh, self.kinds, answer)

        return dispatch

    def statuses(self) -> str:
        """How the programs of the grid ended: all optimal, some perhaps at a looser tolerance than the first."""
        looser = self.run.state.looser_solves
        return super().statuses() + (f"; {looser} programs at a looser tolerance" if looser else "")

    def settled(self) -> bool:
        """Whether the present iterate is as close to equilibrium as wanted, with prices that support its dispatch."""
        rows, measured = self.run.state.rows, self.run.state.iterates[-1].gaps
        looked = not math.isnan(rows[-1].bound_over_all_cny_veh)
        supported = abs(rows[-1].price_gap) <= (self.keys.stop_price_gap or PRICE_GAP_TOLERANCE)
        return looked and supported and self._close(measured)

    def answer(self, iteration: int):
        problem, state, metric = self.problem, self.run.state, self._metric()
        first = len(state.rows) == 1 or self._starts_again()
        best = 0 if first else self._best_since_growth(len(state.rows) - 1)
        if first:
            state.plan_kwh, state.plan_weight = np.zeros_like(state.plan_kwh), FIRST_WEIGHT
        if best < len(state.rows) - 1:
            before = state.iterates[best]
            state.flows_veh, state.price_cny_kwh = before.flows_veh, before.price_cny_kwh
            state.rent_cny = before.rent_cny
            self.run.traffic = problem.traffic.evaluate(state.flows_veh)
        rent, price = state.rent_cny, state.price_cny_kwh[problem.case.station_bus]
        per_vehicle = RENT_TOLERANCE if first else max(RENT_TOLERANCE, RENT_SHARE * state.rows[-1].excess_cny_veh)
        tolerance = per_vehicle * float(problem.demand_veh.sum())
        dual, point = None, None
        steps = MOVING_PRICE_STEPS if self._times_move() else PRICE_STEPS
        for _ in range(FIRST_PRICE_STEPS if first else steps):
            if dual is None or self.grid.n_groups != self.kinds.fleet.n_stations:
                self._merge()
                dual = self._dual(metric)
                point = dual.rent_steps(dual.at(price, rent), tolerance, RENT_STEPS)
            point = dual.rent_steps(dual.price_step(point), tolerance, RENT_STEPS)
            price, rent = point.price_cny_kwh, point.rent_cny
        state.plan_kwh = point.reply.change_kwh[dual.kinds.of_cohort]
        state.plan_weight = max(state.plan_weight * WEIGHT_FALL, LEAST_WEIGHT)
        at_buses = self.grid.free(price).price_cny_kwh.copy()
        at_buses[problem.case.station_bus] = price
        state.monitored = self.grid.monitored
        state.looser_solves += self.grid.take_looser_solves()
        if self.grid.n_groups != self.kinds.fleet.n_stations:
            self._merge()
        flows = drop_residual_flows(point.flows_veh, problem.demand_veh, problem.network.path_origin)
        if rent is None or self._times_move():  # only steps through the loading see what flows do to times and queues
            # In the program nobody waits: its rents send away whoever finds no plug.
            rents = None if rent is None else PressedRents(rent, np.zeros_like(rent), problem.first_step)
            flows, rent = self.drive_at_rents(flows, Metric(metric), at_buses, rents, DRIVER_STEPS)
        return flows, at_buses, rent

    def _times_move(self) -> bool:
        """Whether answers at frozen travel times lead astray, as the first one showed."""
        rows = self.run.state.rows
        return len(rows) > 1 and rows[1].excess_cny_veh > FROZEN * rows[0].excess_cny_veh

    def _starts_again(self) -> bool:
        """Whether this is the answer after the first one, and travel times move."""
        return len(self.run.state.rows) == 2 and self._times_move()

    def _dual(self, metric: np.ndarray) -> CityDual:
        state = self.run.state
        plan = state.plan_kwh[self.kinds.first]
        return CityDual(
            self.problem, self.run.traffic, metric, self.kinds, self.fleet, self.grid, plan, state.plan_weight
        )

    def _best_since_growth(self, last: int) -> int:
        """The iterate to go on from after the iterate ``last``: itself, unless the excess was much smaller with these paths."""
        rows = self.run.state.rows
        same = [i for i in range(last + 1) if rows[i].n_paths == rows[last].n_paths]
        best = min(same, key=lambda i: rows[i].excess_cny_veh)
        return best if rows[last].excess_cny_veh > WORSE * rows[best].excess_cny_veh else last

    def _metric(self) -> np.ndarray:
        """Weight on each flow, the level over its demand; the level falls after a better iteration, else it rises."""
        state = self.run.state
        rows = state.rows
        small = [row.metric_cny_veh for i, row in enumerate(rows) if self._best_since_growth(i) < i]
        least = max(LEAST_METRIC, ABOVE * max(small, default=0.0))
        if len(state.rows) > 1:
            last, now = (row.excess_cny_veh for row in rows[-2:])
            changed = state.level_cny_veh * (METRIC_FALL if now < BETTER * last else METRIC_RISE)
            least = MOVING_METRIC if self._starts_again() else least
            state.level_cny_veh = min(max(changed, least), MOST_METRIC)
        return state.level_cny_veh * self.run.per_level
