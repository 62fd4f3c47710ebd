"""Column generation between a convex grid problem and the vehicles' least costs: exact up to a certified gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import pandas as pd
import scipy.sparse as sp

from evlib.errors import InputError, SolverError
from evlib.flexibility.fleet import Fleet, column_groups, mean_vehicles
from evlib.flexibility.schedule import Schedule, cost_at, uncontrolled
from evlib.flexibility.station_load import StationLoad, exact_block
from evlib.flexibility.support import support

__all__ = ["ColumnDispatch", "PricedColumn", "mixed_schedule", "solve_by_columns"]

# Weight, in the next prices to ask, of the prices with the best bound so far; the rest is on the master's prices. It is
# raised to the power of the iteration, down to a least value, because early master prices rest on few columns.
STABILISATION, LEAST_STABILISATION = 0.85, 0.3
# Scattered prices are asked as long as the upper bound falls by more than this share of the wanted gap.
STALLED = 0.1
# Standard deviations of scattered prices, used in turn; answers to them fill the face of equally good schedules.
SCATTER_CNY_KWH = (0.02, 0.01, 0.02, 0.04)


@dataclass(frozen=True)
class PricedColumn:
    """A column, stored as the prices to which it is the best answer, so that it can be evaluated for any fleet.

    Parameters
    ----------
    price_cny_kwh : ndarray, shape (n_stations, K), or None
        Prices [CNY/kWh]; None for uncontrolled charging.
    scatter_cny_kwh : float
        Standard deviation of a random addition to each price [CNY/kWh].
    alike : bool
        Whether all vehicles of a station see the same addition, or each cohort its own.
    seed : int
        Seed of the addition.
    """

    price_cny_kwh: np.ndarray | None
    scatter_cny_kwh: float = 0.0
    alike: bool = True
    seed: int = 0

    def answer(self, fleet: Fleet) -> Schedule:
        """Best schedule of one vehicle of every cohort."""
        if self.price_cny_kwh is None:
            return uncontrolled(fleet.domain)
        price, random = self.price_cny_kwh, np.random.default_rng(self.seed)
        if self.scatter_cny_kwh and self.alike:
            price = price + random.normal(0.0, self.scatter_cny_kwh, price.shape)
        prices = fleet.cohort_prices(price)
        if self.scatter_cny_kwh and not self.alike:
            prices = prices + random.normal(0.0, self.scatter_cny_kwh, prices.shape)
        return support(fleet.domain, prices)[1]


@dataclass(frozen=True)
class ColumnDispatch:
    """The result of column generation.

    Attributes
    ----------
    power_kw, price_cny_kwh : ndarray, shape (n_stations, K)
        Station power of the last master problem; prices that attain the lower bound.
    upper_cny, lower_cny : float
        Cost of the dispatch, which the vehicles can deliver; lower bound on the cost of any dispatch, up to the
        solver's tolerance.
    gap : float
        (upper - lower) / |upper|.
    columns : tuple of PricedColumn
    weights : ndarray, shape (n_columns, n_groups)
        Share of each column in each group's power.
    group : ndarray of int, shape (n,)
        Group of each cohort.
    history : DataFrame
        Both bounds at every iteration: ``iteration``, ``upper_cny``, ``lower_cny``, ``gap``, ``columns``.
    problem, parts : cvxpy.Problem and object
        The last master problem, and what the caller's ``build`` returned with it.
    priced_parts : object
        What ``build`` returned with the problem of the lower bound, solved at ``price_cny_kwh``.
    """

    power_kw: np.ndarray
    price_cny_kwh: np.ndarray
    upper_cny: float
    lower_cny: float
    gap: float
    columns: tuple[PricedColumn, ...]
    weights: np.ndarray
    group: np.ndarray
    history: pd.DataFrame
    problem: cp.Problem
    parts: object
    priced_parts: object

    def leading_columns(self, n: int) -> tuple[PricedColumn, ...]:
        """The n columns with the largest shares over all groups, and the lower bound's prices, to start another run."""
        lead = np.sort(np.argsort(-self.weights.sum(axis=1), kind="stable")[:n])
        return (*(self.columns[i] for i in lead), PricedColumn(self.price_cny_kwh))


