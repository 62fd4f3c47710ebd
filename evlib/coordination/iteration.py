"""The state of a coordination run: present flows, announced prices, what methods remember, and a measured row each iteration."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from evlib.assignment.path_costs import Traffic, gaps
from evlib.assignment.route_choice import drop_residual_flows, even_split
from evlib.assignment.tno import Metric
from evlib.coordination.problem import Market, price_gap

__all__ = ["State", "Talk"]

# The metric of a flow is that of so many vehicles where fewer are wanted.
LEAST_DEMAND_VEH = 0.05
# An iteration made the excess worse if it is so many times as large; then the metric grows by a factor.
WORSE, METRIC_UP = 1.05, 1.5
# Lighter than this it holds nothing any more and only makes programs ill-conditioned.
LEAST_METRIC_CNY_VEH = 0.1
# The metric acts on sums over classes; on single flows only this share of it, so that classes may change places.
EACH_SHARE = 0.1


@dataclass
class State:
    """All that the next iteration depends on; numbers, arrays and schedules only, so that it can be saved.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Present departures of those who follow the signal.
    level_cny_veh : float
        Present metric.
    price_cny_kwh : ndarray, shape (n_bus, K), or None before the first dispatch
    rent_cny : ndarray, shape (n_stations, K), or None
        Announced with the flows.
    rows : list of dict
        The convergence table so far.
    kept : list of tuple
        Flows, prices, rents and measures of every iterate.
    bounds_cny : tuple of float
        Of the surrogate, at the last trajectories for which they were computed.
    walk_step : float
        Length of drivers' steps.
    damping : float
        Present share of new prices.
    crowded, means, replies, pool, quotes, cuts
        What ``joint`` and ``bundle`` remember, see :mod:`evlib.coordination.methods`.
    """

    flows_veh: np.ndarray
    level_cny_veh: float
    price_cny_kwh: np.ndarray | None = None
    rent_cny: np.ndarray | None = None
    rows: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    bounds_cny: tuple = (math.nan, math.nan)
    walk_step: float = math.nan
    damping: float = math.nan
    crowded: list = field(default_factory=list)
    means: list = field(default_factory=list)
    replies: list = field(default_factory=list)
    pool: list = field(default_factory=list)
    quotes: tuple = ()
    cuts: dict = field(default_factory=dict)


class Talk:
    """One run: its market, its state, and how the present iterate is measured.

    Attributes
    ----------
    market : Market
    keys : CoordinationKeys
    state : State
    traffic : Traffic
        The present flows, loaded: set by :meth:`measure`.
    fresh : Dispatch
        The grid's answer to them, where it was asked.
    """

    def __init__(self, market: Market, state: State | None = None):
        self.market, self.keys = market, market.scenario.coordination
        self.state = state or State(even_split(market.network, market.demand_veh), self.keys.metric_cny_veh)
        wanted = market.demand_veh[market.network.path_origin]
        self.per_level = 1.0 / np.maximum(wanted, LEAST_DEMAND_VEH)
        self.per_level_of_sums = 1.0 / np.maximum(wanted.sum(axis=1), LEAST_DEMAND_VEH)
        self.traffic: Traffic | None = None
        self.fresh = None

    def measure(self, checked: bool, observe=None) -> None:
        """Load the present flows; excess and gap at the announced prices, and the price gap if the iterate is checked.

        Parameters
        ----------
        checked : bool
            Whether to measure the price gap, at the price of two further grid problems.
        observe : callable, optional
            Is told the cohorts and the grid's fresh answer.
        """
        market, state = self.market, self.state
        start = time.perf_counter()
        self.traffic = market.look(state.flows_veh)
        loaded = time.perf_counter()
        gap = self._price_gap(observe) if checked else math.nan
        found = gaps(self.traffic, self.electricity(state.price_cny_kwh), state.rent_cny)
        row = {
            "iteration": len(state.rows),
            "excess_cny_veh": found["excess_cny_veh"],
            "relative_gap": found["relative_gap"],
            "price_gap": gap,
            "flow_residual": math.nan,
            "metric_cny_veh": state.level_cny_veh,
            "priced_by": "mixed" if state.pool else "exact",
            "seconds_load": loaded - start,
            "seconds_check": time.perf_counter() - loaded,
            "seconds_answer": math.nan,
        }
        state.rows.append(row)
        state.kept.append((state.flows_veh, state.price_cny_kwh, state.rent_cny, found))

    def _price_gap(self, observe=None) -> float:
        market, state = self.market, self.state
        sizes = market.sizes(self.traffic)
        self.fresh, state.quotes = market.dispatch(sizes, state.quotes)
        if state.price_cny_kwh is None:
            state.price_cny_kwh = self.fresh.price_cny_kwh
        if observe is not None:
            observe(sizes, self.fresh)
        return price_gap(market, sizes, state.price_cny_kwh, self.fresh.objective_cny)

    def check_last(self) -> None:
        """Measure the last iterate again, with exact domains and its price gap: for a run that stops before its end."""
        state = self.state
        flows, price, rent, _ = state.kept[-1]
        state.flows_veh, state.price_cny_kwh, state.rent_cny = flows, price, rent
        by = state.rows[-1]["priced_by"]
        if math.isnan(state.rows[-1]["price_gap"]) or by == "mixed":
            state.pool = []
            state.rows.pop()
            state.kept.pop()
            self.measure(checked=True)
            state.rows[-1]["priced_by"] = "exact" if by == "exact" else "mixed, then checked"

    def answered(self, flows_veh, price_cny_kwh, rent_cny, seconds: float) -> None:
        """Take over a method's answer: the present row learns how far flows moved."""
        state, market = self.state, self.market
        moved = np.abs(flows_veh - state.flows_veh).sum() / state.flows_veh.sum()
        state.rows[-1] |= {"flow_residual": float(moved), "seconds_answer": seconds}
        state.flows_veh = drop_residual_flows(flows_veh, market.demand_veh, market.network.path_origin)
        state.price_cny_kwh, state.rent_cny = price_cny_kwh, rent_cny

    def metric(self) -> Metric:
        """What keeps flows near the last: heavier after an iteration that made things worse, lighter after others."""
        state = self.state
        excess = [row["excess_cny_veh"] for row in state.rows[-2:]]
        if len(excess) == 2:
            changed = state.level_cny_veh * (METRIC_UP if excess[1] > WORSE * excess[0] else self.keys.metric_fall)
            state.level_cny_veh = max(changed, LEAST_METRIC_CNY_VEH)
        level = state.level_cny_veh
        return Metric(EACH_SHARE * level * self.per_level, level * self.per_level_of_sums)

    def electricity(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """V by station, class and plug-in step: of the schedules known to the program, or of the whole set."""
        if self.state.pool:
            return self.market.electricity_of(price_cny_kwh, self.state.pool)
        return self.market.electricity(price_cny_kwh)
