"""Coordination: flows and prices that answer each other, by one of several methods, with a record of how well they do."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evlib.bundle import Cuts, solve_bundle
from evlib.equilibrium import Extragradient
from evlib.errors import InputError
from evlib.joint import crowded, joint_by_columns, joint_program, surrogate_bound
from evlib.market import Market, price_gap
from evlib.network import Network
from evlib.routes import generate_paths, quickest_paths, with_paths
from evlib.strategies import cheapest_departures
from evlib.tno import OBJECTIVES, Metric, reply
from evlib.traffic import gaps

__all__ = ["METHODS", "PRICE_GAP_TOLERANCE", "Coordination", "coordinate", "even_split"]

METHODS = ("joint", "bundle", "inertia", "best_response")
PRICE_GAP_TOLERANCE = 1e-4

# The metric of a flow is that of so many vehicles where fewer are wanted.
LEAST_DEMAND_VEH = 0.05
CRUMB_SHARE = 1e-5
# Factors on the metric of joint after an iteration that made the excess WORSE times as large, and after one that did not.
WORSE, METRIC_UP, METRIC_DOWN = 1.05, 1.5, 0.75
# The metric acts on sums over classes; on single flows only this share of it, so that classes may change places.
EACH_SHARE = 0.1
# Plugs that were nearly full within so many iterations stay limits of the joint program.
WATCHED_FOR = 4
# Exchanges with the grid in one iteration of bundle, and the certified gap at which fewer will do.
EXCHANGES, INNER_GAP = 4, 1e-4


@dataclass(frozen=True)
class Coordination:
    """What a method ended with.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of everybody in the best iterate: that of least excess among those whose prices support their
        dispatch, else of least price gap.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Prices announced with it.
    rent_cny : ndarray, shape (n_stations, K), or None
        Plug rents announced with it: method ``joint``, objective ``system``.
    network : Network
        With the paths that the flows belong to.
    certificate : dict
        Measures of the best iterate after re-loading, bounds of the surrogate, statuses, ``converged``.
    convergence : DataFrame
        One row an iteration: measures, residual, metric, which program announced the prices (with exact domains or
        mixed schedules), seconds by part.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    network: Network
    certificate: dict
    convergence: pd.DataFrame


def even_split(market: Market) -> np.ndarray:
    """Start: each origin's demand in equal parts over the stations it reaches, by the shortest path to each.

    Parameters
    ----------
    market : Market

    Returns
    -------
    ndarray, shape (n_paths, n_classes, n_departure_steps)
        [veh].
    """
    network = market.network
    flows = np.zeros((len(network.paths), *market.demand_veh.shape[1:]))
    for o in range(len(network.origins)):
        own = np.flatnonzero(network.path_origin == o)
        stations = np.unique(network.path_station[own])
        for c in stations:
            to_c = own[network.path_station[own] == c]
            flows[to_c[network.path_free_flow_min[to_c].argmin()]] += market.demand_veh[o] / len(stations)
    return flows