def solve_by_columns(
    build: Callable[[StationLoad], tuple[cp.Problem, object]],
    solve: Callable[[cp.Problem], object],
    fleet: Fleet,
    *,
    gap: float = 2e-3,
    columns: tuple[PricedColumn, ...] = (),
    most_iterations: int = 60,
) -> ColumnDispatch:
    """Solve a grid problem with the exact domains of a fleet, without ever holding all of them in one problem.

    .. math:: \\min_{e, \\mu} \\; g(e) + \\sum_{G, i} c_{Gi} \\mu_{Gi}, \\quad
              e = \\sum_{G, i} P_{Gi} \\mu_{Gi}, \\quad \\sum_i \\mu_{Gi} = 1, \\quad \\mu \\ge 0

    Parameters
    ----------
    build : callable
        Takes a `StationLoad`; returns a convex grid problem [thousand CNY] that includes its constraints, and any other
        object.
    solve : callable
        Solves a problem, and raises SolverError if it does not end *optimal*.
    fleet : Fleet
    gap : float
        Certified gap at which to stop.
    columns : tuple of PricedColumn
        Columns of an earlier run, to be evaluated anew for this fleet.
    most_iterations : int
        Largest number of iterations.

    Returns
    -------
    ColumnDispatch

    Raises
    ------
    InputError
        If the gap is not positive.
    SolverError
        If the gap is not reached within ``most_iterations``, or ``solve`` raises it.

    Notes
    -----
    This is the decomposition of Dantzig and Wolfe (1960). Each P is the sum of a group's best answers to one set of
    prices, so vehicles can follow every master solution: each mixes its own best answers. With prices lambda,

    .. math:: d(\\lambda) = \\min_e [g(e) - \\Delta_h \\lambda \\cdot e] + \\sum_v N_v V_v(\\lambda)

    bounds the least cost from below for any lambda (weak duality). The first prices come from a small exact problem
    with mean vehicles; later ones lie between the best so far and the master's (Wentges 1997). Near the optimum many
    schedules of a vehicle cost the same, and one price finds only one of them. Therefore answers to slightly scattered
    prices are added; the scatter is alike for all vehicles of a station or separate for each cohort, in turn. The
    problem of the lower bound changes only in its prices, which are a Parameter. The master grows by columns, so it is
    compiled anew.
    """
    if not gap > 0:
        raise InputError(f"gap: {gap}; must be positive")
    state = _Columns(build, solve, fleet)
    if columns:
        state.centre = [column.price_cny_kwh for column in columns if column.price_cny_kwh is not None][-1]
    else:
        columns, state.centre = (PricedColumn(None),), _first_prices(build, solve, fleet)
    for column in columns:
        state.add(column)
    state.ask(state.centre)
    falling = True
    for iteration in range(most_iterations):
        if falling:
            state.scatter()
        before, price = state.upper, state.mix()
        falling = not before - state.upper <= STALLED * gap * abs(state.upper)
        if iteration:
            stay = max(STABILISATION**iteration, LEAST_STABILISATION)
            state.ask(stay * state.centre + (1 - stay) * price)
        state.record(iteration)
        if state.rows[-1]["gap"] <= gap:
            return state.result()
    raise SolverError(
        f"column generation: gap {state.rows[-1]['gap']:.1e} after {most_iterations} iterations, not {gap:g}"
    )


def mixed_schedule(mixture: ColumnDispatch, fleet: Fleet) -> Schedule:
    """Schedule of one vehicle of every cohort in the dispatch, mixed from its best answers [kW, kWh]."""
    total = Schedule.idle(fleet.n, fleet.domain.n_steps)
    for column, weight in zip(mixture.columns, mixture.weights, strict=True):
        share = weight[mixture.group]
        if share.any():
            total = total.plus(column.answer(fleet).times(share))
    return total


def _first_prices(build, solve, fleet: Fleet) -> np.ndarray:
    """Prices of the exact problem with one mean vehicle for each of a few hundred kinds of vehicles."""
    block = exact_block(mean_vehicles(fleet))
    power, couple = _coupled(fleet, block.power_mw)
    problem, _ = build(StationLoad(power, block.cost_kcny, [couple, *block.constraints]))
    solve(problem)
    return -couple.dual_value / fleet.domain.step_h


def _coupled(fleet: Fleet, expression):
    """Station power as separate variables, and the constraint that couples them; its dual is minus price times step."""
    power = cp.Variable((fleet.n_stations, fleet.n_steps), name="station")
    return power, power == expression


