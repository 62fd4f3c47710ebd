"""Coordination: flows and prices that answer each other, by one of several methods, with a record of how well they do."""

from __future__ import annotations

import logging
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from evlib.assignment.gaps import Gaps, gaps
from evlib.assignment.path_generation import quickest_paths
from evlib.assignment.tno import OBJECTIVES
from evlib.coordination.iteration import Iteration, IterationRow
from evlib.coordination.methods import METHODS, Method
from evlib.coordination.problem import CoupledProblem
from evlib.coordination.saved_run import check_place, load_state, save_state
from evlib.coordination.state_checks import check_shapes
from evlib.errors import InputError
from evlib.inputs.scenario import Scenario
from evlib.traffic.network import Network

__all__ = ["METHODS", "PRICE_GAP_TOLERANCE", "Coordination", "LoopCertificate", "coordinate"]

PRICE_GAP_TOLERANCE = 1e-4

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LoopCertificate(Gaps):
    """How far drivers and prices are from content: measures of an iterate after re-loading, beside :class:`Gaps`.

    Attributes
    ----------
    price_gap : float
        How far the announced prices are from supporting the dispatch, a share of J(0).
    flow_residual : float
        Share of the flows that the method's next answer moved.
    lower_bound_cny, upper_bound_cny : float
        Of the surrogate at the last trajectories.
    iterations : int
        Answers of the method.
    best_iteration : int or None
        Which of them is returned.
    interrupted : bool
        Whether the run was stopped before its last iteration.
    statuses : str
    tol_relative_gap : float
    converged : bool
        Whether relative gap and price gap are within their tolerances.
    rejected_cuts : int or None
        Method ``bundle``: answers of the grid that gave no cut.
    paths_missing : int or None
        With generated paths: quicker paths that the set lacks.
    excess_over_all_paths_cny_veh : float
        With generated paths: the excess if drivers knew them.
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
    not_applicable: dict = field(default_factory=dict)


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
        Plug rents announced with it: methods ``joint`` and ``bundle``, objective ``system``.
    network : Network
        With the paths that the flows belong to.
    certificate : LoopCertificate
        Measures of the best iterate.
    convergence : DataFrame
        One row an iteration: measures, residual, metric, which program announced the prices (with exact domains or
        mixed schedules; *mixed, then checked* where a run was interrupted), seconds by part; for ``bundle`` also its
        certified gap and how many numbers crossed the border.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    network: Network
    certificate: LoopCertificate
    convergence: pd.DataFrame


def coordinate(
    scenario: Scenario,
    *,
    method: str = "joint",
    charging: str = "v2g",
    objective: str | None = None,
    save: str | Path | None = None,
    resume: str | Path | None = None,
) -> Coordination:
    """Let traffic and grid answer each other for a fixed number of iterations and keep the best.

    Parameters
    ----------
    scenario : Scenario
        Section ``coordination`` sets the iterations, the first metric and the damping.
    method : {"joint", "bundle", "inertia", "best_response"}
        One program for both, then drivers' own steps through the loading at its prices, flows kept near the last by an
        adapted metric; the same with the program solved by exchanging cohorts and prices, see
        :mod:`evlib.coordination.cutting_planes`; replies to damped prices; or everybody's best reply to the last prices.
    charging : {"v2g", "smart", "uncontrolled"}
    objective : {"user", "system"}, optional
        The scenario's, if not given.
    save : path-like, optional
        File to which the run is saved after every iteration, whole or not at all; its folder must be there.
    resume : path-like, optional
        File of a saved run that goes on where it stopped, to the same numbers as if it had not; may be that of ``save``.

    Returns
    -------
    Coordination

    Raises
    ------
    InputError
        Unknown method or objective; a place where nothing can be saved; a file to resume that is no whole run of this
        scenario, code, method, charging and objective.
    SolverError
        A problem that does not end *optimal*.
    KeyboardInterrupt
        Only before the first answer is measured. Later the run ends there: its last iterate is measured with exact
        domains, the best so far is returned, and the certificate says ``interrupted``.

    Notes
    -----
    Every iteration is logged as a line (level INFO); a terminal shows a progress bar with the remaining time.
    Re-loading is no gradient step, so nothing guarantees descent: the number of iterations is fixed, every iterate is
    measured after its own loading, and a run that does not settle shows it.
    The key ``set`` says what the whole set of a cohort is: its exact domain in one problem, the same by columns, or its
    zonotope (then no iteration mixes), see :mod:`evlib.grid.fleet_dispatch`.
    """
    objective = objective or scenario.switches.objective
    for label, value, known in (("method", method, METHODS), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    if save is not None:
        check_place(save)
    whose = (scenario, method, charging, objective)
    state = load_state(resume, *whose) if resume is not None else None
    problem = CoupledProblem.of(scenario, charging, objective)
    if scenario.switches.path_set == "generated":
        problem = problem.with_generated_paths()
    if state is not None:
        check_shapes(resume, state, problem)
    run = Iteration(problem, state)
    answering, n_iterations = METHODS[method](run), run.keys.iterations
    try:
        for iteration in _progress(len(run.state.rows), n_iterations):
            _iterate(run, answering, iteration)
            if save is not None:
                save_state(save, run.state, *whose)
            log.info(_line(run.state.rows[-1], n_iterations))
        answering.measure(n_iterations)
        log.info(_line(run.state.rows[-1], n_iterations))
    except KeyboardInterrupt:
        if len(run.state.rows) < 2:
            raise
        log.warning("interrupted; measuring iterate %d of %d", len(run.state.rows) - 1, n_iterations)
        run.check_last()
    return _result(run)


def _progress(first: int, n_iterations: int):
    """The iterations to come, with a bar on a terminal."""
    bar = {"initial": first, "total": n_iterations, "unit": "iteration", "leave": False}
    return tqdm(range(first, n_iterations), disable=not sys.stderr.isatty(), **bar)


def _iterate(run: Iteration, method: Method, iteration: int) -> None:
    method.measure(iteration)
    start = time.perf_counter()
    answer = method.answer(iteration)
    run.answered(*answer, time.perf_counter() - start)


def _line(row: IterationRow, n_iterations: int) -> str:
    """The row of an iteration, for a log."""
    gap = "not measured" if math.isnan(row.price_gap) else f"{row.price_gap:.1e}"
    seconds = np.nansum([row.seconds_load, row.seconds_check, row.seconds_answer])
    return (
        f"iteration {row.iteration} of {n_iterations}: excess {row.excess_cny_veh:.3g} CNY/veh, "
        f"relative gap {row.relative_gap:.1e}, price gap {gap}, {seconds:.1f} s"
    )


def _result(run: Iteration) -> Coordination:
    """Best iterate with its certificate."""
    problem, state, table = run.problem, run.state, run.state.table()
    # The start is no answer of the method, and V of mixed schedules is no vehicle's least cost.
    answers = (table["iteration"] > 0) & (table["priced_by"] != "mixed")
    sound = answers & (table["price_gap"].abs() <= PRICE_GAP_TOLERANCE)
    if sound.any():
        best = int(table.loc[sound, "excess_cny_veh"].idxmin())
    else:
        best = int(table.loc[answers, "price_gap"].idxmin())
    iterate, row, tolerance = state.iterates[best], state.rows[best], run.keys.tol_relative_gap
    missing = _missing_paths(problem, iterate) if problem.scenario.switches.path_set == "generated" else {}
    certificate = LoopCertificate(
        **vars(iterate.gaps),
        price_gap=float(row.price_gap),
        flow_residual=float(row.flow_residual),
        lower_bound_cny=state.bounds_cny[0],
        upper_bound_cny=state.bounds_cny[1],
        iterations=len(table) - 1,
        best_iteration=best,
        interrupted=len(table) - 1 < run.keys.iterations,
        statuses="optimal in every iteration",
        tol_relative_gap=tolerance,
        converged=bool(iterate.gaps.relative_gap <= tolerance and abs(row.price_gap) <= PRICE_GAP_TOLERANCE),
        rejected_cuts=len(state.cuts.rejected) if state.cuts else None,
        **missing,
    )
    everybody = iterate.flows_veh + problem.fixed_veh
    return Coordination(everybody, iterate.price_cny_kwh, iterate.rent_cny, problem.network, certificate, table)


def _missing_paths(problem: CoupledProblem, iterate) -> dict:
    """How many quicker paths the set lacks, and the excess if drivers knew them."""
    traffic, flows = problem.traffic, iterate.flows_veh
    wider = traffic.with_paths(quickest_paths(traffic.load(flows), traffic.drivers.signal))
    n_new = len(wider.network.paths) - len(flows)
    flows = np.concatenate([flows, np.zeros((n_new, *flows.shape[1:]))])
    over_all = gaps(wider.evaluate(flows), problem.electricity(iterate.price_cny_kwh), iterate.rent_cny)
    return {"paths_missing": n_new, "excess_over_all_paths_cny_veh": over_all.excess_cny_veh}
