"""One iteration after the other: present flows, announced prices, what methods remember, and a measured row for each."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.path_costs import Traffic
from evlib.assignment.route_choice import drop_residual_flows, even_split
from evlib.assignment.tno import Metric
from evlib.coordination.announced_price import price_gap
from evlib.coordination.cutting_planes import CutMemory
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.column_generation import PricedColumn
from evlib.flexibility.schedule import Schedule
from evlib.grid.dispatch import Dispatch

__all__ = ["Iterate", "Iteration", "IterationRow", "State"]

# The metric of a flow is that of so many vehicles where fewer are wanted.
LEAST_DEMAND_VEH = 0.05
# An iteration made the excess worse if it is so many times as large; then the metric grows by a factor.
WORSE, METRIC_UP = 1.05, 1.5
# Lighter than this it holds nothing any more and only makes programs ill-conditioned.
LEAST_METRIC_CNY_VEH = 0.1
# The metric acts on sums over classes; on single flows only this share of it, so that classes may change places.
EACH_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class IterationRow:
    """A row of the convergence table: what was measured of an iterate, and what the answer to it took.

    Attributes
    ----------
    iteration : int
    excess_cny_veh, relative_gap, price_gap : float
        At the announced prices, after loading; the price gap is nan where it was not measured.
    flow_residual : float
        Share of the flows that the answer moved.
    metric_cny_veh : float
    priced_by : str
        Program that announced the prices: ``exact``, ``mixed``, or ``mixed, then checked`` where a run was interrupted.
    seconds_load, seconds_check, seconds_answer : float
    inner_gap : float, optional
        Method ``bundle``: certified gap of its program.
    exchanged : int, optional
        Method ``bundle``: numbers that crossed the border between traffic and grid.
    """

    iteration: int
    excess_cny_veh: float
    relative_gap: float
    price_gap: float
    flow_residual: float = math.nan
    metric_cny_veh: float
    priced_by: str
    seconds_load: float
    seconds_check: float
    seconds_answer: float = math.nan
    inner_gap: float | None = None
    exchanged: int | None = None


@dataclass(frozen=True)
class Iterate:
    """Flows with what was announced to them.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
    price_cny_kwh : ndarray, shape (n_bus, K)
    rent_cny : ndarray, shape (n_stations, K), or None
    gaps : Gaps
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    gaps: Gaps


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
    rows : list of IterationRow
        The convergence table so far.
    iterates : list of Iterate
        One for each row.
    bounds_cny : tuple of float
        Of the surrogate, at the last trajectories for which they were computed.
    walk_step : float
        Length of drivers' steps.
    damping : float
        Present share of new prices.
    crowded : list of ndarray of bool, shape (n_stations, K)
        Where plugs were nearly full in the last iterations.
    means, replies, pool : list of Schedule
        Of one vehicle of every cohort: mean schedules of exact programs; best answers to earlier prices; what the last
        program let cohorts mix, empty if they had their whole set.
    columns : tuple of PricedColumn
        From which the next dispatch starts.
    cuts : CutMemory or None
        Of method ``bundle``.
    """

    flows_veh: np.ndarray
    level_cny_veh: float
    price_cny_kwh: np.ndarray | None = None
    rent_cny: np.ndarray | None = None
    rows: list[IterationRow] = field(default_factory=list)
    iterates: list[Iterate] = field(default_factory=list)
    bounds_cny: tuple[float, float] = (math.nan, math.nan)
    walk_step: float = math.nan
    damping: float = math.nan
    crowded: list[np.ndarray] = field(default_factory=list)
    means: list[Schedule] = field(default_factory=list)
    replies: list[Schedule] = field(default_factory=list)
    pool: list[Schedule] = field(default_factory=list)
    columns: tuple[PricedColumn, ...] = ()
    cuts: CutMemory | None = None

    def note(self, **values) -> None:
        """Fill in the present row."""
        self.rows[-1] = replace(self.rows[-1], **values)

    def table(self) -> pd.DataFrame:
        """The convergence table: a row for each iteration, without columns that the method does not have."""
        return pd.DataFrame([{k: v for k, v in asdict(row).items() if v is not None} for row in self.rows])


class Iteration:
    """One run: its problem, its state, and how the present iterate is measured.

    Attributes
    ----------
    problem : CoupledProblem
    keys : CoordinationKeys
    state : State
    traffic : Traffic
        The present flows, loaded: set by :meth:`measure`.
    fresh : Dispatch
        The grid's answer to them, where it was asked.
    """

    def __init__(self, problem: CoupledProblem, state: State | None = None):
        self.problem, self.keys = problem, problem.scenario.coordination
        self.state = state or State(even_split(problem.network, problem.demand_veh), self.keys.metric_cny_veh)
        wanted = problem.demand_veh[problem.network.path_origin]
        self.per_level = 1.0 / np.maximum(wanted, LEAST_DEMAND_VEH)
        self.per_level_of_sums = 1.0 / np.maximum(wanted.sum(axis=1), LEAST_DEMAND_VEH)
        self.traffic: Traffic | None = None
        self.fresh: Dispatch | None = None

    def measure(self, checked: bool, observe=None) -> None:
        """Load the present flows; excess and gap at the announced prices, and the price gap if the iterate is checked.

        Parameters
        ----------
        checked : bool
            Whether to measure the price gap, at the price of two further grid problems.
        observe : callable, optional
            Is told the cohorts and the grid's fresh answer.
        """
        state = self.state
        start = time.perf_counter()
        self.traffic = self.problem.traffic.evaluate(state.flows_veh)
        loaded = time.perf_counter()
        gap = self._price_gap(observe) if checked else math.nan
        measured = gaps(self.traffic, self.electricity(state.price_cny_kwh), state.rent_cny)
        row = IterationRow(
            iteration=len(state.rows),
            excess_cny_veh=measured.excess_cny_veh,
            relative_gap=measured.relative_gap,
            price_gap=gap,
            metric_cny_veh=state.level_cny_veh,
            priced_by="mixed" if state.pool else "exact",
            seconds_load=loaded - start,
            seconds_check=time.perf_counter() - loaded,
        )
        state.rows.append(row)
        state.iterates.append(Iterate(state.flows_veh, state.price_cny_kwh, state.rent_cny, measured))

    def _price_gap(self, observe=None) -> float:
        problem, state = self.problem, self.state
        sizes = problem.sizes(self.traffic)
        answer = problem.dispatch(sizes, state.columns)
        self.fresh, state.columns = answer.dispatch, answer.columns
        if state.price_cny_kwh is None:
            state.price_cny_kwh = self.fresh.price_cny_kwh
        if observe is not None:
            observe(sizes, self.fresh)
        return price_gap(problem, sizes, state.price_cny_kwh, self.fresh.objective_cny)

    def check_last(self) -> None:
        """Measure the last iterate again, with exact domains and its price gap: for a run that stops before its end."""
        state = self.state
        last, row = state.iterates[-1], state.rows[-1]
        state.flows_veh, state.price_cny_kwh, state.rent_cny = last.flows_veh, last.price_cny_kwh, last.rent_cny
        if math.isnan(row.price_gap) or row.priced_by == "mixed":
            state.pool = []
            state.rows.pop()
            state.iterates.pop()
            self.measure(checked=True)
            state.note(priced_by="exact" if row.priced_by == "exact" else "mixed, then checked")

    def answered(self, flows_veh, price_cny_kwh, rent_cny, seconds: float) -> None:
        """Take over a method's answer: the present row learns how far flows moved."""
        state, problem = self.state, self.problem
        moved = np.abs(flows_veh - state.flows_veh).sum() / state.flows_veh.sum()
        state.note(flow_residual=float(moved), seconds_answer=seconds)
        state.flows_veh = drop_residual_flows(flows_veh, problem.demand_veh, problem.network.path_origin)
        state.price_cny_kwh, state.rent_cny = price_cny_kwh, rent_cny

    def metric(self) -> Metric:
        """What keeps flows near the last: heavier after an iteration that made things worse, lighter after others."""
        state = self.state
        excess = [row.excess_cny_veh for row in state.rows[-2:]]
        if len(excess) == 2:
            changed = state.level_cny_veh * (METRIC_UP if excess[1] > WORSE * excess[0] else self.keys.metric_fall)
            state.level_cny_veh = max(changed, LEAST_METRIC_CNY_VEH)
        level = state.level_cny_veh
        return Metric(EACH_SHARE * level * self.per_level, level * self.per_level_of_sums)

    def electricity(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """V by station, class and plug-in step: of the schedules known to the program, or of the whole set."""
        if self.state.pool:
            return self.problem.electricity_of(price_cny_kwh, self.state.pool)
        return self.problem.electricity(price_cny_kwh)