class _Columns:
    """State of a run: columns, their matrices, the grid problem at given prices, bounds, and the best prices so far."""

    def __init__(self, build, solve, fleet: Fleet):
        self.build, self.solve, self.fleet = build, solve, fleet
        self.group, self.group_station = column_groups(fleet)
        self.n_groups, step_h = len(self.group_station), fleet.domain.step_h
        self.active = fleet.domain.active
        self.place = self.group[:, None] * fleet.n_steps + fleet.first_step[:, None] + np.arange(fleet.domain.n_steps)
        self.columns, self.maps, self.costs, self.rows = [], [], [], []
        self.lower, self.upper, self.centre = -np.inf, np.inf, None
        self.asked_price = cp.Parameter((fleet.n_stations, fleet.n_steps), name="price")
        power = cp.Variable((fleet.n_stations, fleet.n_steps), name="station")
        income = step_h * cp.sum(cp.multiply(self.asked_price, power))
        self.priced, self.priced_parts = build(StationLoad(power, -income))

    def add(self, column: PricedColumn, schedule: Schedule | None = None) -> None:
        """Add a column to every group, in MW and thousand CNY."""
        fleet = self.fleet
        schedule = column.answer(fleet) if schedule is None else schedule
        power = (fleet.size_veh[:, None] / 1000.0 * schedule.power_kw)[self.active]
        total = np.bincount(self.place[self.active], weights=power, minlength=self.n_groups * fleet.n_steps)
        used = np.flatnonzero(total)
        group, step = np.divmod(used, fleet.n_steps)
        row = self.group_station[group] * fleet.n_steps + step
        shape = (fleet.n_stations * fleet.n_steps, self.n_groups)
        unpriced_cny = cost_at(fleet.domain, np.zeros_like(schedule.charge_kw), schedule)
        self.maps.append(sp.csr_array((total[used], (row, group)), shape=shape))
        self.costs.append(
            np.bincount(self.group, weights=fleet.size_veh * unpriced_cny, minlength=self.n_groups) / 1000.0
        )
        self.columns.append(column)

    def ask(self, price: np.ndarray) -> None:
        """Compute the lower bound at given prices, and add the vehicles' answer to them as a column."""
        fleet = self.fleet
        value_cny, schedule = support(fleet.domain, fleet.cohort_prices(price))
        self.add(PricedColumn(price), schedule)
        self.asked_price.value = price
        self.solve(self.priced)
        lower = 1000.0 * float(self.priced.value) + float(fleet.size_veh @ value_cny)
        if lower > self.lower:
            self.lower, self.centre = lower, price

    def scatter(self) -> None:
        """Add answers to prices scattered around the best so far."""
        for i, scatter in enumerate(SCATTER_CNY_KWH):
            self.add(PricedColumn(self.centre, scatter, alike=i % 2 == 0, seed=len(self.columns)))

    def mix(self) -> np.ndarray:
        """Solve the master problem and return its prices of station power, shape (n_stations, K) [CNY/kWh]."""
        fleet, n = self.fleet, self.n_groups * len(self.maps)
        shape = (fleet.n_stations, fleet.n_steps)
        cost, constraints, power_mw = cp.Constant(0.0), [], cp.Constant(np.zeros(shape))
        self.share = None
        if n:
            self.share = cp.Variable(n, name="share", nonneg=True)
            power_mw = cp.reshape(sp.hstack(self.maps, format="csr") @ self.share, shape, order="C")
            cost = np.concatenate(self.costs) @ self.share
            constraints = [sp.hstack([sp.eye_array(self.n_groups)] * len(self.maps), format="csr") @ self.share == 1]
        self.power, couple = _coupled(fleet, power_mw)
        self.problem, self.parts = self.build(StationLoad(self.power, cost, [couple, *constraints]))
        self.solve(self.problem)
        self.upper = 1000.0 * float(self.problem.value)
        return -couple.dual_value / fleet.domain.step_h

    def record(self, iteration: int) -> None:
        """Record both bounds of this iteration."""
        gap = (self.upper - self.lower) / max(abs(self.upper), np.finfo(float).tiny)
        row = dict(iteration=iteration, upper_cny=self.upper, lower_cny=self.lower, gap=gap, columns=len(self.columns))
        self.rows.append(row)

    def result(self) -> ColumnDispatch:
        """The last master's dispatch; first solves the problem of the lower bound again at the best prices."""
        n_mixed = 0 if self.share is None else self.share.size // self.n_groups
        weights = np.zeros((len(self.columns), self.n_groups))
        if n_mixed:
            share = np.maximum(self.share.value.reshape(n_mixed, self.n_groups), 0.0)
            weights[:n_mixed] = share / share.sum(axis=0)
        self.asked_price.value = self.centre
        self.solve(self.priced)
        bounds = self.upper, self.lower, self.rows[-1]["gap"]
        mixture = tuple(self.columns), weights, self.group, pd.DataFrame(self.rows)
        problems = self.problem, self.parts, self.priced_parts
        return ColumnDispatch(1000.0 * self.power.value, self.centre, *bounds, *mixture, *problems)
