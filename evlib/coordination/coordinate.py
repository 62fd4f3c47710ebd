"""Coordination: flows and prices that answer each other, by one of several methods, with a record of how well they do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evlib.assignment.path_costs import gaps
from evlib.assignment.path_generation import generate_paths, quickest_paths, with_paths
from evlib.assignment.tno import OBJECTIVES
from evlib.coordination.iteration import Talk
from evlib.coordination.methods import METHODS, Method
from evlib.coordination.problem import Market
from evlib.coordination.saved_run import load_state, save_state
from evlib.errors import InputError
from evlib.traffic.network import Network

__all__ = ["METHODS", "PRICE_GAP_TOLERANCE", "Coordination", "coordinate"]

PRICE_GAP_TOLERANCE = 1e-4


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
    certificate : dict
        Measures of the best iterate after re-loading, bounds of the surrogate, statuses, ``converged``; ``interrupted``
        if the run was stopped before its last iteration.
    convergence : DataFrame
        One row an iteration: measures, residual, metric, which program announced the prices (with exact domains or
        mixed schedules; *mixed, then checked* where a run was interrupted), seconds by part; for ``bundle`` also its
        certified gap and how many numbers crossed the border.
    """

    flows_veh: np.ndarray
    price_cny_kwh: np.ndarray
    rent_cny: np.ndarray | None
    network: Network
    certificate: dict
    convergence: pd.DataFrame


def coordinate(
    scenario,
    *,
    method: str = "joint",
    charging: str = "v2g",
    objective: str | None = None,
    save: str | Path | None = None,
    resume: str | Path | None = None,
    report: Callable[[str], None] | None = None,
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
        File to which the run is saved after every iteration, whole or not at all.
    resume : path-like, optional
        File of a saved run that goes on where it stopped, to the same numbers as if it had not; may be that of ``save``.
    report : callable, optional
        Takes a line of text after every iteration.

    Returns
    -------
    Coordination

    Raises
    ------
    InputError
        Unknown method or objective; a file to resume that is no run of this scenario, code, method, charging and objective.
    SolverError
        A problem that does not end *optimal*.
    KeyboardInterrupt
        Only before the first answer is measured. Later the run ends there: its last iterate is measured with exact
        domains, the best so far is returned, and the certificate says ``interrupted``.

    Notes
    -----
    Re-loading is no gradient step, so nothing guarantees descent: the number of iterations is fixed, every iterate is
    measured after its own loading, and a run that does not settle shows it.
    The key ``set`` says what the whole set of a cohort is: its exact domain in one problem, the same by columns, or its
    zonotope (then no iteration mixes), see :mod:`evlib.grid.fleet_dispatch`.
    """
    objective = objective or scenario.switches.objective
    for label, value, known in (("method", method, METHODS), ("objective", objective, OBJECTIVES)):
        if value not in known:
            raise InputError(f"{label} {value!r} is unknown; must be one of {', '.join(known)}")
    if save is not None and Path(save).is_dir():
        raise InputError(f"save: {save} is a folder; must be a file")
    whose = (scenario, method, charging, objective)
    state = load_state(resume, *whose) if resume is not None else None
    market = Market.of(scenario, charging, objective)
    if scenario.switches.path_set == "generated":
        market = generate_paths(market, _at_tariff(market)).market
    talk = Talk(market, state)
    own, tell, n_iterations = METHODS[method](talk), report or (lambda line: None), talk.keys.iterations
    try:
        for iteration in range(len(talk.state.rows), n_iterations):
            _iterate(talk, own, iteration)
            if save is not None:
                save_state(save, talk.state, *whose)
            tell(_line(talk.state.rows[-1], n_iterations))
        own.measure(n_iterations)
        tell(_line(talk.state.rows[-1], n_iterations))
    except KeyboardInterrupt:
        if len(talk.state.rows) < 2:
            raise
        tell(f"interrupted; measuring iterate {len(talk.state.rows) - 1} of {n_iterations}")
        talk.check_last()
    return _result(talk)


def _iterate(talk: Talk, method: Method, iteration: int) -> None:
    method.measure(iteration)
    start = time.perf_counter()
    answer = method.answer(iteration)
    talk.answered(*answer, time.perf_counter() - start)


def _line(row: dict, n_iterations: int) -> str:
    """The row of an iteration, for a terminal."""
    gap = "not measured" if math.isnan(row["price_gap"]) else f"{row['price_gap']:.1e}"
    seconds = np.nansum([row[f"seconds_{part}"] for part in ("load", "check", "answer")])
    return (
        f"iteration {row['iteration']} of {n_iterations}: excess {row['excess_cny_veh']:.3g} CNY/veh, "
        f"relative gap {row['relative_gap']:.1e}, price gap {gap}, {seconds:.1f} s"
    )


def _at_tariff(market: Market) -> np.ndarray:
    """V if the price at every bus is that of import."""
    return market.electricity(np.broadcast_to(market.case.import_price_cny_kwh, market.case.load_kw.shape))


def _result(talk: Talk) -> Coordination:
    """Best iterate with its certificate."""
    market, state, table = talk.market, talk.state, pd.DataFrame(talk.state.rows)
    # The start is no answer of the method, and V of mixed schedules is no vehicle's least cost.
    own = (table["iteration"] > 0) & (table["priced_by"] != "mixed")
    sound = own & (table["price_gap"].abs() <= PRICE_GAP_TOLERANCE)
    if sound.any():
        best = int(table.loc[sound, "excess_cny_veh"].idxmin())
    else:
        best = int(table.loc[own, "price_gap"].idxmin())
    flows, price, rent, found = state.kept[best]
    row, tolerance = table.loc[best], talk.keys.tol_relative_gap
    certificate = {
        **found,
        **({"rejected_cuts": len(state.cuts["rejected"])} if state.cuts else {}),
        "price_gap": float(row["price_gap"]),
        "flow_residual": float(row["flow_residual"]),
        "lower_bound_cny": state.bounds_cny[0],
        "upper_bound_cny": state.bounds_cny[1],
        "iterations": len(table) - 1,
        "best_iteration": best,
        "interrupted": len(table) - 1 < talk.keys.iterations,
        "statuses": "optimal in every iteration",
        "tol_relative_gap": tolerance,
        "converged": bool(found["relative_gap"] <= tolerance and abs(row["price_gap"]) <= PRICE_GAP_TOLERANCE),
    }
    if market.scenario.switches.path_set == "generated":
        certificate |= _missing_paths(market, flows, price, rent)
    return Coordination(flows + market.fixed_veh, price, rent, market.network, certificate, table)


def _missing_paths(market: Market, flows, price, rent) -> dict:
    """How many quicker paths the set lacks, and the excess if drivers knew them."""
    found = with_paths(market, quickest_paths(market.look(flows).loading, market.signal))
    n_new = len(found.network.paths) - len(flows)
    flows = np.concatenate([flows, np.zeros((n_new, *flows.shape[1:]))])
    excess = gaps(found.look(flows), market.electricity(price), rent)["excess_cny_veh"]
    return {"paths_missing": n_new, "excess_over_all_paths_cny_veh": excess}
