"""The state of a run from one iteration to the next, and the measured row of each iteration.

The file is longer than others because it describes the memory of every method.
"""

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
from evlib.coordination.joint.cutting_planes import CutMemory
from evlib.coordination.problem import CoupledProblem
from evlib.flexibility.column_generation import PricedColumn
from evlib.flexibility.schedule import Schedule
from evlib.grid.dispatch import Dispatch

__all__ = ["Iterate", "Iteration", "IterationRow", "State"]

# The metric of a flow is inversely proportional to its demand, but the demand counts as at least this.
LEAST_DEMAND_VEH = 0.05
# If an iteration makes the excess more than WORSE times as large, the metric is multiplied by METRIC_UP.
WORSE, METRIC_UP = 1.05, 1.5
# A metric below this no longer holds flows back and only makes programs ill-conditioned.
LEAST_METRIC_CNY_VEH = 0.1
# The metric acts on sums over classes. On single flows only this share of it acts, so that classes can swap paths.
EACH_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class IterationRow:
    """A row of the convergence table: the measures of an iterate, and how the method answered it.

    Attributes
    ----------
    iteration : int
    excess_cny_veh, relative_gap, price_gap : float
        Measured after loading, at the announced prices; the price gap is nan if it was not measured.
    flow_residual : float
        Share of the flows that the answer moved.
    metric_cny_veh : float
        Level of the metric [CNY/veh].
    priced_by : str
        Program that announced the prices: ``exact``, ``mixed``, or ``mixed, then checked`` if the run was interrupted.
    seconds_load, seconds_check, seconds_answer : float
        Time spent on loading, on the price gap and on the answer [s].
    inner_gap : float, optional
        Method ``bundle``: certified gap of its program.
    exchanged : int, optional
        Methods ``newton`` and ``bundle``: how many numbers traffic and grid exchanged for the answer.
    n_paths : int, optional
        Method ``city``: number of paths, after those that the iteration added.
    bound_over_all_cny_veh : float, optional
        Method ``city``: no way to any station makes the excess larger than this, tolls left out and before the iteration
        added paths; nan where it did not search.
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
    n_paths: int | None = None
    bound_over_all_cny_veh: float | None = None


@dataclass(frozen=True)
class Iterate:
    """Flows with the prices and rents announced to them.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of drivers who follow the signal [veh].
    price_cny_kwh : ndarray, shape (n_bus, K)
    rent_cny : ndarray, shape (n_stations, K), or None
        Rent of one plug for one step [CNY].
    gaps : Gaps
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    gaps: Gaps


