"""Coordination: flows and prices respond to each other by one of several methods, and every iterate is measured.

The file is longer than others because the loop's certificate is described beside the loop.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib.assignment.gaps import Gaps
from evlib.assignment.tno import OBJECTIVES
from evlib.coordination.city.growing import with_added_paths
from evlib.coordination.iteration import Iteration, IterationRow, State
from evlib.coordination.method import Method
from evlib.coordination.methods import METHODS
from evlib.coordination.newton.method import PRICE_GAP_TOLERANCE, why_not_newton
from evlib.coordination.problem import CoupledProblem
from evlib.coordination.saved_run import check_place, load_state, save_state
from evlib.coordination.state_checks import check_shapes, check_start
from evlib.coordination.unknown_paths import missing_paths
from evlib.errors import InputError, is_interrupt
from evlib.grid.fleet_dispatch import FleetDispatch
from evlib.inputs.scenario import Scenario
from evlib.traffic.network import Network

__all__ = [
    "METHODS",
    "PRICE_GAP_TOLERANCE",
    "Coordination",
    "LoopCertificate",
    "coordinate",
    "default_method",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LoopCertificate(Gaps):
    """How far an iterate is from equilibrium: measures taken after loading it again, in addition to :class:`Gaps`.

    Attributes
    ----------
    price_gap : float
        How far the announced prices are from supporting the dispatch, as a share of J(0).
    flow_residual : float
        Share of the flows that the method moved in its next answer.
    lower_bound_cny, upper_bound_cny : float
        Bounds on the joint program with trajectories frozen at the last loading; none on the day's total, since that
        depends on trajectories too.
    iterations : int
        Number of answers of the method.
    best_iteration : int or None
        Which of these answers is returned.
    interrupted : bool
        Whether the run was stopped before its last iteration.
    statuses : str
        How the solves ended.
    tol_relative_gap : float
        Tolerance of the relative gap.
    converged : bool
        Whether relative gap and price gap are within their tolerances. It says nothing of other equilibria, or of plug
        queues where there are none on this day.
    rejected_cuts : int or None
        Method ``bundle``: number of grid answers that gave no cut.
    paths_missing : int or None
        With generated paths: number of quicker paths that the set lacks.
    excess_over_all_paths_cny_veh : float
        With generated paths: the excess if drivers knew these paths too [CNY per vehicle].
    own_excess_cny_veh, own_relative_gap : float
        What followers could save at their own cost, without tolls and rents [CNY per vehicle], and as a share of time and
        queue cost: 0 for objective ``user`` up to its gap; for ``system`` what tolls and rents have to outweigh.
    plugs_lacking_veh : float or None
        Method ``city``: vehicles beyond all plugs together at the worst step, if nobody waited. Where there are some, rents
        leave queues, and a run is not likely to settle.
    not_applicable : dict of str -> str
        Why a measure is nan.
    """

    price_gap: float = math.nan
    flow_residual: float = math.nan
    lower_bound_cny: float = math.nan
    upper_bound_cny: float = math.nan
    iterations: int = 0
    best_iteration: int | None = None
    interrupted: bool = False
    statuses: str = ""
    tol_relative_gap: float = math.nan
    converged: bool = False
    rejected_cuts: int | None = None
    paths_missing: int | None = None
    excess_over_all_paths_cny_veh: float = math.nan
    own_excess_cny_veh: float = math.nan
    own_relative_gap: float = math.nan
    plugs_lacking_veh: float | None = None
    not_applicable: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Coordination:
    """The result of a coordination run.

    Attributes
    ----------
    flows_veh : ndarray, shape (n_paths, n_classes, n_departure_steps)
        Departures of all drivers in the best iterate [veh]. Among the iterates within tolerance whose prices support their
        dispatch, the best has the least excess; if there are none, it leaves the least money open: excess of all plus price gap.
    price_cny_kwh : ndarray, shape (n_bus, K)
        Prices announced in the best iterate [CNY/kWh].
    rent_cny : ndarray, shape (n_stations, K), or None
        Plug rents announced in the best iterate [CNY]: methods ``joint`` and ``bundle``, objective ``system``.
    network : Network
        Holds the paths that the flows belong to.
    certificate : LoopCertificate
        Measures of the best iterate.
    convergence : DataFrame
        One row per iteration: measures, residual, metric, seconds by part, and which program announced the prices (with
        exact domains or mixed schedules; *mixed, then checked* if the run was interrupted). For ``newton`` and
        ``bundle`` also how many numbers traffic and grid exchanged, for ``bundle`` its certified gap.
    dispatch : callable or None
        Method ``city``: dispatches cohorts of given sizes (n_cohorts,) [veh] as its loop does, see
        :func:`evlib.coordination.city.dispatch.whole_dispatch`; one program for all of them takes too long in a city.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    network: Network
    certificate: LoopCertificate
    convergence: pd.DataFrame
    dispatch: Callable[[np.ndarray], FleetDispatch] | None = None


