"""The grid problem without its buses, solved again and again: least cost and prices at free, fixed or responding stations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import cvxpy as cp
import numpy as np

from evlib.errors import InputError, SolverError
from evlib.flexibility.station_load import StationLoad, priced_power
from evlib.grid.checks import check_start
from evlib.grid.grid_case import GridCase, GridOptions
from evlib.grid.grid_model import build_grid_model
from evlib.grid.reduced.price_groups import Monitored, group_means, shared_evenly
from evlib.grid.reduced.reduced_answer import ReducedAnswer
from evlib.grid.reduced.reduced_program import ReducedProgram, build_reduced_program
from evlib.grid.reduced.reduced_solver import TOLERANCE, ConeProblem, climb_cones
from evlib.grid.reduced.station_cost import Block, blocks_problem, check_block, fixed_problem, priced_problem
from evlib.grid.reduced.violations import with_violated
from evlib.grid.solver import Attempt, solve_grid

__all__ = ["ReducedGrid"]

KILO = 1000.0
# Prices of stations in one group are equal if they differ by less than this [CNY/kWh].
SAME_PRICE_CNY_KWH = 1e-9


@dataclass
class _Watch:
    """What is monitored so far, and the program that does."""

    monitored: Monitored
    program: ReducedProgram


class ReducedGrid:
    """Least cost g(e) of the feeder as a function of station power e, without variables for buses.

    .. math:: g(e) = \\min \\{ \\text{cost of } \\texttt{dispatch\\_grid} : \\text{station power} = e \\}

    Flows and voltages are sums over the demand of buses. The program knows the flows of ties and the root; lines,
    voltages and single loads are monitored from the first solve that violates them, and every solve is repeated until
    nothing is violated. Least cost and prices are then those of the full problem.

    Parameters
    ----------
    case : GridCase
    options : GridOptions

    Attributes
    ----------
    station_group : ndarray of int, shape (n_stations,)
        Stations that all monitored rows see alike share a group. Groups split when :meth:`free` or :meth:`with_blocks`
        starts to monitor a row, and never merge.
    n_groups : int

    Raises
    ------
    InputError
        For ``grid_model: cone``, whose losses are no function of sums, or a start of backup that its ramp forbids.
    """

    def __init__(self, case: GridCase, options: GridOptions):
        if options.grid_model != "lindistflow":
            raise InputError(
                f"grid options: grid_model = {options.grid_model!r}; the reduced grid is linear: must be 'lindistflow'"
            )
        check_start(case, options.backup_ramp_share)
        self.case, self.options, self._looser = case, options, 0
        self._sold = None  # prices of the last free(), and its answer
        nothing = Monitored.nothing(case)
        # Free stations go to extremes and violate much that given ones never do, so both are watched apart.
        self._given, self._free = (
            _Watch(nothing, program) for program in [build_reduced_program(case, options, nothing)] * 2
        )

    @property
    def station_group(self) -> np.ndarray:
        """Group of each station, shape (n_stations,)."""
        return self._free.program.groups.station_group

    @property
    def n_groups(self) -> int:
        """Number of groups that hold stations."""
        return self._free.program.groups.n_groups

    @property
    def monitored(self) -> np.ndarray:
        """Everything that is monitored, for :meth:`monitor`: a bool array of shape (2, 4, n_bus, K).

        First for free, then for fixed stations: lines by the bus that they feed, lower voltages, upper ones, loads.
        """
        watches = (self._free.monitored, self._given.monitored)
        root = np.zeros((1, self.case.n_steps), bool)
        return np.array([(np.vstack([root, m.line]), m.low, m.high, m.alone) for m in watches])

    def take_looser_solves(self) -> int:
        """Number of programs, since this was last asked, that ended optimal only at a later step of the ladder."""
        count, self._looser = self._looser, 0
        return count

    def monitor(self, monitored: np.ndarray) -> None:
        """Monitor what another grid of this case monitored, so that all further answers are the same."""
        for watch, (line, low, high, alone) in zip((self._free, self._given), monitored, strict=True):
            watch.monitored = Monitored(line[1:], low, high, alone)
            watch.program = build_reduced_program(self.case, self.options, watch.monitored)

    def fixed(self, station_kw: np.ndarray) -> ReducedAnswer:
        """Least cost g(e) at given station power.

        Parameters
        ----------
        station_kw : ndarray, shape (n_stations, K)
            [kW].

        Returns
        -------
        ReducedAnswer
            Rows of its ``station_kw`` are sums over the groups of ``station_group``.

        Raises
        ------
        SolverError
            If no dispatch is possible, with the limits that cannot hold, or if no step of the ladder ends optimal.
        """
        station_mw = self._checked("station_kw", station_kw, len(self.case.stations)) / KILO

        def pose(program: ReducedProgram) -> ConeProblem:
            return fixed_problem(program, station_mw)

        load = partial(StationLoad, cp.Constant(station_mw), cp.Constant(0.0))
        return self._solve(self._given, pose, load, station_mw=station_mw)

    def free(self, price_cny_kwh: np.ndarray) -> ReducedAnswer:
        """Least cost of the grid that sells to its stations: min over e of g(e) - step_h price . e.

        Parameters
        ----------
        price_cny_kwh : ndarray, shape (n_stations, K)
            Equal for all stations of a group [CNY/kWh].

        Returns
        -------
        ReducedAnswer
            Rows of its ``station_kw`` are the groups after the call. The next call at the same prices returns it again, so
            its arrays are read-only.

        Raises
        ------
        InputError
            If prices within a group differ: power would be sold from one station to the next without end.
        SolverError
            As :meth:`fixed`.
        """
        case = self.case
        price = self._checked("price_cny_kwh", price_cny_kwh, len(case.stations))
        by_group = group_means(price, self.station_group, self.n_groups)
        far = np.abs(price - by_group[self.station_group])
        if far.max(initial=0.0) >= SAME_PRICE_CNY_KWH:
            station, step = np.unravel_index(far.argmax(), far.shape)
            mean = by_group[self.station_group[station], step]
            raise InputError(
                f"price_cny_kwh: {case.stations[station]}, step {step}: {price[station, step]:g}; stations between which "
                f"no limit binds must have equal prices, here {mean:g}, their mean"
            )
        price = by_group[self.station_group]
        if self._sold and self._sold[1].program is self._free.program and np.array_equal(self._sold[0], price):
            # Counted as if solved again: a resumed run, which has to solve it, says the same of itself.
            self._looser += len(self._sold[1].ladder) > 1
            return self._sold[1]
        linear = -case.step_h * price

        def pose(program: ReducedProgram) -> ConeProblem:
            return priced_problem(program, group_means(linear, program.groups.station_group, program.groups.n_groups))

        answer = self._solve(self._free, pose, partial(priced_power, price, case.step_h))
        for values in (answer.station_kw, answer.price_cny_kwh):
            values.setflags(write=False)
        self._sold = price, answer
        return answer

    def with_blocks(self, linear_cny_kw: np.ndarray, blocks: list[Block], *, tolerance=TOLERANCE) -> ReducedAnswer:
        """Least cost of the grid and of quadratic responses of its stations.

        .. math:: \\min_{e, t \\ge 0} \\; g(e) + c \\cdot e + \\sum_b \\tfrac12 y_b' Q_b y_b + q_b' y_b,
                  \\qquad y_b = (e_{group(b)}, t_b)

        Parameters
        ----------
        linear_cny_kw : ndarray, shape (n_groups, K)
            c [CNY/kW].
        blocks : list of Block
        tolerance : float
            The solver's first; a larger one saves iterations where the answer is a step of a method.

        Returns
        -------
        ReducedAnswer
            Rows of its ``station_kw`` are the groups before the call, to which ``blocks`` refer. If the call splits one,
            its blocks see the sum of the parts.

        Raises
        ------
        InputError
            If an array has the wrong shape or is not finite, or a group does not exist.
        SolverError
            As :meth:`fixed`.
        """
        case = self.case
        linear = self._checked("linear_cny_kw", linear_cny_kw, self.n_groups)
        for block in blocks:
            check_block(block, self.n_groups, case.n_steps)
        before = self.station_group

        def pose(program: ReducedProgram) -> ConeProblem:
            part_of = before[program.groups.first_station]
            return blocks_problem(program, linear[part_of], part_of, blocks)

        load = partial(priced_power, np.zeros((len(case.stations), case.n_steps)), case.step_h)
        return self._solve(self._free, pose, load, groups=before, blocks=blocks, tolerance=tolerance)

    def _solve(
        self, watch: _Watch, pose, load, *, station_mw=None, groups=None, blocks=(), tolerance=TOLERANCE
    ) -> ReducedAnswer:
        """Solve until no row is violated; ``load()`` stands for stations in the full problem if there is no solution."""
        case, iterations, solves = self.case, 0, 0
        while True:
            program = watch.program
            solve = climb_cones(problem := pose(program), tolerance)
            iterations, solves = iterations + sum(attempt.iterations for attempt in solve.ladder), solves + 1
            self._looser += len(solve.ladder) > 1 and solve.status == "optimal"
            if solve.status == "unbounded" and not watch.monitored.network.all():
                # Nothing but the rows that are left out may bound free overloads.
                watch.monitored = watch.monitored.with_whole_network()
                watch.program = build_reduced_program(case, self.options, watch.monitored)
                continue
            if solve.status != "optimal":
                raise self._failure(solve.ladder, load)
            n_core, n_station = program.variables.n_core, program.variables.station.size
            power_mw = solve.x[n_core : n_core + n_station].reshape(-1, case.n_steps)
            at_stations = shared_evenly(power_mw, program.groups.station_group) if station_mw is None else station_mw
            monitored = with_violated(case, self.options, watch.monitored, program, solve.x, at_stations)
            if monitored is None:
                break
            watch.monitored, watch.program = monitored, build_reduced_program(case, self.options, monitored)
        groups = self.station_group if groups is None else groups
        station_kw = np.zeros((groups.max(initial=-1) + 1, case.n_steps))
        np.add.at(station_kw, groups, KILO * at_stations)
        core = solve.x[:n_core]
        sizes = [len(block.linear) - case.n_steps * len(block.groups) for block in blocks]
        extras = np.split(solve.x[n_core + n_station :][: sum(sizes)], np.cumsum(sizes)[:-1]) if blocks else []
        z = np.delete(solve.z, slice(program.n_equal, problem.n_equal))  # without rows that tie factors
        return ReducedAnswer(
            cost_cny=KILO * solve.objective,
            grid_cny=KILO * float(program.variables.q @ core + 0.5 * program.variables.p_diagonal @ core**2),
            station_group=groups,
            station_kw=station_kw,
            extras=extras,
            price_cny_kwh=program.price_cny_kwh(z, case.step_h),
            iterations=iterations,
            status=solve.status,
            tolerance=solve.ladder[-1].tolerance,
            ladder=solve.ladder,
            solves=solves,
            monitored=watch.monitored.names(case),
            program=program,
            x=solve.x,
        )

    def _failure(self, ladder: tuple[Attempt, ...], load) -> SolverError:
        """The error of a program without an optimal solution; if it is infeasible, the full problem says why."""
        statuses = ", then ".join(repr(attempt.status) for attempt in ladder)
        if ladder[-1].status == "infeasible":
            model = build_grid_model(self.case, self.options, load())
            try:
                solve_grid(model.problem, "grid problem", self.options.grid_model, model.constraints)
            except SolverError as error:
                return error
            statuses += ", though the full problem has a solution"
        return SolverError(f"reduced grid problem ended with status {statuses}, not 'optimal'")

    def _checked(self, name: str, values, n_rows: int) -> np.ndarray:
        """An array (n_rows, K) of finite numbers."""
        values, shape = np.asarray(values, dtype=float), (n_rows, self.case.n_steps)
        if values.shape != shape:
            raise InputError(f"{name} has shape {values.shape}; must be {shape}")
        if not np.isfinite(values).all():
            row, step = np.argwhere(~np.isfinite(values))[0]
            raise InputError(f"{name}: row {row}, step {step}: {values[row, step]}; must be finite")
        return values