def coordinate(scenario, *, method: str = "joint", charging: str = "v2g", objective: str | None = None) -> Coordination:
    """Let traffic and grid answer each other for a fixed number of iterations and keep the best.

    Parameters
    ----------
    scenario : Scenario
        Section ``coordination`` sets the iterations, the first metric and the damping.
    method : {"joint", "bundle", "inertia", "best_response"}
        One program for both, then drivers' own steps through the loading at its prices, flows kept near the last by an
        adapted metric; the same with the program solved by exchanging cohorts and prices, see :mod:`evlib.bundle`;
        replies to damped prices; or everybody's best reply to the last prices.
    charging : {"v2g", "smart", "uncontrolled"}
    objective : {"user", "system"}, optional
        The scenario's, if not given.

    Returns
    -------
    Coordination

    Raises
    ------
    InputError
        Unknown method or objective.
    SolverError
        A problem that does not end *optimal*.

    Notes
    -----
    Re-loading is no gradient step, so nothing guarantees descent: the number of iterations is fixed, every iterate is
    measured after its own loading, and a run that does not settle shows it. All but the last ``exact_iterations`` of
    ``joint`` let cohorts mix their best answers to earlier prices (an inner set) instead of using exact domains.
    The key ``set`` says what the whole set of a cohort is: its exact domain in one problem, the same by columns, or its
    zonotope (then no iteration mixes), see :mod:`evlib.sets`.
    """
    objective = objective or scenario.switches.objective
    for label, value, known in (("method", method, METHODS), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    market = Market.of(scenario, charging, objective)
    if scenario.switches.path_set == "generated":
        market = generate_paths(market, _at_tariff(market)).market
    talk = _Talk(market, method)
    for iteration in range(talk.n_iterations):
        talk.measure(iteration)
        talk.answer(iteration)
    talk.measure(talk.n_iterations)
    return talk.result()


def _at_tariff(market: Market) -> np.ndarray:
    """V if the price at every bus is that of import."""
    return market.electricity(np.broadcast_to(market.case.import_price_cny_kwh, market.case.load_kw.shape))


def tidy(flows_veh: np.ndarray, demand_veh: np.ndarray, path_origin: np.ndarray) -> np.ndarray:
    """Flows without the crumbs that an interior-point solver leaves on paths nobody wants, summing to the demand.

    Parameters
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    demand_veh : ndarray, shape (n_origins, n_classes, n_departure_steps)
    path_origin : ndarray of int, shape (n_paths,)

    Returns
    -------
    ndarray
        Parts below 1e-5 of their demand are 0; the others are scaled to make up for it.
    """
    wanted = demand_veh[path_origin]
    kept = np.where(flows_veh > CRUMB_SHARE * wanted, flows_veh, 0.0)
    total = np.array([kept[path_origin == o].sum(axis=0) for o in range(len(demand_veh))])[path_origin]
    return np.divide(kept * wanted, total, out=np.zeros_like(kept), where=total > 0)


class _Talk:
    """State of a run: present flows, announced prices and rents, the metric, and the rows of the convergence table."""

    def __init__(self, market: Market, method: str):
        keys = market.scenario.coordination
        self.market, self.method = market, method
        self.n_iterations, self.n_exact = keys.iterations, keys.exact_iterations
        self.n_schedules, self.damping, self.period = keys.schedules, keys.damping, keys.exact_period
        self.level, self.n_traffic_steps = keys.metric_cny_veh, keys.traffic_steps
        wanted = market.demand_veh[market.network.path_origin]
        self.per_level = 1.0 / np.maximum(wanted, LEAST_DEMAND_VEH)
        self.per_level_of_sums = 1.0 / np.maximum(wanted.sum(axis=1), LEAST_DEMAND_VEH)
        self.flows = even_split(market)
        self.price = self.rent = None
        self.cuts = Cuts(market) if method == "bundle" else None
        if method in ("joint", "bundle") and market.objective == "system":
            self.rent = np.zeros((len(market.network.stations), market.network.time.n_steps))
        theta = market.scenario.fleet.logit_cny
        self.walk = Extragradient(market.demand_veh, market.network.path_origin, logit_cny=theta)
        self.crowded = []
        self.means, self.replies, self.pool, self.quotes = [], [], [], ()
        self.rows, self.kept = [], []
        self.bounds = (math.nan, math.nan)

    def exact(self, iteration: int) -> bool:
        """Whether this iteration works with exact domains."""
        market = self.market
        no_mix = self.method != "joint" or market.charging == "uncontrolled" or market.domain_set == "zonotope"
        return no_mix or iteration % self.period == 0 or self.checked(iteration)

    def checked(self, iteration: int) -> bool:
        """Whether the price gap of this iteration's start is measured, at the price of two further grid problems."""
        return self.method != "joint" or iteration == 0 or iteration > self.n_iterations - self.n_exact

    def measure(self, iteration: int) -> None:
        """Load the present flows; excess and gap at the announced prices, price gap where iterations are exact."""
        market = self.market
        start = time.perf_counter()
        self.traffic = market.look(self.flows)
        loaded = time.perf_counter()
        gap = math.nan
        if self.checked(iteration):
            sizes = market.sizes(self.traffic)
            fresh, self.quotes = market.dispatch(sizes, self.quotes)
            if self.price is None:
                self.price = fresh.price_cny_kwh
            gap = price_gap(market, sizes, self.price, fresh.objective_cny)
            self.fresh_price = fresh.price_cny_kwh
            if self.cuts is not None:
                self.cuts.add(fresh.price_cny_kwh, sizes, fresh.objective_cny)
        found = gaps(self.traffic, self._electricity(self.price), self.rent)
        self.rows.append(
            {
                "iteration": iteration,
                "excess_cny_veh": found["excess_cny_veh"],
                "relative_gap": found["relative_gap"],
                "price_gap": gap,
                "flow_residual": math.nan,
                "metric_cny_veh": self.level if self.method != "best_response" else math.nan,
                "priced_by": "mixed" if self.pool else "exact",
                "seconds_load": loaded - start,
                "seconds_check": time.perf_counter() - loaded,
                "seconds_answer": math.nan,
            }
        )
        self.kept.append((self.flows, self.price, self.rent, found))

    def answer(self, iteration: int) -> None:
        """Next flows and prices."""
        start = time.perf_counter()
        market = self.market
        if self.method == "joint":
            flows, price, self.rent = self._joint(iteration)
        elif self.method == "bundle":
            flows, price, self.rent = self._bundle()
        else:
            traffic = self.traffic
            weight = self.damping / math.sqrt(iteration + 1.0) if self.method == "inertia" else 1.0
            price = self.price + weight * (self.fresh_price - self.price)
            cost = traffic.costs(market.electricity(price))
            if self.method == "inertia":
                slope, curvature = traffic.misjudged()
                metric = self.level * self.per_level + curvature
                flows = reply(cost + slope, market.demand_veh, market.network.path_origin, traffic.flows_veh, metric)
            elif traffic.logit_cny > 0:
                flows = cheapest_departures(market.network, market.demand_veh, cost, traffic.logit_cny)
            else:
                flows = reply(cost, market.demand_veh, market.network.path_origin)
        self.rows[-1]["flow_residual"] = float(np.abs(flows - self.flows).sum() / self.flows.sum())
        self.rows[-1]["seconds_answer"] = time.perf_counter() - start
        self.flows, self.price = tidy(flows, market.demand_veh, market.network.path_origin), price

    def _metric(self) -> Metric:
        """Heavier after an iteration that made things worse."""
        excess = [row["excess_cny_veh"] for row in self.rows[-2:]]
        if len(excess) == 2:
            self.level *= METRIC_UP if excess[1] > WORSE * excess[0] else METRIC_DOWN
        return Metric(EACH_SHARE * self.level * self.per_level, self.level * self.per_level_of_sums)

    def _watched(self):
        """Stations and steps where plugs were nearly full lately."""
        if self.rent is None:
            return None
        self.crowded = [*self.crowded, crowded(self.market, self.traffic)][-WATCHED_FOR:]
        return np.any(self.crowded, axis=0)

    def _joint(self, iteration: int):
        market, traffic, metric, watched = self.market, self.traffic, self._metric(), self._watched()
        bent = metric.and_each(traffic.misjudged()[1])
        if self.exact(iteration):
            found = self._exact_answer(traffic, bent, watched)
            self.pool = []
            if iteration == self.n_iterations - 1:  # bounds are those of the last trajectories
                lower = surrogate_bound(market, traffic, bent, found.price_cny_kwh, found.rent_cny)
                self.bounds = (lower, found.cost_cny)
        else:
            self.pool = [*self.means, *self.replies]
            found = joint_program(market, traffic, bent, self.pool, watched=watched)
        if market.domain_set != "zonotope":
            self.replies = [*self.replies, market.best_schedules(found.price_cny_kwh)][-self.n_schedules :]
        flows = tidy(found.flows_veh, market.demand_veh, market.network.path_origin)
        return self._drive(flows, metric, found), found.price_cny_kwh, found.rent_cny

    def _exact_answer(self, traffic, metric, watched):
        """The joint program with the whole set of every cohort."""
        market = self.market
        if market.domain_set == "columns" and market.charging != "uncontrolled":
            start = self.replies or [market.best_schedules(self.price)]
            found, schedules = joint_by_columns(market, traffic, metric, start, watched=watched)
            self.replies = schedules[-self.n_schedules :]
            return found
        found = joint_program(market, traffic, metric, watched=watched)
        if found.schedule is not None:
            self.means = [*self.means, found.schedule][-2:]
        return found

    def _bundle(self):
        """The cuts of earlier trajectories stay; bounds are those of the last ones."""
        market, metric, watched = self.market, self._metric(), self._watched()
        bent = metric.and_each(self.traffic.misjudged()[1])
        found = solve_bundle(market, self.traffic, bent, self.cuts, gap=INNER_GAP, most=EXCHANGES, watched=watched)
        self.bounds = (found.lower_cny, found.upper_cny)
        crossed = found.table[["to_grid", "to_traffic"]].to_numpy().sum()
        self.rows[-1] |= {"inner_gap": found.gap, "exchanged": int(crossed)}
        flows = tidy(found.flows_veh, market.demand_veh, market.network.path_origin)
        return self._drive(flows, metric, found), found.price_cny_kwh, found.rent_cny

    def _drive(self, flows, metric: Metric, found) -> np.ndarray:
        """The program froze travel times; now its prices and rents are, and drivers find their way through the loading.

        Both halves are drawn to the flows of before by the same metric, so where neither moves the other is answered too.
        """
        market, before, rent = self.market, self.flows, found.rent_cny
        electricity = self._electricity(found.price_cny_kwh)
        return self.walk.run(
            lambda ahead: market.look(ahead).costs(electricity, rent) + metric.pull_of(ahead - before),
            flows,
            self.n_traffic_steps,
        )

    def _electricity(self, price_cny_kwh):
        if self.pool:
            return self.market.electricity_of(price_cny_kwh, self.pool)
        return self.market.electricity(price_cny_kwh)

    def result(self) -> Coordination:
        """Best iterate with its certificate."""
        table = pd.DataFrame(self.rows)
        # The start is no answer of the method, and V of mixed schedules is no vehicle's least cost.
        own = (table["iteration"] > 0) & (table["priced_by"] == "exact")
        sound = own & (table["price_gap"].abs() <= PRICE_GAP_TOLERANCE)
        if sound.any():
            best = int(table.loc[sound, "excess_cny_veh"].idxmin())
        else:
            best = int(table.loc[own, "price_gap"].idxmin())
        flows, price, rent, found = self.kept[best]
        row = table.loc[best]
        tolerance = self.market.scenario.coordination.tol_relative_gap
        certificate = {
            **found,
            **({} if self.cuts is None else {"rejected_cuts": len(self.cuts.rejected)}),
            "price_gap": float(row["price_gap"]),
            "flow_residual": float(row["flow_residual"]),
            "lower_bound_cny": self.bounds[0],
            "upper_bound_cny": self.bounds[1],
            "iterations": self.n_iterations,
            "best_iteration": best,
            "statuses": "optimal in every iteration",
            "tol_relative_gap": tolerance,
            "converged": bool(found["relative_gap"] <= tolerance and abs(row["price_gap"]) <= PRICE_GAP_TOLERANCE),
        }
        if self.market.scenario.switches.path_set == "generated":
            certificate |= self._missing_paths(flows, price, rent)
        return Coordination(flows + self.market.fixed_veh, price, rent, self.market.network, certificate, table)

    def _missing_paths(self, flows, price, rent) -> dict:
        """How many quicker paths the set lacks, and the excess if drivers knew them."""
        market = self.market
        found = with_paths(market, quickest_paths(market.look(flows).loading, market.signal))
        n_new = len(found.network.paths) - len(flows)
        flows = np.concatenate([flows, np.zeros((n_new, *flows.shape[1:]))])
        excess = gaps(found.look(flows), market.electricity(price), rent)["excess_cny_veh"]
        return {"paths_missing": n_new, "excess_over_all_paths_cny_veh": excess}
