"""Where a loop settles: methods, damping, demand and limits on the small case, each run long enough to tell."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from evlib import load_scenario
from evlib.coordination.coordinate import PRICE_GAP_TOLERANCE, coordinate
from evlib.errors import SolverError
from evlib.folders import RESULTS
from study.experiments.provenance import MAKERS, run_hash, write_table

__all__ = ["DEMANDS", "LIMITS", "LOOPS", "OUTCOMES", "SETTLING_FILE", "map_settling", "outcome_of", "run_loop", "write"]

log = logging.getLogger(__name__)

SETTLING_FILE = "settling_mini.csv"
ITERATIONS = 40
DEMANDS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5)
LIMITS = ("soft", "hard")
_NO_STEPS = {"coordination.traffic_steps": 0}


def _damped(rule: str, damping: float) -> dict:
    return {"switches.damping_rule": rule, "coordination.damping": damping}


# What each loop is called, its method, and what it changes in the scenario.
LOOPS = {
    "best response": ("best_response", {}),
    "rested response": ("rested_response", {}),
    "best response, logit 1 CNY": ("best_response", {"fleet.logit_cny": 1.0}),
    "best response, logit 4 CNY": ("best_response", {"fleet.logit_cny": 4.0}),
    "best response, logit 16 CNY": ("best_response", {"fleet.logit_cny": 16.0}),
    "inertia, damping 0.5, replies": ("inertia", _damped("constant", 0.5) | _NO_STEPS),
    "inertia, falling from 0.5, replies": ("inertia", _damped("decreasing", 0.5) | _NO_STEPS),
    "inertia, damping 1": ("inertia", _damped("constant", 1.0)),
    "inertia, damping 0.5": ("inertia", _damped("constant", 0.5)),
    "inertia, damping 0.2": ("inertia", _damped("constant", 0.2)),
    "inertia, damping 0.05": ("inertia", _damped("constant", 0.05)),
    "inertia, falling from 1": ("inertia", _damped("decreasing", 1.0)),
    "inertia, adaptive from 0.5": ("inertia", _damped("adaptive", 0.5)),
    "bundle": ("bundle", {}),
    "joint": ("joint", {}),
}
OUTCOMES = ("settles", "passes", "stalls", "swings", "no optimum")
SWINGS_FROM = 0.1


def outcome_of(convergence: pd.DataFrame, tol_relative_gap: float) -> str:
    """What a loop came to, read from the last quarter of its iterates.

    Parameters
    ----------
    convergence : DataFrame
        ``relative_gap``, ``price_gap``, ``flow_residual`` of every iterate, the start first.
    tol_relative_gap : float

    Returns
    -------
    str
        *settles*: every one of the last quarter is converged (relative gap and price gap within their tolerances);
        *passes*: some iterate after the start is, but not all of the last; *swings*: none is, and from one of the last
        to the next more than a tenth of the flow moves, on average; *stalls*: none is, and less moves.
    """
    iterates = convergence.iloc[1:]  # the start is no answer of the loop
    converged = (iterates["relative_gap"] <= tol_relative_gap) & (iterates["price_gap"].abs() <= PRICE_GAP_TOLERANCE)
    if converged.iloc[-_n_last(convergence) :].all():
        return "settles"
    if converged.any():
        return "passes"
    return "swings" if _moved(convergence) > SWINGS_FROM else "stalls"


def _n_last(convergence: pd.DataFrame) -> int:
    """A quarter of the iterates after the start."""
    return max((len(convergence) - 1) // 4, 1)


def _moved(convergence: pd.DataFrame) -> float:
    """Mean share of the flow that moves on the way into one of the last iterates."""
    return convergence["flow_residual"].iloc[-_n_last(convergence) - 1 : -1].mean()


def run_loop(scenario, loop: str, limits: str, demand: float) -> dict:
    """One run of a loop of ``LOOPS`` with ``demand`` times the scenario's vehicles; drivers mind their own cost.

    Returns
    -------
    dict
        ``loop``, ``method``, ``limits``, ``demand``, ``outcome``; measures of the iterate returned; least and largest
        excess, largest price gap and mean residual of the last quarter. Where a grid problem has no optimum, its
        status instead.
    """
    method, changes = LOOPS[loop]
    keys = {"coordination.iterations": ITERATIONS, "coordination.exact_iterations": ITERATIONS}
    keys |= {"fleet.vehicles": demand * scenario.fleet.vehicles, "switches.limits": limits}
    head = {"loop": loop, "method": method, "limits": limits, "demand": demand}
    try:
        run = coordinate(scenario.replace(keys | changes), method=method, objective="user")
    except SolverError as error:
        return head | {"outcome": "no optimum", "status": str(error).splitlines()[0]}
    table, certificate = run.convergence, run.certificate
    last = table.iloc[-_n_last(table) :]
    return head | {
        "outcome": outcome_of(table, scenario.coordination.tol_relative_gap),
        "excess_cny_veh": certificate.excess_cny_veh,
        "relative_gap": certificate.relative_gap,
        "price_gap": certificate.price_gap,
        "last_excess_low_cny_veh": last["excess_cny_veh"].min(),
        "last_excess_high_cny_veh": last["excess_cny_veh"].max(),
        "last_price_gap": last["price_gap"].abs().max(),
        "last_flow_residual": _moved(table),
        "status": "optimal",
    }


def map_settling(scenario, cases=None, *, workers: int = 1) -> pd.DataFrame:
    """The outcome of every loop at every demand, with soft and with hard limits.

    Parameters
    ----------
    scenario : Scenario
    cases : iterable of (loop, limits, demand), optional
        All of ``LOOPS``, ``LIMITS`` and ``DEMANDS``, if not given.
    workers : int
        Processes; the numbers do not depend on it.

    Returns
    -------
    DataFrame
        One row a case, see :func:`run_loop`.
    """
    cases = list(cases or product(LOOPS, LIMITS, DEMANDS))
    rows = []
    with ProcessPoolExecutor(workers) as pool:
        outcomes = pool.map(run_loop, [scenario] * len(cases), *zip(*cases, strict=True))
        for row in tqdm(outcomes, total=len(cases), unit="run", leave=False, disable=None):
            rows.append(row)
            log.info("%s, %s, demand x %g: %s", row["loop"], row["limits"], row["demand"], row["outcome"])
    return pd.DataFrame(rows)


def write(folder: Path = RESULTS) -> Path:
    """Map the small case and write the table (about ten minutes on two cores)."""
    scenario, code = load_scenario("mini"), run_hash(MAKERS[SETTLING_FILE])
    notes = (
        f"scenario: mini {scenario.hash}, objective user, charging v2g, {ITERATIONS} iterations",
        "demand: times the scenario's vehicles; outcome: see study.experiments.convergence_map.outcome_of",
    )
    table = map_settling(scenario, workers=min(2, os.cpu_count() or 1))
    return write_table(SETTLING_FILE, table, code, notes, folder=folder)