@dataclass
class State:
    """Everything that the next iteration depends on: only numbers, arrays and schedules, so that it can be saved.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Present departures of drivers who follow the signal [veh].
    level_cny_veh : float
        Present level of the metric [CNY/veh].
    price_cny_kwh : ndarray, shape (n_bus, K), or None before the first dispatch
        Prices announced with the flows [CNY/kWh].
    rent_cny : ndarray, shape (n_stations, K), or None
        Plug rents announced with the flows [CNY].
    rows : list of IterationRow
        The convergence table so far.
    iterates : list of Iterate
        One for each row.
    bounds_cny : tuple of float
        Lower and upper bound on the joint program, at the last trajectories for which they were computed.
    walk_step : float
        Length of drivers' steps through the loading.
    damping : float
        Present weight of new prices.
    crowded : list of ndarray of bool, shape (n_stations, K)
        Where plugs were nearly full in the last iterations.
    means, replies, pool : list of Schedule
        Schedules of one vehicle of every cohort: the means from exact programs, the best answers to earlier prices, and
        those that the last program mixed (none if it used the whole set of every cohort).
    columns : tuple of PricedColumn
        Columns that the next dispatch starts from.
    cuts : CutMemory or None
        Cuts of method ``bundle``.
    plan_kwh : ndarray, shape (n_cohorts, T), or None
        Method ``newton``: change of energy of one vehicle of every cohort in the last answer [kWh].
    plan_weight : float
        Method ``newton``: present weight of that plan [CNY/kWh^2].
    softness_cny, rent_inertia : float
        Method ``newton``: present softness of the choice to wait for a cheaper plug [CNY], and inertia of rents in the next
        Newton step [plugs per CNY].
    looser_solves : int
        Method ``newton``: programs of the grid that ended optimal at a looser tolerance than the first.
    monitored : ndarray of bool, shape (2, 4, n_bus, K), or None
        Method ``newton``: what its grid monitors, see :class:`evlib.grid.reduced.reduced_grid.ReducedGrid`.
    added_paths : list of list of int
        Method ``city``: paths that it added to those of the network, each as origin, station and arcs.
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
    plan_kwh: np.ndarray | None = None
    plan_weight: float = math.nan
    softness_cny: float = math.nan
    rent_inertia: float = math.nan
    monitored: np.ndarray | None = None
    looser_solves: int = 0
    added_paths: list[list[int]] = field(default_factory=list)

    def note(self, **values) -> None:
        """Fill in fields of the present row."""
        self.rows[-1] = replace(self.rows[-1], **values)

    def table(self) -> pd.DataFrame:
        """The convergence table: one row per iteration, without columns that the method does not use."""
        return pd.DataFrame([{k: v for k, v in asdict(row).items() if v is not None} for row in self.rows])


class Iteration:
    """One run: its problem, its state, and how the present iterate is measured.

    Attributes
    ----------
    problem : CoupledProblem
    keys : CoordinationKeys
    state : State
    traffic : Traffic
        The loading of the present flows, set by :meth:`measure`.
    fresh : Dispatch
        The grid's answer to them, if it was asked.
    """

    def __init__(self, problem: CoupledProblem, state: State | None = None):
        self.problem, self.keys = problem, problem.scenario.coordination
        self.state = state or State(even_split(problem.network, problem.demand_veh), self.keys.metric_cny_veh)
        self.traffic: Traffic | None = None
        self.fresh: Dispatch | None = None
        self.adopt(problem)

    def adopt(self, problem: CoupledProblem) -> None:
        """Go on with a problem whose paths are those of the present one, or more after them, which nobody takes yet."""
        self.problem = problem
        wanted = problem.demand_veh[problem.network.path_origin]
        self.per_level = 1.0 / np.maximum(wanted, LEAST_DEMAND_VEH)
        self.per_level_of_sums = 1.0 / np.maximum(wanted.sum(axis=1), LEAST_DEMAND_VEH)
        state, n_new = self.state, len(wanted) - len(self.state.flows_veh)
        if n_new:
            longer = [((0, n_new), (0, 0), (0, 0))]
            state.flows_veh = np.pad(state.flows_veh, *longer)
            state.iterates = [replace(item, flows_veh=np.pad(item.flows_veh, *longer)) for item in state.iterates]

    def measure(self, checked: bool, observe=None, price_gap=None) -> None:
        """Load the present flows and append a row with their excess and gaps at the announced prices.

        Parameters
        ----------
        checked : bool
            Whether to measure the price gap too, which takes two more grid problems.
        observe : callable, optional
            Called with the cohorts and the grid's new answer to them.
        price_gap : callable, optional
            Bounds the price gap from above without a new dispatch, from the cohorts and the relative gap.
        """
        state = self.state
        start = time.perf_counter()
        self.traffic = self.problem.traffic.evaluate(state.flows_veh)
        loaded = time.perf_counter()
        gap = self._price_gap(observe) if checked and price_gap is None else math.nan
        measured = gaps(self.traffic, self.electricity(state.price_cny_kwh), state.rent_cny)
        if checked and price_gap is not None:
            gap = price_gap(self.problem.sizes(self.traffic), measured.relative_gap)
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

    def reprice(self, price_cny_kwh: np.ndarray, price_gap: float, measured: Gaps) -> None:
        """Announce other prices with the present flows, at which they have been measured already."""
        state = self.state
        state.price_cny_kwh = price_cny_kwh
        state.note(excess_cny_veh=measured.excess_cny_veh, relative_gap=measured.relative_gap, price_gap=price_gap)
        state.iterates[-1] = Iterate(state.flows_veh, price_cny_kwh, state.rent_cny, measured)

    def check_last(self) -> None:
        """Measure the last iterate again, with exact domains and its price gap; used if the run is interrupted."""
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
        """Adopt a method's answer as the next iterate, and note in the present row how far flows moved.

        Parameters
        ----------
        flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        price_cny_kwh : ndarray, shape (n_bus, K)
        rent_cny : ndarray, shape (n_stations, K), or None
        seconds : float
            How long the answer took [s].
        """
        state, problem = self.state, self.problem
        moved = np.abs(flows_veh - state.flows_veh).sum() / state.flows_veh.sum()
        state.note(flow_residual=float(moved), seconds_answer=seconds)
        state.flows_veh = drop_residual_flows(flows_veh, problem.demand_veh, problem.network.path_origin)
        state.price_cny_kwh, state.rent_cny = price_cny_kwh, rent_cny

    def metric(self) -> Metric:
        """The metric that keeps flows near the last ones; it rises after a worse iteration, else it falls."""
        state = self.state
        excess = [row.excess_cny_veh for row in state.rows[-2:]]
        if len(excess) == 2:
            changed = state.level_cny_veh * (METRIC_UP if excess[1] > WORSE * excess[0] else self.keys.metric_fall)
            state.level_cny_veh = max(changed, LEAST_METRIC_CNY_VEH)
        level = state.level_cny_veh
        return Metric(EACH_SHARE * level * self.per_level, level * self.per_level_of_sums)

    def electricity(self, price_cny_kwh: np.ndarray) -> np.ndarray:
        """Electricity cost V over the schedules that the last program mixed, or over the whole set of every cohort.

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_bus, K)

        Returns
        -------
        ndarray, shape (n_stations, n_classes, K + 1)
            [CNY per vehicle] by plug-in step.
        """
        if self.state.pool:
            return self.problem.electricity_of(price_cny_kwh, self.state.pool)
        return self.problem.electricity(price_cny_kwh)