def coordinate(
    scenario: Scenario,
    *,
    method: str | None = None,
    charging: str = "v2g",
    objective: str | None = None,
    save: str | Path | None = None,
    resume: str | Path | None = None,
    start_veh: np.ndarray | None = None,
) -> Coordination:
    """Iterate between traffic and grid and keep the best iterate.

    Parameters
    ----------
    scenario : Scenario
        Its section ``coordination`` sets iterations, metric and damping; ``newton`` takes at most twice the iterations and
        else reads ``tol_relative_gap``, ``stop_relative_gap`` (by default 1e-3) and ``stop_price_gap`` (1e-4).
    method : {"newton", "city", "joint", "bundle", "inertia", "best_response", "rested_response"}, optional
        By default ``newton`` where it can be used, else ``joint``. ``newton``: Newton steps on prices and plug rents, then
        drivers' steps through the loading, see :mod:`evlib.coordination.newton`; it ends where both gaps are small, or
        where they fall too slowly to become small, which the certificate's ``statuses`` say.
        ``city``: the same for hundreds of stations, with paths that grow, see :mod:`evlib.coordination.city`.
        ``joint``: one program for both sides, then drivers' steps at its prices. ``bundle``: the same by exchanging cohorts
        and prices, see :mod:`evlib.coordination.joint.cutting_planes`. ``inertia``: replies to damped prices.
        ``best_response``: best replies to the last prices. ``rested_response``: drivers' equilibrium at them.
    charging : {"v2g", "smart", "uncontrolled"}
    objective : {"user", "system"}, by default the scenario's
    save : path-like, optional
        File to which the run is saved after every iteration, whole or not at all; its folder must be there.
    resume : path-like, optional
        File of a saved run to continue, with the same results as if it had not stopped; may be the same as ``save``.
    start_veh : ndarray, shape (n_paths, n_classes, n_departure_steps), optional
        Departures of those who follow the signal to start from [veh]; by default an even split over stations.

    Returns
    -------
    Coordination

    Raises
    ------
    InputError
        Unknown method or objective; a place where nothing can be saved; a file to resume that is no whole run of this case
        and code; a start that is no split of the demand, or is given with ``resume``.
    SolverError
        If a problem does not end *optimal*.
    KeyboardInterrupt
        Only before the first answer is measured. A later interrupt ends the run: its last iterate is measured exactly,
        the best so far is returned, and the certificate says ``interrupted``.

    Notes
    -----
    Every iteration logs a line (INFO); a terminal shows a progress bar too. Nothing guarantees descent, so every iterate
    is measured after its own loading. The key ``set`` chooses a cohort's set, see :mod:`evlib.grid.fleet_dispatch`.
    """
    objective = objective or scenario.switches.objective
    method = method or default_method(scenario, charging)
    for label, value, known in (("method", method, METHODS), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    if save is not None:
        check_place(save)
    whose = (scenario, method, charging, objective)
    state = load_state(resume, *whose) if resume is not None else None
    log.info("%s, method %s: building the problem of %d stations", objective, method, len(scenario.stations))
    problem = CoupledProblem.of(scenario, charging, objective)
    if not problem.demand_veh.any():
        return _nobody_drives(problem)
    if state is not None and state.added_paths:
        problem = with_added_paths(problem, state.added_paths, resume)
    if scenario.switches.path_set == "generated" and not METHODS[method].grows:
        problem = problem.with_generated_paths()
    if state is not None:
        check_shapes(resume, state, problem)
    if start_veh is not None:
        check_start(start_veh, problem, resume)
        state = State(np.array(start_veh, dtype=float), scenario.coordination.metric_cny_veh)
    run = Iteration(problem, state)
    answering = METHODS[method](run)
    n_iterations = answering.most_iterations
    log.info(
        "%d paths, %d cohorts: measuring the first flows", len(run.problem.network.paths), run.problem.cohorts.domain.n
    )
    try:
        for iteration in _progress(len(run.state.rows), n_iterations):
            answering.measure(iteration)
            if answering.settled() or answering.gives_up():
                break
            _answer(run, answering, iteration)
            if save is not None:
                save_state(save, run.state, *whose)
            log.info(_line(run.state.rows[-1], n_iterations))
        else:
            answering.measure(n_iterations)
        log.info(_line(run.state.rows[-1], n_iterations))
    except (KeyboardInterrupt, SystemError) as error:
        if not is_interrupt(error) or len(run.state.rows) < 2:
            raise
        log.warning("interrupted; measuring iterate %d of %d", len(run.state.rows) - 1, n_iterations)
        run.check_last()
    return _result(run, answering)


def default_method(scenario: Scenario, charging: str) -> str:
    """The method of a coordination for which none is named: ``newton`` where it can be used, else ``joint``."""
    return "joint" if why_not_newton(scenario, charging) else "newton"


def _progress(first: int, n_iterations: int):
    """The remaining iterations, with a progress bar on a terminal."""
    bar = {"initial": first, "total": n_iterations, "unit": "iteration", "leave": False}
    return tqdm(range(first, n_iterations), disable=not sys.stderr.isatty(), **bar)


def _answer(run: Iteration, method: Method, iteration: int) -> None:
    start = time.perf_counter()
    answer = method.answer(iteration)
    run.answered(*answer, time.perf_counter() - start)


def _line(row: IterationRow, n_iterations: int) -> str:
    """One line for the log about an iteration."""
    gap = "not measured" if math.isnan(row.price_gap) else f"{row.price_gap:.1e}"
    seconds = np.nansum([row.seconds_load, row.seconds_check, row.seconds_answer])
    return (
        f"iteration {row.iteration} of {n_iterations}: excess {row.excess_cny_veh:.3g} CNY/veh, "
        f"relative gap {row.relative_gap:.1e}, price gap {gap}, {seconds:.1f} s"
    )


def _result(run: Iteration, method: Method) -> Coordination:
    """The best iterate with its certificate."""
    problem, state, table = run.problem, run.state, run.state.table()
    # The starting point is not an answer of the method, and with mixed schedules V is not a vehicle's least cost.
    answers = (table["iteration"] > 0) & (table["priced_by"] != "mixed")
    sound = answers & (table["price_gap"].abs() <= max(PRICE_GAP_TOLERANCE, run.keys.stop_price_gap or 0.0))
    open_cny = table["excess_cny_veh"] * problem.demand_veh.sum() + table["price_gap"].abs() * problem.scale_cny
    tolerance = run.keys.tol_relative_gap
    settled = sound & (table["relative_gap"] <= tolerance)
    best = int(table.loc[settled, "excess_cny_veh"].idxmin() if settled.any() else open_cny[answers].idxmin())
    iterate, row = state.iterates[best], state.rows[best]
    missing = method.over_all_paths(iterate) if method.grows else {}
    if problem.scenario.switches.path_set == "generated" and not method.grows:
        missing = missing_paths(problem, iterate)
    certificate = LoopCertificate(
        **vars(iterate.gaps),
        price_gap=float(row.price_gap),
        flow_residual=float(row.flow_residual),
        lower_bound_cny=state.bounds_cny[0],
        upper_bound_cny=state.bounds_cny[1],
        iterations=len(table) - 1,
        best_iteration=best,
        interrupted=len(table) - 1 < method.most_iterations and not (method.settled() or method.gives_up()),
        statuses=method.statuses(),
        tol_relative_gap=tolerance,
        converged=bool(iterate.gaps.relative_gap <= tolerance and abs(row.price_gap) <= PRICE_GAP_TOLERANCE),
        rejected_cuts=len(state.cuts.rejected) if state.cuts else None,
        not_applicable=method.not_applicable,
        **missing,
    )
    everybody, announced = iterate.flows_veh + problem.fixed_veh, (iterate.price_cny_kwh, iterate.rent_cny)
    own = method.dispatcher(iterate)
    return Coordination(everybody, *announced, problem.network, certificate, table, own)


def _nobody_drives(problem: CoupledProblem) -> Coordination:
    """The day without vehicles: no iteration, and the grid's prices."""
    dispatch = problem.dispatch(np.zeros(problem.cohorts.n)).dispatch
    measures = ("excess_cny_veh", "relative_gap", "price_gap", "flow_residual", "lower_bound_cny", "upper_bound_cny")
    reasons = dict.fromkeys((*measures, "converged"), "nobody drives")
    table = pd.DataFrame(columns=[item.name for item in fields(IterationRow) if item.default is not None])
    nobody = np.zeros_like(problem.fixed_veh)
    certificate = LoopCertificate(not_applicable=reasons)
    return Coordination(nobody, dispatch.price_cny_kwh, None, problem.network, certificate, table)
